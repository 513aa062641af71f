"""Skeletonization: relevance of a unit (Mozer & Smolensky 1989), here of a channel.

With a gate alpha_k on the channel's activation, the error without it less the error with it is to first order

    s_k = -dE / d alpha_k  at alpha = 1,        E = mean over images of the sum over classes of |target - probability|

The linear error is the paper's: the slope of a squared one vanishes where the network fits. ReLU and pooling let a positive gate pass, so
that it may stand on all that makes the channel instead, batch norm's scale and shift (else the filter and its bias), and no hook is needed:

    dE / d alpha = gamma dE / d gamma + beta dE / d beta
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from ..catalogue.criteria.channels import SkeletonizationOptions
from .gradients import moving_average, weighted_mean
from .producers import producers
from .types import Batch, Scores, Scoring


def linear_error(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean over images of the sum over classes of |target - probability|; logits (B, classes), labels (B,)."""
    targets = F.one_hot(labels, logits.shape[1])
    return (targets - logits.softmax(1)).abs().sum(1).mean()


ERRORS: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {"linear": linear_error, "loss": F.cross_entropy}


def score(scoring: Scoring[SkeletonizationOptions]) -> Scores:
    """Relevance of every channel, float64, shape (channels,), signed unless `absolute`; in units of the error. Higher is kept."""
    parts = ((relevance(scoring, batch), len(batch[1])) for batch in scoring.batches)
    combine = moving_average if scoring.options.accumulate == "ema" else weighted_mean
    scores = combine(parts)
    return {name: s.abs() for name, s in scores.items()} if scoring.options.absolute else scores


def relevance(scoring: Scoring[SkeletonizationOptions], batch: Batch) -> Scores:
    """-dE / d alpha of every channel for the mean error of a batch, float64, shape (channels,)."""
    images, labels = batch
    made_by = [(name, p) for name, module in producers(scoring).items() for p in module.parameters()]
    error = ERRORS[scoring.options.error](scoring.model(images), labels)
    slopes = torch.autograd.grad(error, [p for _, p in made_by])
    found = {name: torch.zeros(shape, dtype=torch.float64, device=images.device) for name, shape in scoring.units.items()}
    for (name, p), slope in zip(made_by, slopes, strict=True):
        found[name] -= (p.detach().double() * slope.double()).reshape(len(p), -1).sum(1)
    return found
