"""Units of all layers lined up, and which of them stay: by exact counts and seeded keys, never by comparing with a threshold."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..steps import DECILES, Target

Floats = NDArray[np.float64]
Keys = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Ranking(NamedTuple):
    """Units of all layers in one row. scores: (n,), higher stays. keys: (n,), a permutation that breaks ties. alive: (n,).

    shapes: of the layers' scores, in network order: those of the parameters where weights are ranked, (channels,) where channels are.
    weights: the ranked parameters themselves, of these shapes; none where channels are ranked.
    names: of the layers, or of the groups of channels. least: units of each that have to stay, as far as they are alive; empty: none.
    target: who goes. Scores and keys are turned for all targets but the deciles, which depend on how many go and are cut within layers.
    """

    scores: Floats
    keys: Keys
    alive: Flags
    shapes: tuple[tuple[int, ...], ...]
    weights: tuple[Tensor, ...] = ()
    target: Target = "smallest"
    names: tuple[str, ...] = ()
    least: tuple[int, ...] = ()

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units of every layer, dead ones included."""
        return tuple(map(math.prod, self.shapes))

    @property
    def slices(self) -> list[slice]:
        ends = np.cumsum((0, *self.sizes))
        return [slice(int(a), int(b)) for a, b in pairwise(ends)]

    @property
    def left(self) -> list[int]:
        """Units of every layer that no earlier pruning removed."""
        return [int(self.alive[place].sum()) for place in self.slices]

    @property
    def lower(self) -> list[int]:
        """Units of every layer that stay whatever its share."""
        return [min(least, left) for least, left in zip(self.least, self.left, strict=True)] if self.least else [0] * len(self.shapes)


def best(scores: Floats, keys: Keys, count: int) -> Flags:
    """The `count` highest scores; among equal ones those with the smallest keys. Shape (n,)."""
    return levels(scores, keys, (count,)) > 0


def levels(scores: Floats, keys: Keys, counts: Sequence[int]) -> NDArray[np.int16]:
    """At how many of the counts each unit would stay, shape (n,): one partition answers every sparsity.

    Nested by construction: what stays at a count stays at every larger one.
    """
    n = scores.size
    level = np.zeros(n, np.int16)
    level += np.int16(sum(c >= n for c in counts))
    asked = [c for c in counts if 0 < c < n]
    if not asked:
        return level
    positions = sorted({n - c for c in asked})
    ordered = np.partition(scores, positions)
    thresholds = np.sort(np.array([ordered[n - c] for c in asked]))
    level += np.searchsorted(thresholds, scores, side="right").astype(np.int16)
    for value in np.unique(thresholds):
        tied = np.flatnonzero(scores == value)
        above = int((scores > value).sum())
        order = np.argsort(keys[tied])
        for room in (c - above for c in asked if ordered[n - c] == value):
            level[tied[order[room:]]] -= 1
    return level


def outside_decile(scores: Floats, keys: Keys, count: int, decile: int) -> Flags:
    """All but those that go so that `count` stay: the scores ascending, from the decile's first rank upwards (Bartoldson et al. 2020, A.3.2).

    decile: 0 to 9. Rank floor(decile n / 10) is the first to go, or an earlier one where too few follow it. Of equal scores, the larger key
    counts as the lower. Shape (n,).
    """
    n = scores.size
    start = min(decile * n // 10, count)
    stays = np.ones(n, dtype=bool)
    stays[np.lexsort((-keys, scores))[start : start + n - count]] = False
    return stays


def best_alive(ranked: Ranking, place: slice, count: int) -> Flags:
    """Those of the layer's survivors that the target leaves, as flags over the layer: the best, or all outside a decile."""
    stays = np.zeros(place.stop - place.start, dtype=bool)
    survivors = np.flatnonzero(ranked.alive[place])
    scores, keys, count = ranked.scores[place][survivors], ranked.keys[place][survivors], min(count, survivors.size)
    decile = DECILES.get(ranked.target, 10)
    stays[survivors[best(scores, keys, count) if decile == 10 else outside_decile(scores, keys, count, decile)]] = True
    return stays


def within_layers(ranked: Ranking, counts: Sequence[int]) -> Flags:
    """As many of every layer's survivors as its count says, those that the target leaves. Shape (n,)."""
    stays = np.zeros_like(ranked.alive)
    for place, n in zip(ranked.slices, counts, strict=True):
        stays[place] = best_alive(ranked, place, n)
    return stays
