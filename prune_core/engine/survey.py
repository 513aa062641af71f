"""What would be kept at many sparsities, counted from one set of scores (SNIP, figures 2 and 3): nothing is pruned."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ..allocations.ranking import Flags, Floats, Ranking, levels
from ..catalogue import criteria
from ..catalogue.anatomy import Layer
from ..counting import kept
from ..criteria.types import Scores
from ..steps import Granularity, Prune, Score, usual_keep_min
from .dataset import Data
from .masks import cut, ranking
from .network import Network
from .scoring import alive


class Survey(NamedTuple):
    """What would be kept of each layer at each of the sparsities, in the order asked.

    kept: per sparsity, the kept units of each layer. first_layer: uint16 (sparsities, positions), or None where nothing of the first layer is ranked.
    stays: number of a sparsity -> bool (n,), the units that stay, all layers in one row. scores: (n,), in that row.
    """

    layers: tuple[str, ...]
    sparsities: tuple[float, ...]
    kept: tuple[tuple[int, ...], ...]
    first_layer: NDArray[np.uint16] | None
    stays: Callable[[int], Flags]
    scores: Floats
    granularity: Granularity


def survey(step: Score, network: Network, scores: Scores, seed: int) -> Survey:
    """Counts for every sparsity of the step, each exact and ties broken as in a pruning by the criterion's own allocation.

    One ranking over all weights answers all sparsities at once; where each layer has its own, they are cut one by one.
    """
    ranked = ranking(scores, alive(step, network, scores), seed)
    one_ranking = step.granularity == "weight" and criteria[step.criterion].default_allocation == "global"
    kept, picture, stays = (from_levels if one_ranking else from_cuts)(step, network, scores, ranked)
    return Survey(tuple(scores), step.sparsities, tuple(zip(*kept, strict=True)), picture, stays, ranked.scores, step.granularity)


Counted = tuple[list[list[int]], NDArray[np.uint16] | None, Callable[[int], Flags]]


def from_levels(step: Score, network: Network, scores: Scores, ranked: Ranking) -> Counted:
    """(per layer, kept at each sparsity; positions of the first layer; which units stay), from one partition of the scores."""
    counts = [kept(ranked.scores.size, s) for s in step.sparsities]
    level = levels(np.where(ranked.alive, ranked.scores, -np.inf), ranked.keys, counts)
    # a unit of level l stays at the l largest counts
    rank_of = np.argsort(np.argsort([-c for c in counts], kind="stable"))
    per_layer = [at_least(np.bincount(level[place], minlength=len(counts) + 1))[rank_of] for place in ranked.slices]
    first = network.entry.layers[0]
    place = dict(zip(scores, ranked.slices, strict=True)).get(first.name)
    picture = None if place is None else positions(level[place], first, len(counts))[rank_of]
    return [c.tolist() for c in per_layer], picture, lambda i: level > rank_of[i]


def from_cuts(step: Score, network: Network, scores: Scores, ranked: Ranking) -> Counted:
    """The same from one pruning after the other, none of which is put on."""
    allocation, keep_min = criteria[step.criterion].default_allocation, usual_keep_min(step.granularity)
    flags = [
        cut(Prune(sparsity=s, granularity=step.granularity, allocation=allocation, keep_min=keep_min), ranked).kept for s in step.sparsities
    ]
    places = dict(zip(scores, ranked.slices, strict=True))
    first = network.entry.layers[0]
    of_first = (
        next((g.name for g in network.entry.channel_groups if first.name == g.producer), "")
        if step.granularity == "channel"
        else first.name
    )
    picture = np.stack([seen(each[places[of_first]], first) for each in flags]) if of_first in places else None
    return [[int(each[place].sum()) for each in flags] for place in places.values()], picture, lambda i: flags[i]


def seen(stays: Flags, layer: Layer) -> NDArray[np.uint16]:
    """Kept weights at every input pixel (dense) or filter position (convolution), of weights or of outputs that stay: (positions,)."""
    units = stays.reshape(-1, *[1] * (len(layer.shape) - 1)) if stays.size == layer.shape[0] else stays.reshape(layer.shape)
    weights = np.broadcast_to(units, layer.shape)
    return weights.sum(axis=1 if len(layer.shape) == 4 else 0, dtype=np.uint16).reshape(-1)


def at_least(histogram: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of entries whose level is at least 1, 2, ...: along the last axis, one entry fewer than the histogram."""
    return np.flip(np.cumsum(np.flip(histogram, -1), -1), -1)[..., 1:]


def positions(level: NDArray[np.int16], layer: Layer, n: int) -> NDArray[np.uint16]:
    """Kept weights at every input pixel (dense) or filter position (convolution) for each of n levels: (n, positions)."""
    shape = layer.shape
    index = np.arange(layer.weights).reshape(shape)
    if len(shape) == 4:
        area = shape[2] * shape[3]
        where, size = (index // (shape[1] * area) * area + index % area).reshape(-1), shape[0] * area
    else:
        where, size = (index % shape[1]).reshape(-1), shape[1]
    histogram = np.bincount(where * (n + 1) + level, minlength=size * (n + 1)).reshape(size, n + 1)
    return at_least(histogram).T.astype(np.uint16)


def mean_image(data: Data, classes: tuple[int, ...]) -> NDArray[np.uint8]:
    """Mean training image of the classes (of all where none is named), uint8 (height, width), averaged over channels."""
    part = data["train"]
    chosen = part.images if not classes else part.images[torch.isin(part.labels, torch.tensor(classes, device=part.labels.device))]
    return chosen.float().mean((0, 1)).round().to(torch.uint8).cpu().numpy()
