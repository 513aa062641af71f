"""Validation accuracy of several runs, together."""

from collections.abc import Iterable, Sequence
from math import inf, log10
from typing import Literal, NamedTuple

import plotly.graph_objects as go

from ..history import History
from . import words
from .accuracy import FLOORS, epoch_ticks, moments, y_ticks
from .theme import Ink, Theme, figure, nothing

DASHES = ("solid", "dot", "dashdot", "longdash", "dash", "longdashdot")
X, Y = "Epoch", "Validation accuracy"
LEAST_ERROR = 1e-4
ERROR_TICKS = tuple(m * 10.0**e for e in range(-4, 1) for m in (1, 2, 5))

Scale = Literal["accuracy", "error"]


class Series(NamedTuple):
    """One run: `title` in full, `label` for the end of its line, its criterion's `family` (None: nothing was pruned).

    `moments`: of every point "measured", "before pruning" or "after pruning". `dash`: of the line; empty: as its family is.
    """

    title: str
    label: str
    family: str | None
    epochs: tuple[float, ...]
    accuracy: tuple[float, ...]
    moments: tuple[str, ...] = ()
    dash: str = ""
    dataset: str = ""


class Curves(NamedTuple):
    """The runs that measured anything, in the order given."""

    series: tuple[Series, ...] = ()

    @property
    def sentence(self) -> str:
        if not self.series:
            return "None of these runs has measured anything yet."
        if len(self.series) == 1:
            return f"{self.series[0].label} stands at {words.accuracy(self.series[0].accuracy[-1])} of the validation images."
        if len({s.dataset for s in self.series}) > 1:
            return f"{words.capital(words.counted(len(self.series)))} runs on different data: their accuracies are not to be compared with each other."
        best, worst = max(self.series, key=lambda s: s.accuracy[-1]), min(self.series, key=lambda s: s.accuracy[-1])
        if words.accuracy(best.accuracy[-1]) == words.accuracy(worst.accuracy[-1]):
            return f"All {words.counted(len(self.series))} stand at {words.accuracy(best.accuracy[-1])} of the validation images."
        return (
            f"{best.label} stands highest, at {words.accuracy(best.accuracy[-1])} of the validation images; "
            f"{worst.label} lowest, at {words.accuracy(worst.accuracy[-1])}."
        )

    def table(self) -> dict[str, list[object]]:
        rows = [(s.title, *point) for s in self.series for point in zip(s.epochs, s.moments, s.accuracy, strict=True)]
        return {
            "Run": [r[0] for r in rows],
            "Epoch": [r[1] for r in rows],
            "Moment": [r[2] for r in rows],
            "Validation accuracy (%)": [round(100 * r[3], 2) for r in rows],
        }


def curves(runs: Iterable[tuple[str, History]]) -> Curves:
    """Curves of (title, history); runs that measured nothing are left out."""
    measured = [(title, history) for title, history in runs if history.validation]
    labels = differing([title for title, _ in measured])
    return Curves(tuple(one(title, label, history) for (title, history), label in zip(measured, labels, strict=True)))


def one(title: str, label: str, history: History) -> Series:
    """The curve of a run with its drops; a pruning before any training drops nothing that was learnt."""
    entry = history.spec.criterion_entry if history.spec else None
    points = [(epoch, 0, accuracy, "measured") for epoch, accuracy in {e.epoch: e.quality.accuracy for e in history.validation}.items()]
    for cut in moments(p for p in history.prunings if p.epoch > 0):
        points += [(cut.epoch, 1, cut.before, "before pruning"), (cut.epoch, 2, cut.after, "after pruning")]
    points.sort(key=lambda point: point[:2])
    x, _, y, what = zip(*points, strict=True) if points else ((), (), (), ())
    return Series(title, label, entry.family if entry else None, x, y, what, dataset=history.spec.data if history.spec else "")


def dashes(families: Sequence[str | None], theme: Theme) -> list[str]:
    """How each line is dashed: as its family is, and runs of one family each in its own way."""
    found = []
    for i, family in enumerate(families):
        own, before = theme.style(family).dash, sum(other == family for other in families[:i])
        found.append(own if not before else [d for d in DASHES if d != own][(before - 1) % (len(DASHES) - 1)])
    return found


def shared(titles: Sequence[str]) -> list[str]:
    """The parts that all of the titles have, in their order."""
    parts = [title.split(" · ") for title in titles]
    return [p for p in dict.fromkeys(parts[0]) if all(p in each for each in parts)] if parts else []


def differing(titles: list[str]) -> list[str]:
    """What tells the titles apart: the parts that not all of them have; of a single one its first."""
    common = shared(titles)
    return [" · ".join(p for p in title.split(" · ") if p not in common) or title.split(" · ")[0] for title in titles]


def draw(numbers: Curves, theme: Theme, height: int = 260, scale: Scale = "accuracy") -> go.Figure:
    """A line a run in its criterion's colour and dash, its label at its end. Runs of one family differ by dash.

    scale: "error" draws what is missing to 100 % on a log axis, where good runs come apart.
    """
    if not numbers.series:
        return nothing(theme, height, "Nothing measured yet.", X, Y)
    until = max(s.epochs[-1] for s in numbers.series)
    settled = [a for s in numbers.series for a in (s.accuracy[max(1, len(s.accuracy) // 10) :] or s.accuracy)]
    values = {id(s): [max(1 - a, LEAST_ERROR) for a in s.accuracy] if scale == "error" else list(s.accuracy) for s in numbers.series}
    axis, low, high = error_axis(settled) if scale == "error" else accuracy_axis(settled)
    longest = max(len(s.label) for s in numbers.series)
    ends = [log10(values[id(s)][-1]) if scale == "error" else values[id(s)][-1] for s in numbers.series]
    places = apart(ends, 18 / (height - 60) * (high - low), low, high)
    fig = figure(
        theme, height, margin={"l": 62, "r": min(280, 24 + 8 * longest), "t": 14, "b": 46, "pad": 4},
        xaxis={"title": {"text": X}, "range": [0, until], "showgrid": False, **epoch_ticks(until)}, yaxis=axis,
    )  # fmt: skip
    for series, place, end, dash in zip(numbers.series, places, ends, dashes([s.family for s in numbers.series], theme), strict=True):
        style, y = theme.style(series.family), values[id(series)]
        fig.add_scatter(
            x=series.epochs, y=y, mode="lines", name=plain(series.label),
            line={"color": style.colour, "width": 2.25, "dash": series.dash or dash},
            customdata=[f"{a:.1%}{'' if what == 'measured' else f' {what}'}" for a, what in zip(series.accuracy, series.moments, strict=True)],
            hovertemplate=f"{plain(series.title)}<br>epoch %{{x:.4g}}: %{{customdata}} right<extra></extra>",
        )  # fmt: skip
        fig.add_scatter(
            x=[series.epochs[-1]], y=[y[-1]], mode="markers", hoverinfo="skip", cliponaxis=False, name=plain(series.label),
            marker={"color": style.colour, "symbol": style.marker, "size": 9, "line": {"color": theme.paper, "width": 1.5}},
        )  # fmt: skip
        fig.add_annotation(
            x=1, xref="paper", y=place, text=plain(series.label), showarrow=False, xanchor="left", xshift=16, align="left",
            font={"size": 14, "color": style.label, "weight": 700},
        )  # fmt: skip
        if series.epochs[-1] == until:
            fig.add_shape(
                type="line", xref="paper", xsizemode="pixel", xanchor=1, x0=6, x1=15, y0=end if scale == "accuracy" else 10**end,
                y1=place if scale == "accuracy" else 10**place, line={"color": theme.line, "width": 1},
            )  # fmt: skip
    return fig


def accuracy_axis(settled: Sequence[float]) -> tuple[Ink, float, float]:
    """The axis, and its ends."""
    floor = max(f for f in FLOORS if f == 0 or f <= min(settled) - 0.005)
    ticks = y_ticks(floor)
    axis = {"title": {"text": Y}, "range": [floor, 1.004], "tickvals": ticks, "ticktext": [f"{round(100 * t)} %" for t in ticks]}
    return axis, floor, 1.004


def error_axis(settled: Sequence[float]) -> tuple[Ink, float, float]:
    """The log axis, and its ends as powers of ten."""
    errors = [max(1 - a, LEAST_ERROR) for a in settled]
    low, high = log10(min(errors)) - 0.06, log10(max(errors)) + 0.06
    ticks = [t for t in ERROR_TICKS if low <= log10(t) <= high]
    axis = {
        "title": {"text": "Validation error, log scale"}, "type": "log", "range": [low, high], "tickvals": ticks,
        "ticktext": [f"{100 * t:g} %" for t in ticks],
    }  # fmt: skip
    return axis, low, high


def apart(values: Sequence[float], gap: float, low: float = -inf, high: float = inf) -> list[float]:
    """The values moved as far as it takes to stand `gap` apart between `low` and `high`: downwards first, up again from the bottom."""
    order = sorted(range(len(values)), key=lambda i: -values[i])
    places = list(values)
    for i in order:
        places[i] = min(values[i], high)
        high = places[i] - gap
    for i in reversed(order):
        places[i] = max(places[i], low)
        low = places[i] + gap
    return places


def plain(text: str) -> str:
    """Text that Plotly shows as it is: it would read <b>, <a> and their like, and in hover texts %{x}."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("%{", "%&#123;")
