"""What writes the channels of a group: filters, and batch norms behind them. Where several layers write them, there are several of each."""

from collections.abc import Callable

import torch
from torch import Tensor

from ..catalogue.criteria.channels import Aggregate
from .types import Scores, Scoring

AGGREGATES: dict[Aggregate, Callable[[Tensor], Tensor]] = {
    "mean": lambda found: found.mean(0), "sum": lambda found: found.sum(0), "max": lambda found: found.amax(0), "first": lambda found: found[0],
}  # fmt: skip


def filters(scoring: Scoring[object], name: str) -> list[Tensor]:
    """The filters of a group, float64, (channels, numbers in a filter) of every layer that writes it, in the order of the network."""
    group = scoring.groups[name]
    weights = ((scoring.model.get_parameter(place.name), place.start) for place in group.producers)
    return [w[start : start + group.channels].detach().double().flatten(1) for w, start in weights]


def scales_and_shifts(scoring: Scoring[object], name: str) -> list[tuple[Tensor, Tensor]]:
    """What every batch norm of a group multiplies by and adds, float64, both of shape (channels,)."""
    group = scoring.groups[name]
    assert group.norms, "criteria that need batch norm are offered for networks that have it in every group"
    found = ((scoring.model.get_submodule(place.name), slice(place.start, place.start + group.channels)) for place in group.norms)
    return [(m.weight[here].detach().double(), m.bias[here].detach().double()) for m, here in found]  # type: ignore[index]


def over_writers(scoring: Scoring[object], aggregate: Aggregate, of_each: Callable[[str], list[Tensor]]) -> Scores:
    """One score a channel from those of all that writes it: name -> (channels,)."""
    return {name: AGGREGATES[aggregate](torch.stack(of_each(name))) for name in scoring.groups}


def comparable(norms: Tensor, size: int, normalize: str) -> Tensor:
    """Norms of a layer's filters over their size, or over the mean norm of the filters that are left (1 where none is)."""
    if normalize == "size":
        return norms / size
    if normalize == "mean":
        left = norms[norms > 0]
        return norms / (float(left.mean()) if len(left) else 1.0)
    return norms
