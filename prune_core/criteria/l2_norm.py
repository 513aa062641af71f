"""L2 norm of every filter (Li et al. 2017, who prefer L1 and find L2 similar).

    s_k = (sum over input channels and positions of W[k]^2) ^ 1/2

Biases are not included.
"""

from ..catalogue.criteria.channels import FilterNormOptions
from .filters import comparable, rows
from .types import Scores, Scoring


def score(scoring: Scoring[FilterNormOptions]) -> Scores:
    """Norm of every channel's filter, float64, shape (channels,); higher is kept."""
    filters = {name: rows(w) for name, w in scoring.weights.items()}
    return {name: comparable(f.square().sum(1).sqrt(), f.shape[1], scoring.options.normalize) for name, f in filters.items()}
