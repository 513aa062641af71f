"""Karnin's sensitivity: what the loss would rise by if a weight went back to zero, told from how it got where it is (Karnin 1990).

    L(w_j = 0) - L(w_j) = -(integral of dL/dw_j from 0 to w_j)

Training has been along a part of this way, from w_j(0) to w_j, in steps n. What it found there stands for all of it, in proportion:

    s_j = [sum over n of -dL/dw_j(n) * (change of w_j in step n)] * w_j / (w_j - w_j(0))

The loss is that of the data, the change what the optimiser made of it: momentum, weight decay and the rate are in the step, not in the slope.
"""

import torch
from torch import Tensor

from ..catalogue.criteria.trained import KarninOptions
from .types import Recorded, Scores, Scoring

STOOD_STILL = 1e-8  # of the root mean square of the layer's weights


def score(scoring: Scoring[KarninOptions]) -> Scores:
    """Estimated rise of the loss without the weight; signed unless `absolute`, higher is kept. Float64, of the weight's shape, in units of the loss.

    0 for a weight that ended where it began.
    """
    scores = {name: all_the_way(w.detach().double(), scoring.recorded[name]) for name, w in scoring.weights.items()}
    return {name: s.abs() for name, s in scores.items()} if scoring.options.absolute else scores


def all_the_way(weight: Tensor, recorded: Recorded) -> Tensor:
    """The recorded fall of the loss in proportion: from where training began to where it ended, as from 0 to there."""
    moved = weight - recorded.start.double()
    told = moved.abs() > STOOD_STILL * weight.square().mean().sqrt()
    return torch.where(told, recorded.fall.double() * weight / moved, 0.0)
