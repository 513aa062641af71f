"""Magnitude: the largest weights stay (Han et al. 2015).

    s_j = |w_j|        or, in units of the layer's spread,        s_j = |w_j| / std(w of the layer)

Han et al. cut each layer at a quality factor times its standard deviation. Ranking by the second form over all layers does the same with one
common factor, chosen so that the count is exact; the threshold that a pruning reports is that factor.
"""

from torch import Tensor

from ..catalogue.criteria.baselines import MagnitudeOptions
from .types import Scores, Scoring


def score(scoring: Scoring[MagnitudeOptions]) -> Scores:
    """Absolute value of every weight, float64, of the weight's shape; higher is kept."""
    scale = spread if scoring.options.threshold == "std" else one
    return {name: w.detach().double().abs() / scale(w) for name, w in scoring.weights.items()}


def one(_: Tensor) -> float:
    return 1.0


def spread(weight: Tensor) -> float:
    """Standard deviation over what is left of a layer; 1 where nothing spreads."""
    left = weight.detach().double()
    left = left[left != 0]
    return float(left.std(correction=0)) or 1.0 if left.numel() else 1.0
