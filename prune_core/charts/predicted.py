"""How good is the model of what a channel costs in time? What it says of every timing of a layer beside what was measured."""

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from ..catalogue.shrunk import layers
from ..history import History
from . import words
from .layers import titles_of
from .theme import Theme, figure, nothing
from .timings import Runtime, latency_of, runtime_of

X, Y = "Measured time of a layer, log scale", "Predicted, log scale"


class Timing(NamedTuple):
    """A layer at some widths, in seconds. held: it was no part of what the model was fitted to."""

    title: str
    rows: int
    columns: int
    measured: float
    predicted: float
    held: bool


class Predicted(NamedTuple):
    """Timings of a run, of so many images; and by how much its layers' time fell, as predicted and as measured (None: not measured)."""

    timings: tuple[Timing, ...] = ()
    images: int = 0
    foretold: float | None = None
    found: float | None = None

    @property
    def error(self) -> float:
        """Median error on timings that the model was not fitted to, as a part of what was measured."""
        return float(np.median([abs(t.predicted / t.measured - 1) for t in self.timings if t.held] or [0.0]))

    @property
    def sentence(self) -> str:
        if not self.timings:
            return "No run has fitted a model of its layers' time."
        held = sum(t.held for t in self.timings)
        told = f"On {held} timings that it was not fitted to the model is off by {words.share(round(self.error, 3))} in the middle."
        if self.foretold is None or self.found is None:
            return told
        now, measured = (words.share(round(part, 3)) for part in (self.foretold, self.found))
        return f"{told} It says that the layers take {now} of the full network's time now; measured, it is {measured}."

    def table(self) -> dict[str, list[object]]:
        return {
            "Layer": [t.title for t in self.timings], "Outputs": [t.rows for t in self.timings], "Inputs": [t.columns for t in self.timings],
            "Measured (ms)": [round(1000 * t.measured, 4) for t in self.timings], "Predicted (ms)": [round(1000 * t.predicted, 4) for t in self.timings],
            "Fitted to": ["no" if t.held else "yes" for t in self.timings],
        }  # fmt: skip


def predicted(history: History) -> Predicted:
    """What a run's model said, from its events."""
    told = runtime_of(history)
    if history.spec is None or told is None:
        return Predicted()
    titles = titles_of(history.spec.model_entry)
    timings = tuple(Timing(titles.get(p.layer, p.layer), p.rows, p.columns, p.measured, p.predicted, p.held) for p in told.points)
    latency = latency_of(history)
    times = latency.layers if latency else {}
    found = sum(times["this"].values()) / sum(times["whole"].values()) if times.get("whole") and times.get("this") else None
    return Predicted(timings, told.images, foretold(history, told), found)


def foretold(history: History, told: Runtime) -> float | None:
    """The model's time of what surgery left, as a part of that of the full network."""
    if history.spec is None or history.shrunk is None:
        return None

    def total(widths: dict[str, int]) -> float:
        return sum(
            a + b * x.shape[0] + c * x.shape[1] + d * x.shape[0] * x.shape[1]
            for x in layers(entry, widths) if x.name in told.coefficients for a, b, c, d in (told.coefficients[x.name],)
        )  # fmt: skip

    entry = history.spec.model_entry
    whole = total({})
    return total({group.name: group.kept for group in history.shrunk.groups}) / whole if whole else None


def draw(numbers: Predicted, theme: Theme, height: int = 360) -> go.Figure:
    """A dot a timing; on the line the model is right. Filled: not fitted to."""
    if not numbers.timings:
        return nothing(theme, height, numbers.sentence, X, Y)
    values = [v for t in numbers.timings for v in (t.measured, t.predicted) if v > 0]
    low, high = 0.8 * min(values), 1.25 * max(values)
    axis = {"type": "log", "range": [float(np.log10(low)), float(np.log10(high))]}
    powers = [p * 10.0**e for e in range(-7, 2) for p in (1, 2, 5) if low <= p * 10.0**e <= high]
    ticks = powers if len(powers) <= 7 else powers[:: 1 + len(powers) // 7]
    axis |= {"tickvals": ticks, "ticktext": [words.milliseconds(t) for t in ticks]}
    data: list[dict[str, object]] = [
        {
            "type": "scatter",
            "mode": "lines",
            "x": [low, high],
            "y": [low, high],
            "line": {"color": theme.dense, "width": 1, "dash": "dot"},
            "hoverinfo": "skip",
        }
    ]
    for held, symbol in ((False, "circle-open"), (True, "circle")):
        shown = [t for t in numbers.timings if t.held is held and t.predicted > 0]
        data.append({
            "type": "scatter", "mode": "markers", "x": [t.measured for t in shown], "y": [t.predicted for t in shown], "cliponaxis": False,
            "marker": {"symbol": symbol, "size": 9, "color": theme.leaf}, "name": "not fitted to" if held else "fitted to",
            "hovertext": [
                f"{t.title}, {t.columns} to {t.rows}<br>measured {words.milliseconds(t.measured)}, predicted {words.milliseconds(t.predicted)}" for t in shown
            ],
            "hovertemplate": "%{hovertext}<extra></extra>",
        })  # fmt: skip
    return figure(
        theme, height, data=data, margin={"l": 76, "r": 16, "t": 10, "b": 50, "pad": 4}, xaxis={"title": {"text": X}} | axis,
        yaxis={"title": {"text": Y}} | axis,
    )  # fmt: skip
