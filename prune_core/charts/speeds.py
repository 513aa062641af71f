"""How long an epoch takes here: measured in the latest run of each network on each data set, or guessed before the first."""

from collections.abc import Mapping
from math import log10
from typing import NamedTuple

import plotly.graph_objects as go

from .. import catalogue
from . import words
from .theme import Theme, figure, nothing

X = "Seconds per epoch, log scale"
TICKS = tuple(m * 10.0**e for e in range(-4, 6) for m in (1, 2, 5))


class Speed(NamedTuple):
    """Seconds of one pass over the training images."""

    model: str
    dataset: str
    seconds: float
    images: int


class Speeds(NamedTuple):
    """Fastest first. `guessed`: from the catalogue's references, nothing was measured here."""

    rows: tuple[Speed, ...] = ()
    guessed: bool = False

    @property
    def sentence(self) -> str:
        if not self.rows:
            return "Nothing has been trained here yet, so no speed is known."
        fast, slow = self.rows[0], self.rows[-1]
        if self.guessed:
            return (
                f"Nothing has been trained here yet, so no speed is known. As a first guess an epoch takes {took(fast.seconds)} "
                f"with {fast.model} on {fast.dataset} and {took(slow.seconds)} with {slow.model} on {slow.dataset}."
            )
        first = f"An epoch of {slow.model} on {slow.dataset} takes {took(slow.seconds)} here"
        return f"{first}." if len(self.rows) == 1 else f"{first}; one of {fast.model} on {fast.dataset} takes {took(fast.seconds)}."

    def table(self) -> dict[str, list[object]]:
        return {
            "Network": [row.model for row in self.rows],
            "Data": [row.dataset for row in self.rows],
            "Seconds per epoch": [round(row.seconds, 4) for row in self.rows],
            "Images per second": [round(row.images / row.seconds) if row.seconds else None for row in self.rows],
            "Known from": ["a first guess" if self.guessed else "a run here"] * len(self.rows),
        }


def took(seconds: float) -> str:
    """0.0213 -> "0.021 s", 0.86 -> "0.86 s", 42 -> "42 s", 150 -> "2 min"."""
    return f"{seconds:.2g} s" if seconds < 99.5 else words.duration(seconds)


def speeds(measured: Mapping[tuple[str, str], float]) -> Speeds:
    """(`RunSpec.network`, data set by name) -> seconds per epoch; what the catalogue does not know is left out."""
    known = [
        Speed(title, catalogue.datasets[data].title, seconds, catalogue.datasets[data].train)
        for (network, data), seconds in measured.items()
        if (title := catalogue.network_title(network)) and data in catalogue.datasets and seconds > 0
    ]  # fmt: skip
    return Speeds(tuple(sorted(known, key=lambda row: row.seconds)))


def guesses() -> Speeds:
    """What to expect of every network on the smallest data set that fits it, before anything was measured."""
    fitting = [(m, [d for d in catalogue.datasets.values() if d.shape == m.input_shape]) for m in catalogue.models.values()]
    smallest = [(model, min(fits, key=lambda d: d.train)) for model, fits in fitting if fits]
    known = [Speed(m.title, d.title, m.reference_seconds * d.train / 1000, d.train) for m, d in smallest]
    return Speeds(tuple(sorted(known, key=lambda row: row.seconds)), guessed=True)


def draw(numbers: Speeds, theme: Theme, height: int | None = None) -> go.Figure:
    """A dot a network and data set on a log axis, fastest on top, its time beside it; hollow where it is a guess."""
    if not numbers.rows:
        return nothing(theme, height or 200, "Nothing measured yet.", X, "")
    names = [f"{row.model}<br>{row.dataset}" for row in numbers.rows]
    longest = max(len(word) for row in numbers.rows for word in (row.model, row.dataset))
    low, high = log10(numbers.rows[0].seconds) - 0.25, log10(numbers.rows[-1].seconds) + 0.25
    ticks = [t for t in TICKS if low <= log10(t) <= high and (high - low < 1 or f"{t:e}".startswith("1"))]
    fig = figure(
        theme, height or 80 + 44 * len(names), margin={"l": 24 + 8 * longest, "r": 70, "t": 10, "b": 46, "pad": 8},
        xaxis={"title": {"text": X}, "type": "log", "range": [low, high], "tickvals": ticks, "tickangle": 0, "ticktext": [f"{t:g} s" for t in ticks]},
        yaxis={
            "autorange": "reversed", "showgrid": True, "tickfont": {"size": 14, "color": theme.text}, "type": "category", "title": {"text": ""},
        },
    )  # fmt: skip
    fig.add_scatter(
        x=[row.seconds for row in numbers.rows], y=names, mode="markers+text", name="guessed" if numbers.guessed else "measured", cliponaxis=False,
        marker={"color": theme.leaf, "size": 11, "line": {"color": theme.paper, "width": 1.5}, "symbol": "circle-open" if numbers.guessed else "circle"},
        text=[took(row.seconds) for row in numbers.rows], textposition="middle right", textfont={"size": 14, "color": theme.text},
        customdata=[f"{row.images / row.seconds:,.0f}" for row in numbers.rows],
        hovertemplate="%{text} an epoch, %{customdata} images a second<extra></extra>",
    )  # fmt: skip
    return fig
