"""LAMP: a weight's size beside all larger ones of its layer (Lee, Park, Mo, Ahn & Shin 2021).

With the weights of a layer sorted by size,

    s_u = w_u^2 / sum over v >= u of w_v^2

Inside a layer that ranks by magnitude; over all layers it says how far each is cut. The largest weight of every layer has the score 1, so that no
layer empties while there are at least as many weights to keep as layers.
"""

import torch
from torch import Generator, Tensor

from ..catalogue.criteria.baselines import LampOptions
from .types import Scores, Scoring


def score(scoring: Scoring[LampOptions]) -> Scores:
    """Share of a weight in what is at least as large, 0 to 1; higher is kept. Float64, of the weight's shape, on the CPU; of a layer of zeros all 0."""
    return {name: shares(w.detach().cpu().double().square(), scoring.generator) for name, w in scoring.weights.items()}


def shares(squares: Tensor, generator: Generator) -> Tensor:
    """Every entry divided by the sum of itself and all that come after it in ascending order; equal ones are ordered by lot.

    Summed from the large end: a difference of sums from the small end loses what the largest entries stand out by.
    """
    flat = squares.flatten()
    lots = torch.randperm(flat.numel(), generator=generator)
    order = lots[flat[lots].sort(stable=True).indices]
    ascending = flat[order]
    at_least = ascending.flip(0).cumsum(0).flip(0)
    result = torch.empty_like(flat)
    result[order] = torch.where(at_least > 0, ascending / at_least, 0.0)
    return result.reshape(squares.shape)
