"""Skeletonization: relevance of a unit (Mozer & Smolensky 1989), here of a channel.

With a gate alpha_k on the channel's activation, the error without it less the error with it is to first order

    s_k = -dE / d alpha_k  at alpha = 1,        E = mean over images of the sum over classes of |target - probability|

The linear error is the paper's: the slope of a squared one vanishes where the network fits. ReLU and pooling let a positive gate pass, so
that it may stand on what makes the channel instead (channel_gates.py).
"""

from collections.abc import Mapping

from torch import Tensor
from torch.nn import functional as F

from ..catalogue.criteria.channels import SkeletonizationOptions
from .channel_gates import Errors, channel_gates, losses
from .gradients import combined
from .types import Batch, Scores, Scoring


def linear_errors(logits: Tensor, labels: Tensor) -> Tensor:
    """Sum over classes of |target - probability| of every image, (B,)."""
    targets = F.one_hot(labels, logits.shape[1])
    return (targets - logits.softmax(1)).abs().sum(1)


ERRORS: Mapping[str, Errors] = {"linear": linear_errors, "loss": losses}


def score(scoring: Scoring[SkeletonizationOptions]) -> Scores:
    """Relevance of every channel, float64, shape (channels,), signed unless `absolute`; in units of the error. Higher is kept."""
    parts = ((relevance(scoring, batch), len(batch[1])) for batch in scoring.batches)
    scores = combined(parts, scoring.options.accumulate)
    return {name: s.abs() for name, s in scores.items()} if scoring.options.absolute else scores


def relevance(scoring: Scoring[SkeletonizationOptions], batch: Batch) -> Scores:
    """-dE / d alpha of every channel for the mean error of a batch, float64, shape (channels,)."""
    gates = channel_gates(scoring, batch, ERRORS[scoring.options.error])
    return {name: -g.mean(0) for name, g in gates.items()}
