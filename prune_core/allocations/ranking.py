"""Units of all layers lined up, and which of them stay: by exact counts and seeded keys, never by comparing with a threshold."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Keys = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Ranking(NamedTuple):
    """Units of all layers in one row. scores: (n,), higher stays. keys: (n,), a permutation that breaks ties. alive: (n,).

    shapes: of the layers' scores, in network order: those of the parameters where weights are ranked, (channels,) where channels are.
    """

    scores: Floats
    keys: Keys
    alive: Flags
    shapes: tuple[tuple[int, ...], ...]

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


def best_alive(ranked: Ranking, place: slice, count: int) -> Flags:
    """The layer's best survivors, as flags over the layer."""
    stays = np.zeros(place.stop - place.start, dtype=bool)
    survivors = np.flatnonzero(ranked.alive[place])
    stays[survivors[best(ranked.scores[place][survivors], ranked.keys[place][survivors], min(count, survivors.size))]] = True
    return stays


def within_layers(ranked: Ranking, counts: Sequence[int]) -> Flags:
    """As many of every layer's survivors as its count says, the best of them. Shape (n,)."""
    stays = np.zeros_like(ranked.alive)
    for place, n in zip(ranked.slices, counts, strict=True):
        stays[place] = best_alive(ranked, place, n)
    return stays
