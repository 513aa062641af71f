"""The one place where scores become masks: by exact counts and seeded keys, never by comparing with a threshold."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..catalogue import allocations, function_of
from ..counting import kept
from ..steps import Prune, Target
from ..streams import seed_of
from .errors import RunError

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Ranking(NamedTuple):
    """Units of all layers in one row. scores: (n,), higher stays. keys: (n,), a permutation that breaks ties. alive: (n,). sizes: units a layer."""

    scores: Floats
    keys: NDArray[np.int64]
    alive: Flags
    sizes: tuple[int, ...]

    @property
    def slices(self) -> list[slice]:
        ends = np.cumsum((0, *self.sizes))
        return [slice(int(a), int(b)) for a, b in pairwise(ends)]


class Cut(NamedTuple):
    """What a pruning decided. kept: (n,). threshold: the score of the last unit that stays. ties: units of that score, where some stay and some go."""

    kept: Flags
    threshold: float | None
    ties: int


def ranking(scores: Mapping[str, Tensor], alive: Mapping[str, Tensor], seed: int, target: Target = "smallest", round: int = 0) -> Ranking:
    """Line up the scores of all layers in the order given. `largest` turns them round, `random` replaces them by a draw of this run and round."""
    flat = np.concatenate([s.detach().cpu().numpy().reshape(-1) for s in scores.values()]).astype(np.float64) + 0.0
    living = np.concatenate([alive[name].cpu().numpy().reshape(-1) for name in scores])
    if target == "largest":
        flat = 0.0 - flat
    elif target == "random":
        flat = np.asarray(torch.rand(flat.size, generator=generator(seed_of(seed, "target", round)), dtype=torch.float64))
    return Ranking(flat, tie_keys(seed, flat.size), living, tuple(s.numel() for s in scores.values()))


def masks_from(step: Prune, scores: Mapping[str, Tensor], alive: Mapping[str, Tensor], seed: int) -> tuple[Cut, dict[str, Tensor]]:
    """What a pruning by these scores decides, and as masks: name -> bool tensor of the scores' shape. Raises RunError with numbers where it can't be."""
    ranked = ranking(scores, alive, seed, step.target, step.round)
    try:
        made = cut(step, ranked)
    except ValueError as error:
        raise RunError(str(error)) from error
    places = zip(scores.items(), ranked.slices, strict=True)
    return made, {name: torch.from_numpy(made.kept[place].reshape(s.shape).copy()) for (name, s), place in places}


def tie_keys(seed: int, n: int) -> NDArray[np.int64]:
    """The run's permutation of the flat index: of equal scores, the smaller key stays. Drawn from "<seed>/ties" alone."""
    return torch.randperm(n, generator=generator(seed_of(seed, "ties"))).numpy()


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def cut(step: Prune, ranked: Ranking) -> Cut:
    """Keep exactly floor((1 - s) n + 1/2) of all n units, as the step's allocation shares them out. Raises ValueError with numbers where that can't be."""
    count = kept(ranked.scores.size, step.sparsity)
    least = sum(min(step.keep_min, int(ranked.alive[s].sum())) for s in ranked.slices)
    count = min(max(count, least), int(ranked.alive.sum()))
    stays: Flags = function_of(allocations[step.allocation])(ranked, count, step.keep_min)
    assert int(stays.sum()) == count
    assert not np.any(stays & ~ranked.alive)
    goes = ranked.alive & ~stays
    if not stays.any():
        return Cut(stays, None, 0)
    threshold = float(ranked.scores[stays].min())
    if not goes.any() or step.target == "random":
        return Cut(stays, None if step.target == "random" else threshold, 0)
    ties = int(((ranked.scores == threshold) & ranked.alive).sum()) if bool((ranked.scores[goes] == threshold).any()) else 0
    return Cut(stays, -threshold if step.target == "largest" else threshold, ties)


def best(scores: Floats, keys: NDArray[np.int64], count: int) -> Flags:
    """The `count` highest scores; among equal ones those with the smallest keys. Shape (n,)."""
    return levels(scores, keys, (count,)) > 0


def levels(scores: Floats, keys: NDArray[np.int64], counts: Sequence[int]) -> NDArray[np.int16]:
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
