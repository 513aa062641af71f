"""Scale of batch norm (network slimming, Liu et al. 2017).

    s_k = |gamma_k|        of the batch norm behind channel k's filter

The paper's training, with a penalty on sum |gamma|, is not part of this.
"""

from ..catalogue.criteria.channels import WriterOptions
from .types import Scores, Scoring
from .writers import over_writers, scales_and_shifts


def score(scoring: Scoring[WriterOptions]) -> Scores:
    """Size of every channel's scale, float64, shape (channels,); higher is kept."""
    return over_writers(scoring, scoring.options.aggregate, lambda name: [scale.abs() for scale, _ in scales_and_shifts(scoring, name)])
