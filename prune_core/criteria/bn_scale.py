"""Scale of batch norm (network slimming, Liu et al. 2017).

    s_k = |gamma_k|        of the batch norm behind channel k's filter

The paper's training, with a penalty on sum |gamma|, is not part of this.
"""

from ..catalogue.criteria.options import ScopeOptions
from .producers import batch_norms, scale_and_shift
from .types import Scores, Scoring


def score(scoring: Scoring[ScopeOptions]) -> Scores:
    """Size of every channel's scale, float64, shape (channels,); higher is kept."""
    return {name: scale_and_shift(module)[0].abs() for name, module in batch_norms(scoring).items()}
