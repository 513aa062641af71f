"""Published values in the trade-off: open rings, a thin dotted line through those of one method, the paper's full network as a line across."""

import math

from ..catalogue.published import Published
from . import words
from .curves import plain
from .theme import Ink, Theme
from .trade_off import TradeOff, printed
from .trade_off_frame import Frame

NEAR_X, NEAR_Y = 0.055, 0.045  # of the picture: closer rings would write over each other


def rings(numbers: TradeOff, theme: Theme, frame: Frame) -> list[Ink]:
    """A trace a method; hovering names the paper and what it counted."""
    by_method: dict[str, list[Published]] = {}
    for entry in numbers.published:
        by_method.setdefault(entry.method, []).append(entry)
    return [ring(numbers, entries, theme, frame) for entries in by_method.values()]


def ring(numbers: TradeOff, entries: list[Published], theme: Theme, frame: Frame) -> Ink:
    first, texts, ys = entries[0], [hover(numbers, e) for e in entries], [printed(numbers, e) for e in entries]
    colour = colour_of(first, theme)
    shared = {"type": "scatter", "name": f"{plain(first.method)}, as published", "line": {"color": colour, "width": 1, "dash": "1px,3px"}}
    shared["hovertemplate"] = "%{hovertext}<extra></extra>"
    if first.sparsity is None:
        return shared | {"mode": "lines", "x": frame.across, "y": ys[:1] * 3, "hovertext": texts[:1] * 3}
    return shared | {
        "mode": "lines+markers", "x": [numbers.weights * (1 - (e.sparsity or 0.0)) for e in entries], "y": ys, "hovertext": texts,
        "marker": {"symbol": "circle-open", "size": 8, "color": colour, "line": {"width": 1.25}},
    }  # fmt: skip


def names(numbers: TradeOff, theme: Theme, frame: Frame) -> list[Ink]:
    """The method under its ring, where it is of a criterion that is drawn and no other ring is in the way; the others say theirs on hover."""
    drawn = {s.family for s in numbers.series}
    taken: list[tuple[float, float]] = []
    found: list[Ink] = []
    for e in sorted((e for e in numbers.published if e.sparsity is not None and e.family in drawn), key=lambda e: e.family != "snip"):
        x, y = math.log10(numbers.weights * (1 - (e.sparsity or 0.0))), frame.label(printed(numbers, e))
        at = (x / abs(frame.x[0] - frame.x[1]), y / abs(frame.y[1] - frame.y[0]))
        if any(abs(at[0] - other[0]) < NEAR_X and abs(at[1] - other[1]) < 2 * NEAR_Y for other in taken):
            continue
        taken.append(at)
        found.append({
            "x": x, "y": y, "text": plain(e.method), "showarrow": False, "yshift": -12, "name": "wide",
            "font": {"size": 11, "color": colour_of(e, theme)},
        })  # fmt: skip
    return found


def colour_of(entry: Published, theme: Theme) -> str:
    return theme.style(entry.family).label if entry.family else theme.soft


def hover(numbers: TradeOff, e: Published) -> str:
    removed = f", {words.share(e.sparsity)} removed" if e.sparsity is not None else ""
    value = f"{numbers.up} {100 * printed(numbers, e):.1f} %"
    return f"<b>{plain(e.method)}{removed}</b> (published)<br>{value}<br>{broken(plain(e.source))}<br>{broken(plain(e.counted))}"


def broken(text: str, most: int = 56) -> str:
    """Text in lines of at most so many characters."""
    lines = [""]
    for word in text.split():
        lines = [*lines[:-1], f"{lines[-1]} {word}".strip()] if len(lines[-1]) + len(word) < most else [*lines, word]
    return "<br>".join(lines)
