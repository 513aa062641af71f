"""Random scores: the honest baseline."""

import torch

from ..catalogue.criteria.baselines import RandomOptions
from .types import Scores, Scoring


def score(scoring: Scoring[RandomOptions]) -> Scores:
    """Uniform draws in [0, 1), float64, one draw over the flat index of all units: the same on every device."""
    sizes = [torch.Size(shape).numel() for shape in scoring.units.values()]
    draws = torch.rand(sum(sizes), generator=scoring.generator, dtype=torch.float64)
    return {name: d.reshape(shape) for (name, shape), d in zip(scoring.units.items(), draws.split(sizes), strict=True)}
