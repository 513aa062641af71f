"""Scale factors of structures (Huang & Wang 2018): what training left of the factor on every channel.

s_k = lambda_k        at least 0, and exactly 0 where training has closed the channel; 1 before any training
"""

import torch

from ..catalogue.criteria.options import ScopeOptions
from .types import Scores, Scoring


def score(scoring: Scoring[ScopeOptions]) -> Scores:
    """The factor of every channel, float64, shape (channels,); higher is kept."""
    return {name: scoring.factors.get(name, torch.ones(group.channels)).double() for name, group in scoring.groups.items()}
