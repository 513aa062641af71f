"""Optimal brain damage (LeCun, Denker & Solla 1990).

At a minimum, and with the Hessian's diagonal alone, deleting weight j raises the loss by

    s_j = H_jj w_j^2 / 2        or, away from a minimum,        s_j = -w_j g_j + H_jj w_j^2 / 2

Weight decay d adds d / 2 times the sum of all w^2 to the loss: d to the diagonal, d w_j to the gradient.
"""

import torch

from ..catalogue.criteria.trained import ObdOptions
from .fisher_diagonal import fisher_diagonal
from .gradients import gate_gradients, weighted_mean
from .hutchinson import hutchinson_diagonal
from .types import Scores, Scoring


def score(scoring: Scoring[ObdOptions]) -> Scores:
    """Expected rise of the loss without the weight; higher is kept. Float64, of the weight's shape, in units of the loss."""
    options, curvature = scoring.options, diagonal(scoring)
    squares = {name: w.detach().double().square() for name, w in scoring.weights.items()}
    rise = {name: square * (curvature[name] + options.weight_decay) / 2 for name, square in squares.items()}
    if not options.first_order:
        return rise
    slopes = weighted_mean((gate_gradients(scoring.model, scoring.weights, batch), len(batch[1])) for batch in scoring.batches)
    return {name: rise[name] - slopes[name] - options.weight_decay * squares[name] for name in rise}


def diagonal(scoring: Scoring[ObdOptions]) -> Scores:
    """H_jj of every weight: of the Gauss-Newton matrix, or of the Hessian by random probes."""
    options = scoring.options
    if options.hessian == "gn":
        return fisher_diagonal(scoring)
    found = hutchinson_diagonal(scoring.model, scoring.weights, scoring.batches, options.probes, scoring.generator)
    return {name: torch.relu(h) for name, h in found.items()} if options.negative == "zero" else found
