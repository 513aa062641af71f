"""In which order did channels go? Every channel of every layer: kept, or by when it was removed."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from ..catalogue import Model
from ..catalogue.shrunk import groups_of
from ..events import Removed
from ..history import History
from . import words
from .theme import Theme, figure, nothing, plotly_scale

X = "Channel, in the order of the layer as built"
DARKEST, BRIGHTEST = 0.0, 0.72  # of the scale: what went first, and what went last; what is kept is bright
Flags = Mapping[str, NDArray[np.bool_]]


class Row(NamedTuple):
    """A group of channels. steps: for each channel the removal at which it went, counted from 1; 0 where it is kept."""

    title: str
    steps: tuple[int, ...]

    @property
    def kept(self) -> int:
        return self.steps.count(0)

    @property
    def first(self) -> int:
        """The removal at which the layer lost its first channel; 0 where it lost none."""
        return min((step for step in self.steps if step), default=0)


class RemovalOrder(NamedTuple):
    """Rows in network order. last: number of the last removal. single: channels went one by one, not many in each of a few prunings."""

    rows: tuple[Row, ...] = ()
    last: int = 0
    single: bool = True

    @property
    def sentence(self) -> str:
        touched = [row for row in self.rows if row.first]
        if not touched:
            return "No channel has been removed."
        if self.last == 1:
            kept, of = sum(row.kept for row in self.rows), sum(len(row.steps) for row in self.rows)
            return f"{words.of(kept, of, 'channels')} are left; the others went in one pruning."
        what = "removal" if self.single else "pruning"
        first = [row for row in touched if row.first == min(r.first for r in touched)]
        late = max(touched, key=lambda row: row.first)
        untouched = [row.title for row in self.rows if not row.first]
        head = f"{words.listed([row.title for row in first][:3])} lost channels first"
        tail = f", {late.title} last, from {what} {late.first:,} of {self.last:,} on" if late not in first else ""
        spared = f"; {words.listed(untouched[:3])} kept all" if untouched else ""
        return f"{head}{tail}{spared}."

    def table(self) -> dict[str, list[object]]:
        cells = [(row.title, i, step or None, "no" if step else "yes") for row in self.rows for i, step in enumerate(row.steps)]
        names = ("Layer", "Channel", "Removal" if self.single else "Pruning", "Kept")
        return {name: [cell[i] for cell in cells] for i, name in enumerate(names)}


def one_by_one(model: Model, removals: Sequence[Removed]) -> RemovalOrder:
    """From removals of single channels."""
    steps = {group.name: [0] * group.channels for group in model.channel_groups}
    for removal in removals:
        steps[removal.group][removal.channel] = removal.number
    return RemovalOrder(rows_of(model, steps), len(removals))


def by_rounds(model: Model, masks: Sequence[Flags]) -> RemovalOrder:
    """From the masks after every pruning: weight tensor -> kept."""
    steps = {group.name: [0] * group.channels for group in model.channel_groups}
    for i, found in enumerate(masks, 1):
        for group in model.channel_groups:
            place = group.producers[0]
            if (mask := found.get(place.name)) is None:
                continue
            kept = mask[place.start : place.start + group.channels].reshape(group.channels, -1).max(axis=1).tolist()
            steps[group.name] = [step or (0 if stays else i) for step, stays in zip(steps[group.name], kept, strict=True)]
    return RemovalOrder(rows_of(model, steps), len(masks), single=False)


def rows_of(model: Model, steps: Mapping[str, Sequence[int]]) -> tuple[Row, ...]:
    titles = {name: group.title for name, group in groups_of(model).items()}
    return tuple(Row(titles[name], tuple(each)) for name, each in steps.items())


def removal_order(history: History, masks: Sequence[Flags] = ()) -> RemovalOrder:
    """Of a run that removed channels; masks: after each of its prunings, where it did not go channel by channel. Empty for any other run."""
    if history.spec is None or history.spec.resolved_granularity != "channel":
        return RemovalOrder()
    model = history.spec.model_entry
    if history.removals:
        return one_by_one(model, history.removals)
    return by_rounds(model, masks) if masks else RemovalOrder()


def draw(numbers: RemovalOrder, theme: Theme, height: int | None = None) -> go.Figure:
    """A row a layer, the first on top, a cell a channel: bright kept, darker the earlier it went."""
    if not numbers.last:
        return nothing(theme, height or 200, numbers.sentence, X, "Layer")
    titles, widest = [row.title for row in numbers.rows], max(len(row.steps) for row in numbers.rows)
    span = (BRIGHTEST - DARKEST) / max(1, numbers.last - 1)
    what = "removal" if numbers.single else "pruning"
    z = [[1.0 if not s else DARKEST + span * (s - 1) for s in row.steps] + [None] * (widest - len(row.steps)) for row in numbers.rows]
    told = [
        [f"{row.title}, channel {i}: " + (f"{what} {s:,} of {numbers.last:,}" if s else "kept") for i, s in enumerate(row.steps)]
        + [""] * (widest - len(row.steps))
        for row in numbers.rows
    ]
    each = 34 if len(titles) <= 12 else 20
    return figure(
        theme, height or 74 + each * len(titles),
        data=[{
            "type": "heatmap", "x": list(range(widest)), "y": titles, "z": z, "zmin": 0, "zmax": 1, "colorscale": plotly_scale(), "showscale": False,
            "xgap": 1 if widest <= 160 else 0, "ygap": 3, "customdata": told, "hovertemplate": "%{customdata}<extra></extra>", "hoverongaps": False,
            "name": "channels",
        }],
        margin={"l": 92, "r": 12, "t": 8, "b": 48, "pad": 6}, meta={"narrow": {"margin": {"l": 70, "r": 8}}},
        xaxis={"title": {"text": X}, "showgrid": False},
        yaxis={
            "title": {"text": ""}, "type": "category", "autorange": "reversed", "showgrid": False,
            "tickfont": {"size": 14 if each > 20 else 12, "color": theme.text},
        },
    )  # fmt: skip
