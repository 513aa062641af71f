"""LAMP: layer-adaptive magnitude (Lee, Park, Mo, Ahn, Shin 2021), as an allocation.

    s(u) = w_u^2 / (sum of w_v^2 over v in u's layer that are at least as large as u)

A layer's largest weight scores exactly 1. The order within a layer is that of |w|, so the score only says how much of every layer stays.
"""

import numpy as np
import torch

from ..catalogue import Options
from ..criteria.lamp import shares
from . import global_ranking
from .ranking import Flags, Floats, Ranking, within_layers


def allocate(ranked: Ranking, count: int, options: Options) -> Flags:
    """Of every layer as many as LAMP's global ranking of the weights keeps; the run's criterion says which."""
    by_lamp = global_ranking.allocate(ranked._replace(scores=scores(ranked), target="smallest"), count, options)
    return within_layers(ranked, [int(by_lamp[place].sum()) for place in ranked.slices])


def scores(ranked: Ranking) -> Floats:
    """LAMP scores of all weights, (n,); those that an earlier pruning removed are 0 and add nothing."""
    each = zip(ranked.weights, ranked.slices, strict=True)
    return np.concatenate([shares(weights, torch.from_numpy(ranked.keys[place])).numpy().reshape(-1) for weights, place in each])
