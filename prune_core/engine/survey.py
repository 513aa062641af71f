"""What would be kept at many sparsities, counted from one set of scores (SNIP, figures 2 and 3): nothing is pruned."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ..allocations.ranking import levels
from ..catalogue.entry import Layer
from ..counting import kept
from ..criteria.types import Scores
from ..steps import Score
from .dataset import Data
from .masks import ranking
from .network import Network
from .scoring import alive


class Survey(NamedTuple):
    """kept: per sparsity, the kept units of each layer. first_layer: uint16 (sparsities, positions), or None where the first layer is not ranked."""

    layers: tuple[str, ...]
    kept: tuple[tuple[int, ...], ...]
    first_layer: NDArray[np.uint16] | None


def survey(step: Score, network: Network, scores: Scores, seed: int) -> Survey:
    """Counts for every sparsity of the step, in the order given, each exact and ties broken as in a pruning."""
    ranked = ranking(scores, alive(step, network, scores), seed)
    counts = [kept(ranked.scores.size, s) for s in step.sparsities]
    level = levels(ranked.scores, ranked.keys, counts)
    # a unit of level l stays at the l largest counts
    rank_of = np.argsort(np.argsort([-c for c in counts], kind="stable"))
    per_layer = [at_least(np.bincount(level[place], minlength=len(counts) + 1))[rank_of] for place in ranked.slices]
    first = network.entry.layers[0]
    place = dict(zip(scores, ranked.slices, strict=True)).get(first.name)
    picture = None if place is None else positions(level[place], first, len(counts))[rank_of]
    return Survey(tuple(scores), tuple(zip(*(c.tolist() for c in per_layer), strict=True)), picture)


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
