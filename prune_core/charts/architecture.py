"""What a network is made of: its prunable layers, in their order, and where its weights are."""

from typing import NamedTuple

import plotly.graph_objects as go

from ..catalogue import Model
from . import words
from .theme import Theme, figure


class Part(NamedTuple):
    """A prunable layer: its title, shape as torch has it, weights, and channels that can be removed from it (0: none)."""

    title: str
    shape: tuple[int, ...]
    weights: int
    channels: int = 0


class Architecture(NamedTuple):
    """Prunable layers of a network, first to last. `parameters`: all trainable numbers; `macs`: multiply-adds of one image."""

    parts: tuple[Part, ...] = ()
    parameters: int = 0
    macs: int = 0

    @property
    def weights(self) -> int:
        return sum(part.weights for part in self.parts)

    @property
    def sentence(self) -> str:
        if not self.parts:
            return "This network has no prunable layer."
        most = max(self.parts, key=lambda part: part.weights)
        where = f"{most.title} holds {words.share(most.weights / self.weights)} of its {self.weights:,} prunable weights"
        channels = sum(part.channels for part in self.parts)
        return f"{where}; {channels} channels can be removed whole." if channels else f"{where}."

    def table(self) -> dict[str, list[object]]:
        return {
            "Layer": [part.title for part in self.parts],
            "Shape": [" × ".join(map(str, part.shape)) for part in self.parts],
            "Weights": [part.weights for part in self.parts],
            "Share (%)": [round(100 * part.weights / self.weights, 3) for part in self.parts],
            "Channels": [part.channels for part in self.parts],
        }


def architecture(model: Model) -> Architecture:
    """The network of a catalogue entry."""
    channels = {group.producer: group.channels for group in model.channel_groups}
    parts = tuple(Part(layer.title, layer.shape, layer.weights, channels.get(layer.name, 0)) for layer in model.layers)
    return Architecture(parts, model.parameters, model.macs)


def draw(numbers: Architecture, theme: Theme, height: int | None = None) -> go.Figure:
    """Weights per layer as bars from zero, the first layer on top, shape and count beside each."""
    titles = [part.title for part in numbers.parts]
    largest = max([1, *(part.weights for part in numbers.parts)])
    fig = figure(
        theme, height or 76 + 40 * max(1, len(titles)), margin={"l": 76, "r": 16, "t": 10, "b": 46, "pad": 8}, bargap=0.5,
        xaxis={"title": {"text": "Prunable weights"}, "range": [0, 1.42 * largest], "nticks": 5, "tickformat": ",d"},
        yaxis={
            "autorange": "reversed", "showgrid": False, "tickfont": {"size": 14, "color": theme.text}, "type": "category", "title": {"text": ""},
        },
    )  # fmt: skip
    said = [f"{' × '.join(map(str, part.shape))} · {part.weights:,}" for part in numbers.parts]
    fig.add_bar(
        y=titles, x=[part.weights for part in numbers.parts], orientation="h", marker={"color": theme.leaf, "cornerradius": 3},
        text=said, textposition="outside", textfont={"size": 13, "color": theme.soft}, cliponaxis=False, constraintext="none", name="weights",
        hovertemplate="%{y}: %{text}<extra></extra>",
    )  # fmt: skip
    return fig
