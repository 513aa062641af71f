"""What is left of every layer."""

from typing import NamedTuple

import plotly.graph_objects as go

from ..catalogue import Model
from ..history import History
from . import words
from .theme import Theme, figure


class Bar(NamedTuple):
    """One layer: `kept` of `units` are left; `dead` outputs have no input left."""

    title: str
    kept: int
    units: int
    dead: int = 0

    @property
    def share(self) -> float:
        return self.kept / self.units if self.units else 0.0

    @property
    def percent(self) -> str:
        return words.share(self.share)


class Layers(NamedTuple):
    """Units kept per prunable layer, in the order of the network; `what` they are: weights or channels."""

    bars: tuple[Bar, ...] = ()
    what: str = "weights"
    pruned: bool = False

    @property
    def sentence(self) -> str:
        if not self.bars:
            return "Nothing has been pruned yet."
        kept, units = sum(b.kept for b in self.bars), sum(b.units for b in self.bars)
        if not self.pruned:
            return f"All {units:,} {self.what} are still there."
        if empty := [b.title for b in self.bars if b.kept == 0]:
            return f"{words.listed(empty)} lost all {'their' if len(empty) > 1 else 'its'} {self.what}."
        most, least = max(self.bars, key=lambda b: b.share), min(self.bars, key=lambda b: b.share)
        if most.share - least.share < 0.005:
            return f"{words.of(kept, units, self.what)} stay, about the same share of every layer."
        return f"{least.title} was cut hardest, to {least.percent} of its {self.what}; {most.title} keeps {most.percent}."

    def table(self) -> dict[str, list[object]]:
        return {
            "Layer": [b.title for b in self.bars],
            f"{words.capital(self.what)} kept": [b.kept for b in self.bars],
            words.capital(self.what): [b.units for b in self.bars],
            "Share kept (%)": [round(100 * b.share, 3) for b in self.bars],
            "Outputs without input": [b.dead for b in self.bars],
        }


def titles_of(model: Model) -> dict[str, str]:
    """What people call the layers and channel groups of a model."""
    return {layer.name: layer.title for layer in model.layers} | {group.name: group.title for group in model.channel_groups}


def layers(history: History) -> Layers:
    """What is left now: after the last pruning, or the full layers before the first."""
    if history.spec is None:
        return Layers()
    entry = history.spec.model_entry
    titles = titles_of(entry)
    found = history.prunings[-1].layers if history.prunings else history.layers
    channels = bool(history.prunings) and history.prunings[-1].granularity == "channel"
    return Layers(
        tuple(Bar(titles.get(x.name, x.name), x.kept, x.units, x.dead) for x in found),
        "channels" if channels else "weights",
        bool(history.prunings),
    )


def draw(numbers: Layers, theme: Theme, height: int | None = None, colour: str | None = None) -> go.Figure:
    """Bars from zero, the first layer on top, the full layer pale behind; counts at the right."""
    titles = [b.title for b in numbers.bars]
    fig = figure(
        theme, height or 70 + 30 * max(1, len(titles)), margin={"l": 84, "r": 210, "t": 10, "b": 46, "pad": 8}, barmode="overlay",
        bargap=0.62, meta={"narrow": {"margin": {"r": 64}}},
        xaxis={
            "title": {"text": f"{words.capital(numbers.what)} kept, share of the layer"}, "range": [0, 1],
            "tickvals": [0, 0.25, 0.5, 0.75, 1], "ticktext": ["0", "25 %", "50 %", "75 %", "100 %"],
        },
        yaxis={
            "autorange": "reversed", "showgrid": False, "tickfont": {"size": 14, "color": theme.text}, "type": "category", "title": {"text": ""},
        },
    )  # fmt: skip
    fig.add_bar(
        y=titles, x=[1] * len(titles), orientation="h", marker={"color": theme.before, "cornerradius": 3}, hoverinfo="skip", name="before"
    )
    fig.add_bar(
        y=titles, x=[b.share for b in numbers.bars], orientation="h", marker={"color": colour or theme.leaf, "cornerradius": 3},
        name="kept",
        customdata=[words.of(b.kept, b.units, numbers.what) for b in numbers.bars], hovertemplate="%{y}: %{customdata}<extra></extra>",
    )  # fmt: skip
    for b in numbers.bars:
        fig.add_annotation(
            x=1, xref="paper", y=b.title, xanchor="left", xshift=10, showarrow=False, text=f"{b.kept:,} of {b.units:,} · {b.percent}",
            font={"size": 14, "color": theme.text}, name=f"narrow:{b.percent}",
        )  # fmt: skip
    return fig
