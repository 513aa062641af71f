"""Validation accuracy of several runs, together."""

from collections.abc import Iterable
from typing import NamedTuple

import plotly.graph_objects as go

from ..history import History
from . import words
from .accuracy import FLOORS, y_ticks
from .theme import Theme, figure, nothing

DASHES = ("solid", "dot", "dashdot", "longdash", "dash", "longdashdot")
X, Y = "Epoch", "Validation accuracy"


class Series(NamedTuple):
    """One run: `title` in full, `label` for the end of its line, its criterion's `family` (None: nothing was pruned)."""

    title: str
    label: str
    family: str | None
    epochs: tuple[float, ...]
    accuracy: tuple[float, ...]


class Curves(NamedTuple):
    """The runs that measured anything, in the order given."""

    series: tuple[Series, ...] = ()

    @property
    def sentence(self) -> str:
        if not self.series:
            return "None of these runs has measured anything yet."
        if len(self.series) == 1:
            return f"{self.series[0].label} stands at {words.accuracy(self.series[0].accuracy[-1])} of the validation images."
        best, worst = max(self.series, key=lambda s: s.accuracy[-1]), min(self.series, key=lambda s: s.accuracy[-1])
        if words.accuracy(best.accuracy[-1]) == words.accuracy(worst.accuracy[-1]):
            return f"All {words.counted(len(self.series))} stand at {words.accuracy(best.accuracy[-1])} of the validation images."
        return (
            f"{best.label} stands highest, at {words.accuracy(best.accuracy[-1])} of the validation images; "
            f"{worst.label} lowest, at {words.accuracy(worst.accuracy[-1])}."
        )

    def table(self) -> dict[str, list[object]]:
        rows = [(s.title, epoch, round(100 * a, 2)) for s in self.series for epoch, a in zip(s.epochs, s.accuracy, strict=True)]
        return {"Run": [r[0] for r in rows], "Epoch": [r[1] for r in rows], "Validation accuracy (%)": [r[2] for r in rows]}


def curves(runs: Iterable[tuple[str, History]]) -> Curves:
    """Curves of (title, history); runs that measured nothing are left out."""
    measured = [(title, history) for title, history in runs if history.validation]
    labels = differing([title for title, _ in measured])
    return Curves(tuple(one(title, label, history) for (title, history), label in zip(measured, labels, strict=True)))


def one(title: str, label: str, history: History) -> Series:
    entry = history.spec.criterion_entry if history.spec else None
    curve = {e.epoch: e.quality.accuracy for e in history.validation}
    return Series(title, label, entry.family if entry else None, tuple(curve), tuple(curve.values()))


def differing(titles: list[str]) -> list[str]:
    """What tells the titles apart: the parts that not all of them have; of a single one its first."""
    parts = [title.split(" · ") for title in titles]
    common = set.intersection(*map(set, parts)) if parts else set()
    return [" · ".join(p for p in each if p not in common) or each[0] for each in parts]


def draw(numbers: Curves, theme: Theme, height: int = 260) -> go.Figure:
    """A line a run in its criterion's colour and dash, its label at its end. Runs of one family differ by dash."""
    if not numbers.series:
        return nothing(theme, height, "Nothing measured yet.", X, Y)
    until = max(s.epochs[-1] for s in numbers.series)
    settled = [a for s in numbers.series for a in (s.accuracy[max(1, len(s.accuracy) // 10) :] or s.accuracy)]
    floor = max(f for f in FLOORS if f == 0 or f <= min(settled) - 0.005)
    ticks = y_ticks(floor)
    longest = max(len(s.label) for s in numbers.series)
    fig = figure(
        theme, height, margin={"l": 62, "r": min(280, 24 + 8 * longest), "t": 14, "b": 46, "pad": 4},
        xaxis={"title": {"text": X}, "range": [0, until], "showgrid": False, "nticks": 9},
        yaxis={"title": {"text": Y}, "range": [floor, 1.004], "tickvals": ticks, "ticktext": [f"{round(100 * t)} %" for t in ticks]},
    )  # fmt: skip
    places = apart([s.accuracy[-1] for s in numbers.series], 18 / (height - 60) * (1.004 - floor))
    for i, (series, place) in enumerate(zip(numbers.series, places, strict=True)):
        style = theme.style(series.family)
        before = sum(s.family == series.family for s in numbers.series[:i])
        dash = style.dash if not before else [d for d in DASHES if d != style.dash][(before - 1) % (len(DASHES) - 1)]
        fig.add_scatter(
            x=series.epochs, y=series.accuracy, mode="lines", name=plain(series.label),
            line={"color": style.colour, "width": 2.25, "dash": dash},
            hovertemplate=f"{plain(series.title)}<br>epoch %{{x:.4g}}: %{{y:.1%}}<extra></extra>",
        )  # fmt: skip
        fig.add_scatter(
            x=[series.epochs[-1]], y=[series.accuracy[-1]], mode="markers", hoverinfo="skip", cliponaxis=False, name=plain(series.label),
            marker={"color": style.colour, "symbol": style.marker, "size": 9, "line": {"color": theme.paper, "width": 1.5}},
        )  # fmt: skip
        fig.add_annotation(
            x=1, xref="paper", y=place, text=plain(series.label), showarrow=False, xanchor="left", xshift=10, align="left",
            font={"size": 14, "color": style.label, "weight": 700},
        )  # fmt: skip
    return fig


def apart(values: list[float], gap: float) -> list[float]:
    """The values moved down, from the highest on, as far as it takes to stand `gap` apart."""
    order = sorted(range(len(values)), key=lambda i: -values[i])
    places, ceiling = list(values), float("inf")
    for i in order:
        places[i] = min(values[i], ceiling)
        ceiling = places[i] - gap
    return places


def plain(text: str) -> str:
    """Text that Plotly shows as it is: it would read <b>, <a> and their like."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
