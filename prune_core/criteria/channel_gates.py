"""A gate on every channel, one for all that reads it: the slope of each image's loss along it.

    g_nk = dl_n / dm_k at m = 1  =  sum over readers and positions of x[n, k, h, w] * dl_n / dx[n, k, h, w]

x is what a convolution or dense layer reads of the channel, and its derivative that through this reader alone: behind batch norm and ReLU, and behind
the sum where several layers write the channel. A gate on the filters is not the same: batch norm undoes what scales its input.
"""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..catalogue.criteria.options import GradientOptions
from .gradients import combined
from .types import Batch, Scores, Scoring

Errors = Callable[[Tensor, Tensor], Tensor]  # logits (B, classes), labels (B,) -> error of every image (B,)


def losses(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of every image, (B,)."""
    return F.cross_entropy(logits, labels, reduction="none")


def channel_gates(scoring: Scoring[object], batch: Batch, errors: Errors = losses) -> Scores:
    """g_nk of every image and channel: name -> (B, channels), float64, in units of the error. One forward pass and one backward.

    The errors are summed and not averaged, so that each image has its own slope, undivided. Where batch norm takes the statistics of the batch, images
    see each other, and only the mean over them is a slope.
    """
    images, labels = batch
    read: Scores = {}
    with ExitStack() as hooks:
        for name in dict.fromkeys(place.name for group in scoring.groups.values() for place in group.readers):
            module = scoring.model.get_submodule(name.removesuffix(".weight"))
            hooks.enter_context(module.register_forward_pre_hook(partial(note, read, name)))
        total = errors(scoring.model(images), labels).sum()
    slopes = torch.autograd.grad(total, list(read.values()))
    products = {name: by_column(x, s) for (name, x), s in zip(read.items(), slopes, strict=True)}
    return {
        name: torch.stack([
            products[reader][:, start : start + group.channels * each].unflatten(1, (group.channels, each)).sum(2)
            for reader, start, each in group.readers
        ]).sum(0)
        for name, group in scoring.groups.items()
    }  # fmt: skip


def note(read: Scores, name: str, _module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Hook: what a layer reads, under a name of its own, so that its slope is that through this layer alone."""
    read[name] = inputs[0].view_as(inputs[0])
    return (read[name], *inputs[1:])


def by_column(x: Tensor, slope: Tensor) -> Tensor:
    """x times its slope, summed over positions: (B, columns of the weight that reads x), float64."""
    product = x.detach().double() * slope.double()
    return product.flatten(2).sum(2) if product.ndim > 2 else product


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
