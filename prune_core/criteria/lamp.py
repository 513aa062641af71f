"""LAMP: a weight's size beside all larger ones of its layer (Lee, Park, Mo, Ahn & Shin 2021).

With the weights of a layer sorted by size,

    s_u = w_u^2 / sum over v >= u of w_v^2

Inside a layer that ranks by magnitude; over all layers it says how far each is cut. The largest weight of every layer has the score 1, so that no
layer empties while there are at least as many weights to keep as layers.
"""

import torch
from torch import Tensor

from ..catalogue.criteria.baselines import LampOptions
from .types import Scores, Scoring


def score(scoring: Scoring[LampOptions]) -> Scores:
    """Share of a weight in what is at least as large, 0 to 1; higher is kept. Float64, of the weight's shape, on the CPU; of a layer of zeros all 0."""
    sizes = [w.numel() for w in scoring.weights.values()]
    keys = torch.randperm(sum(sizes), generator=scoring.generator).split(sizes)  # those of the pruning: its stream, its row of weights
    return {name: shares(w, key) for (name, w), key in zip(scoring.weights.items(), keys, strict=True)}


def shares(weights: Tensor, keys: Tensor) -> Tensor:
    """Every square divided by the sum of itself and all larger ones of the layer: float64, of the weights' shape, on the CPU. Of zeros alone all 0.

    keys: (n,) over the flat weights, all different; of equal weights the one with the smaller key counts as the larger.
    Summed from the largest down: a running total subtracted from the whole would lose what the largest stand out by.
    """
    squares = weights.detach().cpu().double().square().flatten()
    by_key = keys.argsort()
    falling = by_key[squares[by_key].sort(descending=True, stable=True).indices]
    at_least = squares[falling].cumsum(0)
    result = torch.empty_like(squares)
    result[falling] = torch.where(at_least > 0, squares[falling] / at_least, 0.0)
    return result.reshape(weights.shape)
