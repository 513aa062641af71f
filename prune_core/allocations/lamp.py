"""LAMP: layer-adaptive magnitude (Lee, Park, Mo, Ahn, Shin 2021), as an allocation.

    s(u) = w_u^2 / (sum of w_v^2 over v in u's layer that are at least as large as u)

A layer's largest weight scores exactly 1. The order within a layer is that of |w|, so the score only says how much of every layer stays.
"""

import numpy as np

from ..catalogue import Options
from . import global_ranking
from .ranking import Flags, Floats, Keys, Ranking, within_layers


def allocate(ranked: Ranking, count: int, keep_min: int, options: Options) -> Flags:
    """Of every layer as many as LAMP's global ranking of the weights keeps; the run's criterion says which."""
    by_lamp = global_ranking.allocate(ranked._replace(scores=scores(ranked), target="smallest"), count, keep_min, options)
    return within_layers(ranked, [int(by_lamp[place].sum()) for place in ranked.slices])


def scores(ranked: Ranking) -> Floats:
    """LAMP scores of all weights, (n,); those that an earlier pruning removed are 0 and add nothing."""
    each = zip(ranked.weights, ranked.slices, strict=True)
    return np.concatenate([of_layer(weights.detach().cpu().numpy().reshape(-1), ranked.keys[place]) for weights, place in each])


def of_layer(weights: Floats, keys: Keys) -> Floats:
    """LAMP scores of a layer, (n,) float64: of equal weights the one with the smaller key counts as the larger. A layer of zeros scores 0.

    Summed from the largest weight down: a running total subtracted from the whole would put the largest weight's score off 1.
    """
    squares = weights.astype(np.float64) ** 2
    falling = np.lexsort((keys, -squares))
    sums = np.cumsum(squares[falling])
    found = np.zeros_like(squares)
    np.divide(squares[falling], sums, out=sums, where=sums > 0)
    found[falling] = sums
    return found
