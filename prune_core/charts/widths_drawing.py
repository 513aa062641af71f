"""Widths as a picture: an espalier a pick, its trunk with a branch a layer, the first layer lowest, the original pale behind.

`draw` for figures that stand still; `scene` is the same for the browser, where a slider moves through the prunings.
"""

import math
from collections.abc import Mapping
from typing import Any, Literal

import plotly.graph_objects as go

from . import words
from .curves import dashes, plain
from .theme import DARK, LIGHT, Ink, Theme, faded, figure, nothing
from .widths import Kept, Moment, Profile, Row, Widths

By = Literal["share", "count"]
SPAN = 0.82  # of the distance between two trunks: the longest branch


def scale(numbers: Widths, by: By) -> list[float]:
    """How long the whole of each layer is drawn, from 0 to 1: all alike by share, in proportion by count."""
    largest = max((row.units for row in numbers.rows), default=1)
    return [1.0 if by == "share" else row.units / largest for row in numbers.rows]


def draw(numbers: Widths, theme: Theme, removed: float | None = None, by: By = "share", height: int | None = None) -> go.Figure:
    """Every pick with so much removed (None: at its end)."""
    if not numbers.profiles:
        return nothing(theme, height or 300, "Nothing here has pruned a network yet.", "Kept", "Layer")
    removed = numbers.positions[-1] if removed is None else removed
    titles, lengths = [row.title for row in numbers.rows], scale(numbers, by)
    data: list[Ink] = []
    for i, p in enumerate(numbers.profiles):
        m, colour = p.moments[p.at(removed)], theme.style(p.family).colour
        shares = [k.mean / row.units * length * SPAN for k, row, length in zip(m.kept, numbers.rows, lengths, strict=True)]
        common: Ink = {"type": "bar", "orientation": "h", "y": titles, "width": 0.62}
        data.append(common | {
            "x": [SPAN * length for length in lengths], "base": [i - SPAN * length / 2 for length in lengths], "hoverinfo": "skip",
            "marker": {"color": theme.before, "cornerradius": 3}, "name": "before",
        })  # fmt: skip
        data.append(common | {
            "x": shares, "base": [i - share / 2 for share in shares], "marker": {"color": colour, "cornerradius": 3}, "name": plain(p.label),
            "hovertext": [f"{plain(p.label)}<br>{said(row, k, numbers.what)}" for row, k in zip(numbers.rows, m.kept, strict=True)],
            "hovertemplate": "%{hovertext}<extra></extra>",
        })  # fmt: skip
    return figure(
        theme, height or 90 + 27 * len(titles), data=data, barmode="overlay", margin={"l": 84, "r": 12, "t": 10, "b": 64, "pad": 8},
        xaxis={
            "title": {"text": f"{words.capital(numbers.what)} kept, {'share of each layer' if by == 'share' else 'number'}"}, "showgrid": False,
            "tickvals": list(range(len(numbers.profiles))), "range": [-0.5, len(numbers.profiles) - 0.5],
            "ticktext": [f"<b>{plain(p.label)}</b><br>{summary(numbers, p.moments[p.at(removed)])}" for p in numbers.profiles],
        },
        yaxis={"type": "category", "categoryarray": titles, "showgrid": False, "title": {"text": ""}, "tickfont": {"size": 14, "color": theme.text}},
        shapes=[
            {"type": "line", "x0": i, "x1": i, "y0": 0, "y1": 1, "yref": "paper", "layer": "below", "line": {"color": theme.line, "width": 3}}
            for i in range(len(numbers.profiles))
        ],
    )  # fmt: skip


def said(row: Row, k: Kept, what: str) -> str:
    """One layer in words: what is left, and over how many seeds with what spread."""
    mean = f"{k.mean:,.0f}" if k.mean >= 100 else f"{k.mean:,.1f}".removesuffix(".0")
    where = f" ({row.resolution})" if row.resolution else ""
    of = f"{row.title}{where}: {mean} of {row.units:,} {what} ({words.share(k.mean / row.units)})"
    if k.n == 1:
        return of
    if k.low == k.high:
        return f"{of}, the same for all {k.n} seeds"
    spread = "" if k.cv is None else f", standard deviation {k.sd:,.3g}, variation {100 * k.cv:.2g} %"
    return f"{of}, mean of {k.n} seeds; {k.low:,} to {k.high:,}{spread}"


def summary(numbers: Widths, m: Moment) -> str:
    return f"{m.total:,.0f} of {numbers.units:,} {numbers.what}"


def scene(numbers: Widths, key: str, chosen: float, drawing: str, by: By) -> dict[str, Any]:
    """The picture as plain data for the browser: every moment of every pick, and which moment each position of the slider shows."""
    return {
        "key": key, "drawing": drawing, "by": by, "what": numbers.what, "span": scale(numbers, by),
        "label": f"{words.capital(numbers.what)} kept per layer of {numbers.network}, the first layer lowest",
        "rows": [{"title": row.title, "units": row.units, "resolution": row.resolution} for row in numbers.rows],
        "positions": [{"removed": removed, "words": words.share(removed)} for removed in numbers.positions],
        "chosen": nearest(numbers, chosen), "slider": slider(numbers),
        "profiles": [one(numbers, p, dash) for p, dash in zip(numbers.profiles, dashes([p.family for p in numbers.profiles], LIGHT), strict=True)],
        "themes": {"light": inks(LIGHT), "dark": inks(DARK)},
    }  # fmt: skip


def one(numbers: Widths, p: Profile, dash: str) -> dict[str, Any]:
    light, dark = LIGHT.style(p.family), DARK.style(p.family)
    return {
        "label": p.label, "dash": dash, "at": [p.at(removed) for removed in numbers.positions],
        "light": [light.colour, light.label], "dark": [dark.colour, dark.label],
        "moments": [
            {
                "total": f"{m.total:,.0f} of {numbers.units:,}", "when": when(p, i),
                "kept": [[k.mean, k.low, k.high] for k in m.kept],
                "words": [said(row, k, numbers.what) for row, k in zip(numbers.rows, m.kept, strict=True)],
                "short": [short(row, k) for row, k in zip(numbers.rows, m.kept, strict=True)],
            }
            for i, m in enumerate(p.moments)
        ],
    }  # fmt: skip


def short(row: Row, k: Kept) -> list[str]:
    """What stands beside a branch: share and count."""
    return [words.share(k.mean / row.units), f"{k.mean:,.0f}"]


def when(p: Profile, i: int) -> str:
    """Which of its prunings a moment is: "pruning 2 of 5, epoch 12"."""
    epoch = p.moments[i].epoch
    if epoch is None:
        return "before any pruning"
    last = len(p.moments) - 1
    if p.steps:
        return f"removal {math.ceil(p.steps * i / last):,} of {p.steps:,}, epoch {words.epoch(epoch)}"
    which = "pruned" if last == 1 else f"pruning {i} of {last}"
    return f"{which} before training" if epoch == 0 else f"{which}, epoch {words.epoch(epoch)}"


def slider(numbers: Widths) -> str:
    units = {p.unit for p in numbers.profiles}
    return f"{units.pop().capitalize()}s removed" if len(units) == 1 else "Removed"


def nearest(numbers: Widths, removed: float) -> int:
    """The slider's position nearest to a share."""
    return min(range(len(numbers.positions)), key=lambda i: abs(numbers.positions[i] - removed))


def inks(theme: Theme) -> Mapping[str, str]:
    return {
        "text": theme.text, "soft": theme.soft, "grid": theme.grid, "trunk": theme.line, "before": theme.before, "paper": theme.paper,
        "shade": faded(theme.paper, 0.45),
    }  # fmt: skip
