"""The one place where scores become masks: by exact counts and seeded keys, never by comparing with a threshold."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..allocations.ranking import Flags, Keys, Ranking, within_layers
from ..catalogue import allocations, function_of
from ..counting import exact, kept
from ..steps import DECILES, Prune, Remove, Target
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
    shapes = tuple(tuple(s.shape) for s in scores.values())
    return Ranking(flat, tie_keys(seed, flat.size), living, shapes, tensors, target, tuple(scores))


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


def least(step: Prune | Remove, name: str, size: int) -> int:
    """Units of a layer that have to stay: the step's minimum, and what its limit does not let go."""
    most = min(
        (exact(limit) for pattern, limit in step.limits.items() if fnmatchcase(name.removesuffix(".weight"), pattern)), default=Fraction(1)
    )
    return max(step.keep_min, size - int(most * size))


def in_multiples(ranked: Ranking, stays: Flags, multiple: int) -> Flags:
    """Of every layer that keeps any the nearest multiple, at least one, as far as its bounds allow: the best ones of it."""
    counts = [int(stays[place].sum()) for place in ranked.slices]
    near = [multiple * max(1, int(Fraction(n, multiple) + Fraction(1, 2))) if n else 0 for n in counts]
    return within_layers(ranked, [min(max(n, low), left) for n, low, left in zip(near, ranked.lower, ranked.left, strict=True)])


def cut(step: Prune, ranked: Ranking) -> Cut:
    """Keep exactly floor((1 - s) n + 1/2) of all n units, as the step's allocation shares them out. Raises ValueError with numbers where that can't be."""
    count = kept(ranked.scores.size, step.sparsity)
    ranked = ranked._replace(least=tuple(least(step, name, size) for name, size in zip(ranked.names, ranked.sizes, strict=True)))
    count = min(max(count, sum(ranked.lower)), int(ranked.alive.sum()))
    entry = allocations[step.allocation]
    if step.target in DECILES and entry.within == "network":
        raise ValueError(f"protocol_options.target: {step.target} is cut within each layer, and {entry.name} ranks over all of them.")
    options = entry.options.model_validate(step.allocation_options)
    stays: Flags = function_of(entry)(ranked, count, options)
    assert int(stays.sum()) == count
    assert not np.any(stays & ~ranked.alive)
    stays = in_multiples(ranked, stays, step.round_to) if step.round_to > 1 else stays
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
