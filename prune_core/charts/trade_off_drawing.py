"""The trade-off as a picture: a line a series through its means, bands over seeds, every run as a dot, names at the right edge."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import plotly.graph_objects as go

from ..statistics import FEWEST
from .curves import plain
from .sizes import SIZES, Across
from .theme import Ink, Style, Theme, faded, figure, nothing
from .trade_off import Point, Series, TradeOff
from .trade_off_frame import Frame, frame_of, x_axis, x_title, y_axis, y_title
from .trade_off_published import names, rings

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "2px,2px", "10px,2px")
OPENED = 12  # runs that can be looked at beside each other
TEMPLATE = "%{hovertext}<extra></extra>"
FEW_EARLY = 2
ENDS_EARLY = 0.2  # of the width: a line that ends further from the right edge has its name at its end


class Label(NamedTuple):
    """A name at the right edge: where its line ends (as the axis has it), its two lines of text."""

    y: float
    name: str
    detail: str
    colour: str


def draw(numbers: TradeOff, theme: Theme, height: int = 392) -> go.Figure:
    """A line a series with three or more seeds, faint threads through the dots of others.

    Points carry the runs behind them as `ids` ("run=ID", or "runs=ID,ID"), for whoever wants to open them.
    """
    drawn = [s for s in numbers.series if any(p.x for p in s.points)]
    if not drawn:
        return nothing(theme, height, "No pruned network has been measured here yet.", x_title(numbers), y_title(numbers))
    frame, looks = frame_of(numbers, drawn), {s.key: look(s, theme) for s in drawn}
    data = [ink for s in numbers.dense for p in s.points for ink in dense(numbers, s, p, theme, frame)]
    data += [band(part, looks[s.key].colour, frame) for s in drawn for part in stretches(s.points)]
    data += rings(numbers, theme, frame)
    data += front(numbers, theme, frame) if numbers.front else []
    data += [ink for s in drawn for ink in (*threads(s, looks[s.key], frame), dots(numbers, s, looks[s.key], theme, frame))]
    data += [ink for s in drawn for ink in line(numbers, s, looks[s.key], theme, frame)]
    x, narrow_x = x_axis(numbers, frame)
    return figure(
        theme, height, data=data, margin={"l": 62, "r": 150, "t": 12, "b": 64, "pad": 4}, xaxis=x, yaxis=y_axis(numbers, frame),
        meta={"narrow": {"margin": {"l": 58, "r": 88, "b": 46}, "xaxis": narrow_x}},
        annotations=[*ends(numbers, drawn, looks, theme, frame, height - 76), *names(numbers, theme, frame)],
    )  # fmt: skip


def look(series: Series, theme: Theme) -> Style:
    """The family's own style for its first series; others of the family have its colour, another dash and a dot in the marker."""
    own = theme.style(series.family)
    if not series.variant:
        return own
    others = [dash for dash in DASHES if dash != own.dash]
    return own._replace(dash=others[(series.variant - 1) % len(others)], marker=f"{own.marker}-dot")


def front(numbers: TradeOff, theme: Theme, frame: Frame) -> list[Ink]:
    """The Pareto front as a broad pale line: from one of its networks to the next, larger one."""
    best = [(p.x, p.mean) for _, p in numbers.best]
    return [{
        "type": "scatter", "mode": "lines", "x": [x for x, _ in best], "y": [frame.place(y or 0.0) for _, y in best], "hoverinfo": "skip", "name": "front",
        "line": {"color": faded(theme.leaf, 0.35), "width": 10, "shape": "hv"},
    }]  # fmt: skip


def stretches(found: Sequence[Point]) -> list[list[Point]]:
    """Two and more points with an interval that follow each other; one without stands between two stretches."""
    parts: list[list[Point]] = [[]]
    for p in found:
        if p.low is not None and p.x:
            parts[-1].append(p)
        else:
            parts.append([])
    return [part for part in parts if len(part) > 1]


def band(part: Sequence[Point], colour: str, frame: Frame) -> Ink:
    low, high = [frame.place(p.low or 0.0) for p in part], [p.high for p in part]
    xs = [p.x for p in part]
    return {
        "type": "scatter", "mode": "lines", "x": [*xs, *reversed(xs)], "y": [*high, *reversed(low)], "fill": "toself", "hoverinfo": "skip",
        "fillcolor": faded(colour, 0.13), "line": {"width": 0},
    }  # fmt: skip


def threads(series: Series, style: Style, frame: Frame) -> list[Ink]:
    """A faint line through the dots of each seed where there are too few for a mean: which dots belong together, and no more."""
    if all(p.n >= FEWEST for p in series.points):
        return []
    seeds = sorted({d.seed for p in series.points if p.n < FEWEST for d in p.dots})[: FEWEST - 1]
    own = {seed: [(d.x, d.y) for p in series.points for d in p.dots if d.seed == seed and d.x] for seed in seeds}
    return [
        {
            "type": "scatter", "mode": "lines", "x": [x for x, _ in found], "y": [frame.place(y) for _, y in found], "hoverinfo": "skip",
            "line": {"color": faded(style.colour, 0.45), "width": 1.25, "dash": style.dash},
        }
        for found in own.values()
    ]  # fmt: skip


def dots(numbers: TradeOff, series: Series, style: Style, theme: Theme, frame: Frame) -> Ink:
    """Every run: small beside a mean, of full size where fewer than three stand alone, hollow where it stayed at chance."""
    own = [(d, p.n >= FEWEST) for p in series.points for d in p.dots if d.x]
    hollow = f"{style.marker.removesuffix('-dot')}-open"
    marker = {
        "size": one([5 if small else 9 for _, small in own]), "opacity": one([0.6 if small else 1 for _, small in own]), "color": style.colour,
        "symbol": one([hollow if d.at_chance else style.marker for d, _ in own]),
        "line": {"width": 1, "color": theme.paper},
    }  # fmt: skip
    texts = [
        f"<b>{plain(d.title)}</b><br>{size(numbers, d.x)}<br>{value(numbers, d.y)}"
        f"{'<br>stayed at chance: in no mean' if d.at_chance else ''}{'' if small else f'<br>{plain(series.cost.words)}'}"
        for d, small in own
    ]
    return {
        "type": "scatter", "mode": "markers", "x": [d.x for d, _ in own], "y": [frame.place(d.y) for d, _ in own], "marker": marker,
        "ids": [f"run={d.run}" for d, _ in own], "name": plain(series.label), "cliponaxis": False, "hovertext": texts, "hovertemplate": TEMPLATE,
    }  # fmt: skip


def one(values: list[Any]) -> Any:
    """The value that all of them have, else the list: plotly checks a list value by value, and some have a thousand."""
    return values[0] if values and all(value == values[0] for value in values) else values


def line(numbers: TradeOff, series: Series, style: Style, theme: Theme, frame: Frame) -> list[Ink]:
    """The means of three and more seeds."""
    own = [p for p in series.points if p.n >= FEWEST and p.x]
    if not own:
        return []
    return [{
        "type": "scatter", "mode": "lines+markers", "x": [p.x for p in own], "y": [frame.place(p.mean or 0.0) for p in own],
        "ids": [opening(p) for p in own], "name": plain(series.label), "line": {"color": style.colour, "width": 2.25, "dash": style.dash},
        "marker": {"color": style.colour, "symbol": style.marker, "size": 9, "line": {"color": theme.paper, "width": 1.5}},
        "cliponaxis": False, "hovertext": [about(numbers, series, p) for p in own], "hovertemplate": TEMPLATE,
    }]  # fmt: skip


def dense(numbers: TradeOff, series: Series, p: Point, theme: Theme, frame: Frame) -> list[Ink]:
    """The full network: its mean as a grey line across with its band, or a line a run where there are fewer than three."""
    left, middle, right = frame.across
    found: list[Ink] = []
    if p.low is not None and p.high is not None:
        ends = [p.high, p.high, frame.place(p.low), frame.place(p.low)]
        found.append({
            "type": "scatter", "mode": "lines", "x": [left, right, right, left], "y": ends, "fill": "toself", "hoverinfo": "skip",
            "fillcolor": faded(theme.dense, 0.16), "line": {"width": 0},
        })  # fmt: skip
    values = [p.mean] if p.mean is not None and p.n >= FEWEST else [d.y for d in p.dots]
    return found + [
        {
            "type": "scatter", "mode": "lines", "x": [left, middle, right], "y": [frame.place(y)] * 3, "ids": [opening(p)] * 3, "name": "dense",
            "line": {"color": theme.dense, "width": 1.5}, "hovertext": [about(numbers, series, p)] * 3, "hovertemplate": TEMPLATE,
        }
        for y in values
    ]  # fmt: skip


def opening(p: Point) -> str:
    """The runs behind a point, as whoever opens them is told."""
    return f"run={p.runs[0]}" if len(p.runs) == 1 else f"runs={','.join(p.runs[:OPENED])}"


def ends(numbers: TradeOff, drawn: Sequence[Series], looks: dict[str, Style], theme: Theme, frame: Frame, pixels: int) -> list[Ink]:
    """Names at the right edge, moved apart; a line that ends early has its name at its end."""
    edge: list[tuple[float, Label]] = []
    early: list[tuple[float, Label]] = []
    for s in drawn:
        last = min((p for p in s.points if p.x), key=lambda p: p.x or 0.0)
        label = Label(frame.label(height_of(last)), s.name, s.detail, looks[s.key].label)
        x, (left, right) = math.log10(last.x or 1), frame.x
        (early if (x - right) / (left - right) > ENDS_EARLY else edge).append((x, label))
    for s in numbers.dense:
        edge.append(
            (
                frame.x[1],
                Label(frame.label(height_of(s.points[0])), "Dense", s.detail, theme.soft),
            )
        )
    if len(early) > FEW_EARLY:  # they would write over each other, and have room beside the others
        edge, early = edge + early, []
    tall = (frame.y[1] - frame.y[0]) / pixels
    places = spread([each.y for _, each in edge], [(35 if each.detail else 20) * tall for _, each in edge], *frame.y)
    at_edge: list[Ink] = [
        {
            "x": 1, "xref": "paper", "y": y, "xanchor": "left", "xshift": 12, "align": "left", "showarrow": False,
            "name": f"narrow:<b>{plain(each.name)}</b>", "font": {"size": 14, "color": each.colour},
            "text": f"<b>{plain(each.name)}</b>" + (f'<br><span style="font-size:12px">{plain(each.detail)}</span>' if each.detail else ""),
        }
        for (_, each), y in zip(edge, places, strict=True)
    ]  # fmt: skip
    return at_edge + [
        {
            "x": x, "y": each.y, "xanchor": "left", "xshift": 8, "yshift": 11, "align": "left", "showarrow": False, "name": "wide",
            "bgcolor": faded(theme.paper, 0.75), "borderpad": 0, "font": {"size": 12, "color": each.colour},
            "text": f"<b>{plain(each.name)}</b> {plain(each.detail.rpartition(', ')[2])}",
        }
        for x, each in early
    ]  # fmt: skip


def height_of(p: Point) -> float:
    return p.mean if p.mean is not None and p.n >= FEWEST else max(d.y for d in p.dots)


def spread(values: Sequence[float], heights: Sequence[float], low: float, high: float) -> list[float]:
    """The values moved apart so that labels of these heights, centred on them, don't touch; within low and high while there is room."""
    order = sorted(range(len(values)), key=lambda i: values[i])
    places, floor = list(values), low
    for i in order:
        places[i] = max(values[i], floor + heights[i] / 2)
        floor = places[i] + heights[i] / 2
    ceiling = high
    for i in reversed(order):
        places[i] = min(places[i], ceiling - heights[i] / 2)
        ceiling = places[i] - heights[i] / 2
    return places


def value(numbers: TradeOff, y: float) -> str:
    return f"{numbers.up} {100 * y:.2f} %"


def size(numbers: TradeOff, x: float | None) -> str:
    return told_size(x, numbers.whole, numbers.across) if x else ""


@lru_cache(maxsize=4096)
def told_size(x: float, whole: float, across: Across) -> str:
    """How large a network is; the thousands of runs of one picture have few different sizes."""
    told = SIZES[across].told(x, whole)
    return f"{told}, {whole / x:.3g} times smaller" if SIZES[across].unit and across != "effective" else told


def about(numbers: TradeOff, series: Series, p: Point) -> str:
    """What a mean says on hover: whose it is, where it lies, of how many seeds, what it took."""
    around = f" ({100 * p.low:.2f} to {100 * p.high:.2f})" if p.low is not None and p.high is not None else ""
    told = value(numbers, p.mean) + around if p.mean is not None else "stayed at chance"
    lines = [
        f"<b>{plain(p.title)}</b>",
        size(numbers, p.x) if p.asked or series.family else "",
        told,
        plain(p.seeds),
        plain(p.mixed or ""),
        plain(series.cost.words),
    ]
    return "<br>".join(filter(None, lines))
