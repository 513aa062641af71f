"""L1 norm of every filter (Li et al. 2017).

    s_k = sum over input channels and positions of |W[k]|

Biases are not included.
"""

from torch import Tensor

from ..catalogue.criteria.channels import FilterNormOptions
from .types import Scores, Scoring
from .writers import comparable, filters, over_writers


def score(scoring: Scoring[FilterNormOptions]) -> Scores:
    """Norm of every channel's filter, float64, shape (channels,); higher is kept."""

    def norms(name: str) -> list[Tensor]:
        return [comparable(f.abs().sum(1), f.shape[1], scoring.options.normalize) for f in filters(scoring, name)]

    return over_writers(scoring, scoring.options.aggregate, norms)
