"""How far criteria agree: units that two of them would both keep, and the rank correlation of their scores."""

from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .reading import Reading


def agreement(reading: Reading) -> dict[str, Any]:
    """Plain numbers for every pair of the scorings held, in the order of `itertools.combinations`.

    `kept`: per sparsity, the units that each criterion keeps, equally many for all, of `units`. `shared`: per pair and sparsity, the units that both
    keep. `spearman`: per pair, the rank correlation of all scores, equal ones at their mean rank; None where a criterion scores all units alike.
    """
    surveys = list(reading.held.values())
    pairs = list(combinations(range(len(surveys)), 2))
    kept: list[int] = []
    shared: list[list[int]] = [[] for _ in pairs]
    for i in range(len(surveys[0].sparsities)):
        stays = [survey.stays(i) for survey in surveys]
        kept.append(int(np.count_nonzero(stays[0])))
        for counts, (a, b) in zip(shared, pairs, strict=True):
            counts.append(int(np.count_nonzero(stays[a] & stays[b])))
    ranks = [standardised(average_ranks(survey.scores)) for survey in surveys]
    return {
        "criteria": list(reading.held), "granularity": surveys[0].granularity, "units": surveys[0].scores.size,
        "sparsities": list(surveys[0].sparsities), "kept": kept, "shared": shared, "spearman": [correlation(ranks[a], ranks[b]) for a, b in pairs],
    }  # fmt: skip


def average_ranks(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1, equal scores at the mean of theirs. Shape (n,)."""
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return ranks


def standardised(ranks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks around 0 and of length 1; all 0 where there is only one rank."""
    centred = ranks - (ranks.size + 1) / 2
    length = float(np.linalg.norm(centred))
    return centred / length if length else centred


def correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float | None:
    """To six digits: more would only tell how sums were rounded."""
    return round(float(a @ b), 6) if a.any() and b.any() else None
