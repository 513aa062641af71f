"""How much what is kept depends on the first weights: one criterion at several initialisations (SNIP, table 3, before any training)."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from .. import catalogue
from ..catalogue.networks.options import INITIALISATIONS
from ..events import Scored
from ..history import History
from ..planning import plan
from ..steps import Initialise, Score
from . import words
from .first_layer import tiled
from .layers import titles_of
from .saliency import LOOKED_AT, Files
from .theme import Theme, colours, figure, nothing

ALIKE = 0.05  # shares of a layer that are nearer than this are called the same


class Start(NamedTuple):
    """One initialisation. counts: kept weights of the first layer as a picture (height, width), None where nothing of it is ranked. kept: per layer."""

    title: str
    counts: np.ndarray | None
    kept: tuple[int, ...]


class Starts(NamedTuple):
    """One criterion at one sparsity. `units` of each layer (weights or channels, as `what` says); `of` the most that a place of a picture can keep."""

    criterion: str = ""
    sparsity: float = LOOKED_AT
    layers: tuple[str, ...] = ()
    units: tuple[int, ...] = ()
    what: str = "weights"
    of: int = 0
    starts: tuple[Start, ...] = ()

    @property
    def largest(self) -> int:
        return max((int(s.counts.max(initial=0)) for s in self.starts if s.counts is not None), default=0)

    def shares(self, layer: int) -> list[float]:
        return [s.kept[layer] / self.units[layer] for s in self.starts]

    @property
    def sentence(self) -> str:
        if not self.starts:
            return "Nothing has been scored from several first weights yet."
        spread = [max(self.shares(i)) - min(self.shares(i)) for i in range(len(self.layers))]
        widest = max(range(len(spread)), key=spread.__getitem__)
        removed = f"With {words.share(self.sparsity)} removed, {self.criterion} keeps"
        if max(spread) == 0:
            return f"{removed} the same share of every layer however the first weights are drawn; which {self.what} they are differs."
        if spread[widest] < ALIKE:
            points = f"{100 * spread[widest]:.1f} points apart at most, in {self.layers[widest]}"
            return f"{removed} about the same share of every layer however the first weights are drawn, {points}."
        shares = self.shares(widest)
        low, high = min(range(len(shares)), key=shares.__getitem__), max(range(len(shares)), key=shares.__getitem__)
        return (
            f"{removed} {words.share(shares[high])} of {self.layers[widest]} where the first weights are {self.starts[high].title}, "
            f"and {words.share(shares[low])} where they are {self.starts[low].title}; no layer depends on them more."
        )

    def pictures(self) -> list[tuple[np.ndarray, str, str]]:
        """Counts, words and label of every first layer's mask."""
        return [
            (s.counts, f"{s.title}: {words.of(s.kept[0], self.units[0], self.what)} of {self.layers[0]} kept",
             f"{s.title} · {words.share(s.kept[0] / self.units[0])}")
            for s in self.starts if s.counts is not None
        ]  # fmt: skip

    def table(self) -> dict[str, list[object]]:
        """A row a layer and initialisation."""
        rows = [
            (s.title, layer, kept, units, round(100 * kept / units, 3))
            for s in self.starts for layer, kept, units in zip(self.layers, s.kept, self.units, strict=True)
        ]  # fmt: skip
        return {column: [r[i] for r in rows] for i, column in enumerate(("First weights", "Layer", "Kept", "Of", "Share kept (%)"))}


def starts(history: History, files: Files, sparsity: float = LOOKED_AT) -> Starts:
    """The first criterion of a scoring run at every one of its initialisations; empty where there is no such run."""
    found = list(by_start(history))
    if history.spec is None or not found:
        return Starts()
    first = found[0][1]
    i = min(range(len(first.sparsities)), key=lambda i: abs(first.sparsities[i] - sparsity))
    model = history.spec.model_entry
    channels = {g.name: g.channels for g in model.channel_groups}
    units = {layer.name: layer.weights for layer in model.layers} | channels
    shape, image = model.layers[0].shape, history.spec.dataset_entry.shape[1:]
    members = [
        Start(INITIALISATIONS[name], picture(files.get(event.file or "", {}), i, image), event.kept[i])
        for name, event in found if event.criterion == first.criterion
    ]  # fmt: skip
    names, of_each = tuple(titles_of(model)[name] for name in first.layers), tuple(units[name] for name in first.layers)
    if len(first.kept[i]) < len(names):  # so many layers that a scoring tells their sum alone
        names, of_each = ("All layers",), (sum(of_each),)
    return Starts(
        catalogue.criteria[first.criterion].title, first.sparsities[i], names, of_each, "channels" if first.layers[0] in channels else "weights",
        shape[0] if len(shape) == 2 else shape[1], tuple(members),
    )  # fmt: skip


def by_start(history: History) -> Iterator[tuple[str, Scored]]:
    """Every scoring of a run that only scores, with the initialisation before it: the order of the plan is the order of the events."""
    if history.spec is None or history.spec.protocol != "score":
        return
    scorings, name = iter(history.scorings), ""
    for step in plan(history.spec):
        if isinstance(step, Initialise):
            name = step.initialisation
        elif isinstance(step, Score) and (event := next(scorings, None)):
            yield name, event


def picture(tensors: Mapping[str, np.ndarray], i: int, image: tuple[int, ...]) -> np.ndarray | None:
    """The first layer's mask at sparsity number `i`: pixels, or filters side by side."""
    if "pixels" in tensors:
        return np.asarray(tensors["pixels"][i]).reshape(image)
    return np.pad(tiled(tensors["filters"][i]), 1, constant_values=-1) if "filters" in tensors else None


def draw(numbers: Starts, theme: Theme, height: int = 320) -> go.Figure:
    """The first layer's masks side by side, each named beneath."""
    pictures = numbers.pictures()
    if not pictures:
        return nothing(theme, height, numbers.sentence, "First weights", "First layer")
    found = [colours(counts, numbers.largest) for counts, _, _ in pictures]
    h, w = found[0].shape[:2]
    fig = figure(
        theme, height, margin={"l": 40, "r": 12, "t": 10, "b": 56, "pad": 4},
        xaxis={
            "title": {"text": "First weights"}, "tickvals": [(w + 2) * k + w / 2 for k in range(len(found))], "ticktext": [label for _, _, label in pictures],
            "showgrid": False,
        },
        yaxis={"title": {"text": numbers.layers[0]}, "showticklabels": False, "showgrid": False},
    )  # fmt: skip
    gap = np.full((h, 2, 3), 255, np.uint8)
    joined = np.concatenate([part for each in found for part in (each, gap)][:-1], axis=1)
    return fig.add_image(z=joined, hoverinfo="skip")
