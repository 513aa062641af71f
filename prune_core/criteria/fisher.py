"""Fisher pruning (Theis et al. 2018, who gate feature maps), with a gate on every weight or channel.

To second order, with the Fisher information for the Hessian and no slope, closing the gate of weight j raises the loss by

    s_j = F_jj w_j^2 / 2

With one gate on all of a channel (channel_gates.py), as in the paper:

    s_k = mean over images n of E[g_nk^2] / 2

The expectation is over labels (fisher_diagonal.py).

Twice the sum of all s_j is the diagonal Fisher-Rao norm of the network.
"""

import torch

from ..catalogue.criteria.trained import FisherOptions
from .channel_gates import channel_gates
from .fisher_diagonal import fisher_diagonal, labelled
from .types import Scores, Scoring


def score(scoring: Scoring[FisherOptions]) -> Scores:
    """Expected rise of the loss without the weight; higher is kept. Float64, of the weight's shape, at least 0."""
    curvature = fisher_diagonal(scoring)
    return {name: w.detach().double().square() * curvature[name] / 2 for name, w in scoring.weights.items()}


def score_channels(scoring: Scoring[FisherOptions]) -> Scores:
    """Expected rise of the loss without the channel; higher is kept. Float64, shape (channels,), at least 0."""
    squares: Scores = {}
    shares = 0.0
    for images, labels, share in labelled(scoring.model, scoring.batches, scoring.options, scoring.generator):
        for name, g in channel_gates(scoring, (images, labels)).items():
            squares[name] = squares.get(name, torch.zeros_like(g[0])) + share.double() @ g.square()
        shares += float(share.double().sum())
    return {name: total / shares / 2 for name, total in squares.items()}
