"""Validation accuracy of a pruned run and its twins over training, one seed of each."""

from collections.abc import Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from ..history import History
from . import accuracy as curve
from . import words
from .accuracy import FLOORS, Accuracy
from .curves import apart
from .scratch import PRUNED, look
from .theme import Theme, faded, figure, nothing
from .variants import quoted

X, Y = "Epoch", "Validation accuracy"
EARLY = 0.9  # of the longest run
SHORT = {PRUNED: "Pruned", "scratch_e": "Scratch-E", "equal_pipeline": "Scratch", "dense": "Dense", "dense_longer": "Longer"}
DASHES = {
    "scratch_e": "dot",
    "equal_pipeline": "solid",
    "dense": "dot",
    "dense_longer": "solid",
    "random": "dash",
    "shuffled": "dashdot",
    "inverted": "longdash",
}


class Line(NamedTuple):
    """One run: the `name` and `title` of its row, and its curve."""

    name: str
    title: str
    curve: Accuracy


class ScratchCurves(NamedTuple):
    """Runs of one seed that have measured anything, in the order of their rows."""

    lines: tuple[Line, ...] = ()
    seed: int = 0

    @property
    def sentence(self) -> str:
        ends = [(line.title, line.curve.now[1]) for line in self.lines if line.curve.now]
        if not ends:
            return "None of these runs has measured anything yet."
        if len(ends) == 1:
            return f"{quoted(ends[0][0])} stands at {words.accuracy(ends[0][1])} of the validation images."
        best, worst = max(ends, key=lambda e: e[1]), min(ends, key=lambda e: e[1])
        if words.accuracy(best[1]) == words.accuracy(worst[1]):
            return f"{'Both' if len(ends) == 2 else f'All {words.counted(len(ends))}'} stand at {words.accuracy(best[1])} of the validation images."
        return (
            f"At seed {self.seed}, {quoted(best[0])} stands highest, at {words.accuracy(best[1])} of the validation images; "
            f"{quoted(worst[0])} lowest, at {words.accuracy(worst[1])}."
        )

    def table(self) -> dict[str, list[object]]:
        rows = [
            (line.title, e, round(100 * a, 2)) for line in self.lines for e, a in zip(line.curve.epochs, line.curve.accuracy, strict=True)
        ]
        return {"Run": [r[0] for r in rows], "Epoch": [r[1] for r in rows], "Validation accuracy (%)": [r[2] for r in rows]}


def scratch_curves(found: Sequence[tuple[str, str, History]], seed: int) -> ScratchCurves:
    """found: (name, title, history) in the order of the rows."""
    lines = (Line(name, title, curve.accuracy(history)) for name, title, history in found if history.validation)
    return ScratchCurves(tuple(lines), seed)


def floor_of(lines: Sequence[Line]) -> float:
    """Where the accuracy axis starts: as high as every drop and all but the first third of each run allow."""
    late = [a for line in lines for e, a in zip(line.curve.epochs, line.curve.accuracy, strict=True) if e >= line.curve.until / 3]
    lowest = min(
        [*late, *(c.after for line in lines for c in line.curve.cuts if c.epoch > 0), *(x.curve.now[1] for x in lines if x.curve.now)]
    )
    return max(f for f in FLOORS if f == 0 or f <= lowest - 0.005)


def draw(numbers: ScratchCurves, theme: Theme, height: int = 320) -> go.Figure:
    """A line a run, its title at its end; the pruned one with its drops."""
    lines = numbers.lines
    if not lines:
        return nothing(theme, height, "Nothing measured yet.", X, Y)
    until = max([1.0, *(line.curve.until for line in lines)])
    floor = floor_of(lines)
    ticks = curve.y_ticks(floor)
    fig = figure(
        theme, height, margin={"l": 62, "r": 32 + 8 * max(len(line.title) for line in lines), "t": 14, "b": 46, "pad": 4},
        meta={"narrow": {"margin": {"r": 78}}},
        xaxis={"title": {"text": X}, "range": [0, until], "showgrid": False, **curve.epoch_ticks(until)},
        yaxis={
            "title": {"text": Y}, "range": [floor, 1 + 0.04 * (1 - floor)], "tickvals": ticks, "ticktext": [f"{round(100 * t)} %" for t in ticks],
        },
    )  # fmt: skip
    for line in sorted(lines, key=lambda line: line.name == PRUNED):
        colour, _, _ = look(line.name, theme)
        for ink in curve.traces(line.curve, colour):
            if ink["name"] == "accuracy":
                ink["line"] = ink["line"] | {"dash": DASHES.get(line.name, "solid")}
                ink["hovertemplate"] = f"{line.title}<br>{ink['hovertemplate']}"
            fig.add_trace(ink)
    label(fig, lines, theme, until, floor, 19 / (height - 60) * 1.04 * (1 - floor))
    return fig


def label(fig: go.Figure, lines: Sequence[Line], theme: Theme, until: float, floor: float, room: float) -> None:
    """Titles at the right edge, moved apart; a line that ends early has its title under its own end."""
    late = [line for line in lines if line.curve.until >= EARLY * until]
    ends = {line.name: max(floor, line.curve.now[1] if line.curve.now else floor) for line in lines}
    for line, place in zip(late, apart([ends[line.name] for line in late], room), strict=True):
        fig.add_annotation(
            x=1, xref="paper", y=place, text=line.title, showarrow=False, xanchor="left", xshift=14, align="left",
            name=f"narrow:{SHORT.get(line.name, line.title)}", font={"size": 14, "color": look(line.name, theme)[1], "weight": 700},
        )  # fmt: skip
    early = [line for line in lines if line not in late]
    for line, place in zip(early, apart([ends[line.name] for line in early], room), strict=True):
        fig.add_annotation(
            x=line.curve.until, y=place - room, text=SHORT.get(line.name, line.title), showarrow=False, xanchor="right", align="right",
            bgcolor=faded(theme.paper, 0.75), borderpad=0, font={"size": 12, "color": look(line.name, theme)[1], "weight": 700},
        )  # fmt: skip
