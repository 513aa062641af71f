"""Fisher pruning, a gate on every weight (after Theis et al. 2018, who gate feature maps).

To second order, with the Fisher information for the Hessian and no slope, closing the gate of weight j raises the loss by

    s_j = F_jj w_j^2 / 2

Twice the sum of all s is the diagonal Fisher-Rao norm of the network.
"""

from ..catalogue.criteria.trained import FisherOptions
from .fisher_diagonal import fisher_diagonal
from .types import Scores, Scoring


def score(scoring: Scoring[FisherOptions]) -> Scores:
    """Expected rise of the loss without the weight; higher is kept. Float64, of the weight's shape, at least 0."""
    curvature = fisher_diagonal(scoring)
    return {name: w.detach().double().square() * curvature[name] / 2 for name, w in scoring.weights.items()}
