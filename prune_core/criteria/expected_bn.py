"""Expected activation behind batch norm and ReLU (Bartoldson et al. 2020, appendix A.1).

Were batch norm's standardised input z normal, the channel's mean after the ReLU would be

    s_k = E[max(0, gamma z + beta)] = |gamma| phi(r) + beta Phi(r),  r = beta / |gamma|;        max(0, beta) where gamma = 0

with density phi and distribution function Phi of N(0, 1). With the sign of gamma kept, a negative one gives -E[max(0, -(gamma z + beta))].
"""

import math

import torch
from torch import Tensor

from ..catalogue.criteria.channels import ExpectedBnOptions
from .types import Scores, Scoring
from .writers import over_writers, scales_and_shifts


def score(scoring: Scoring[ExpectedBnOptions]) -> Scores:
    """Expected activation of every channel, float64, shape (channels,), at least 0 unless signed; higher is kept."""

    signed = scoring.options.signed

    def means(name: str) -> list[Tensor]:
        return [rectified_mean(scale if signed else scale.abs(), shift) for scale, shift in scales_and_shifts(scoring, name)]

    return over_writers(scoring, scoring.options.aggregate, means)


def rectified_mean(gamma: Tensor, beta: Tensor) -> Tensor:
    """E[max(0, gamma z + beta)] where gamma >= 0, and minus E[max(0, -(gamma z + beta))] where it is negative. Any shape, float64.

    Where r < 0 the density is a factor of both terms, so that what is left of their difference is not lost beside it (torch's own ndtr is 0
    from r = -8.5 on). Rounding may still leave the wrong sign far out: it is cut at 0.
    """
    ratio = beta / torch.where(gamma == 0, 1.0, gamma)
    density = torch.exp(-ratio.square() / 2) / math.sqrt(2 * math.pi)
    mills = math.sqrt(math.pi / 2) * torch.special.erfcx(-ratio.clamp(max=0) / math.sqrt(2))  # Phi / phi
    mean = torch.where(ratio < 0, gamma * density * (1 + ratio * mills), gamma * density + beta * torch.special.ndtr(ratio))
    spread = torch.where(gamma < 0, mean.clamp(max=0), mean.clamp(min=0))
    return torch.where(gamma == 0, beta.clamp(min=0), spread)
