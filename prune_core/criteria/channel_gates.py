"""A gate on every channel, one for all that makes it: the slope of each image's loss along it.

    g_nk = dl_n / dm_k at m = 1  =  sum over positions of a[n, k, h, w] * dl_n / da[n, k, h, w]

a is what the channel's batch norm puts out, else its convolution. ReLU and pooling let a positive gate pass, so that in front of them or behind
them it is the same gate. A gate on the filter alone is not: batch norm undoes what scales its input.
"""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..catalogue.criteria.options import GradientOptions
from .gradients import combined
from .producers import producers
from .types import Batch, Scores, Scoring

Errors = Callable[[Tensor, Tensor], Tensor]  # logits (B, classes), labels (B,) -> error of every image (B,)


def losses(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of every image, (B,)."""
    return F.cross_entropy(logits, labels, reduction="none")


def channel_gates(
    scoring: Scoring[object], batch: Batch, errors: Errors = losses, over: Callable[[Tensor, int], Tensor] = torch.sum
) -> Scores:
    """g_nk of every image and channel: name -> (B, channels), float64, in units of the error. One forward pass and one backward.

    The errors are summed and not averaged, so that each image has its own slope, undivided. Where batch norm takes the statistics of the batch, images
    see each other, and only the mean over them is a slope. over: the sum over positions, or their mean (Molchanov et al. 2017).
    """
    images, labels = batch
    outputs: Scores = {}
    with ExitStack() as hooks:
        for name, module in producers(scoring).items():
            hooks.enter_context(module.register_forward_hook(partial(note, outputs, name)))
        total = errors(scoring.model(images), labels).sum()
    slopes = torch.autograd.grad(total, list(outputs.values()))
    return {name: over((a.detach().double() * s.double()).flatten(2), 2) for (name, a), s in zip(outputs.items(), slopes, strict=True)}


def note(outputs: Scores, name: str, _module: nn.Module, _inputs: object, output: Tensor) -> None:
    """Hook: the tensor itself. Of a ReLU that works in place its result is found there and its slope is taken, which is the same product."""
    outputs[name] = output


def mean_sizes(scoring: Scoring[GradientOptions], size: Callable[[Tensor], Tensor]) -> Scores:
    """Sizes (absolute values, squares) of every channel's slope where `reduce` takes them: of the mean over all images, of each batch, of each image.

    Name -> float64, shape (channels,).
    """
    how = scoring.options.reduce
    parts = ((batch_mean(channel_gates(scoring, batch), size, how), len(batch[1])) for batch in scoring.batches)
    found = combined(parts, scoring.options.accumulate)
    return {name: size(g) for name, g in found.items()} if how == "total" else found


def batch_mean(gates: Scores, size: Callable[[Tensor], Tensor], how: str) -> Scores:
    if how == "sample":
        return {name: size(g).mean(0) for name, g in gates.items()}
    means = {name: g.mean(0) for name, g in gates.items()}
    return means if how == "total" else {name: size(g) for name, g in means.items()}
