"""L2 norm of every filter (Li et al. 2017, who prefer L1 and find L2 similar).

    s_k = (sum over input channels and positions of W[k]^2) ^ 1/2

Biases are not included.
"""

from torch import Tensor

from ..catalogue.criteria import L2NormOptions
from .types import Scores, Scoring


def score(scoring: Scoring[L2NormOptions]) -> Scores:
    """Norm of every channel's filter, float64, shape (channels,); higher is kept."""
    return {name: norms(w, scoring.options.normalize) for name, w in scoring.weights.items()}


def norms(weight: Tensor, normalize: str) -> Tensor:
    rows = weight.detach().double().flatten(1)
    result = rows.square().sum(1).sqrt()
    if normalize == "size":
        return result / rows.shape[1]
    if normalize == "mean":
        mean = float(result[result > 0].mean()) if bool((result > 0).any()) else 1.0
        return result / mean
    return result
