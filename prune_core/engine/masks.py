"""The one place where scores become masks: by exact counts and seeded keys, never by comparing with a threshold."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..allocations.ranking import Flags, Keys, Ranking
from ..catalogue import allocations, function_of
from ..counting import kept
from ..steps import DECILES, Prune, Target
from ..streams import seed_of
from .errors import RunError

HIGHEST = ("largest", "decile_10")
WITHOUT_THRESHOLD = ("random", *DECILES)


class Cut(NamedTuple):
    """What a pruning decided. kept: (n,). threshold: the score of the last unit that stays. ties: units of that score, where some stay and some go."""

    kept: Flags
    threshold: float | None
    ties: int


def ranking(
    scores: Mapping[str, Tensor], alive: Mapping[str, Tensor], seed: int, target: Target = "smallest", round: int = 0,
    weights: Mapping[str, Tensor] | None = None,
) -> Ranking:  # fmt: skip
    """Line up the scores of all layers in the order given. `largest` turns them round, `random` replaces them by a draw of this run and round.

    weights: the ranked parameters by the names of the scores, for allocations that look at them.
    """
    flat = np.concatenate([s.detach().cpu().numpy().reshape(-1) for s in scores.values()]).astype(np.float64) + 0.0
    living = np.concatenate([alive[name].cpu().numpy().reshape(-1) for name in scores])
    if target in HIGHEST:
        flat = 0.0 - flat
    elif target == "random":
        flat = np.asarray(torch.rand(flat.size, generator=generator(seed_of(seed, "target", round)), dtype=torch.float64))
    tensors = tuple(weights[name] for name in scores) if weights else ()
    return Ranking(flat, tie_keys(seed, flat.size), living, tuple(tuple(s.shape) for s in scores.values()), tensors, target)


def masks_from(
    step: Prune, scores: Mapping[str, Tensor], alive: Mapping[str, Tensor], seed: int, weights: Mapping[str, Tensor] | None = None
) -> tuple[Cut, dict[str, Tensor]]:
    """What a pruning by these scores decides, and as masks: name -> bool tensor of the scores' shape. Raises RunError with numbers where it can't be.

    weights: as `ranking` has them.
    """
    ranked = ranking(scores, alive, seed, step.target, step.round, weights)
    try:
        made = cut(step, ranked)
    except ValueError as error:
        raise RunError(str(error)) from error
    places = zip(scores.items(), ranked.slices, strict=True)
    return made, {name: torch.from_numpy(made.kept[place].reshape(s.shape).copy()) for (name, s), place in places}


def tie_keys(seed: int, n: int) -> Keys:
    """The run's permutation of the flat index: of equal scores, the smaller key stays. Drawn from "<seed>/ties" alone."""
    return torch.randperm(n, generator=generator(seed_of(seed, "ties"))).numpy()


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def cut(step: Prune, ranked: Ranking) -> Cut:
    """Keep exactly floor((1 - s) n + 1/2) of all n units, as the step's allocation shares them out. Raises ValueError with numbers where that can't be."""
    count = kept(ranked.scores.size, step.sparsity)
    least = sum(min(step.keep_min, left) for left in ranked.left)
    count = min(max(count, least), int(ranked.alive.sum()))
    entry = allocations[step.allocation]
    if step.target in DECILES and entry.within == "network":
        raise ValueError(f"protocol_options.target: {step.target} is cut within each layer, and {entry.name} ranks over all of them.")
    options = entry.options.model_validate(step.allocation_options)
    stays: Flags = function_of(entry)(ranked, count, step.keep_min, options)
    assert int(stays.sum()) == count
    assert not np.any(stays & ~ranked.alive)
    goes = ranked.alive & ~stays
    if not stays.any():
        return Cut(stays, None, 0)
    threshold = float(ranked.scores[stays].min())
    if step.target in WITHOUT_THRESHOLD:
        return Cut(stays, None, 0)
    if not goes.any():
        return Cut(stays, threshold, 0)
    ties = int(((ranked.scores == threshold) & ranked.alive).sum()) if bool((ranked.scores[goes] == threshold).any()) else 0
    return Cut(stays, -threshold if step.target == "largest" else threshold, ties)
