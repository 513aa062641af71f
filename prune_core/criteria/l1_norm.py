"""L1 norm of every filter (Li et al. 2017).

    s_k = sum over input channels and positions of |W[k]|

Biases are not included.
"""

from ..catalogue.criteria.channels import FilterNormOptions
from .filters import comparable, rows
from .types import Scores, Scoring


def score(scoring: Scoring[FilterNormOptions]) -> Scores:
    """Norm of every channel's filter, float64, shape (channels,); higher is kept."""
    filters = {name: rows(w) for name, w in scoring.weights.items()}
    return {name: comparable(f.abs().sum(1), f.shape[1], scoring.options.normalize) for name, f in filters.items()}
