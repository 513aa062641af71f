"""Gradients of the loss on the scoring batches, combined as the options say."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..catalogue.criteria.options import GradientOptions
from .types import Batch, Scores, Scoring

EMA = 0.9
Gradients = Callable[[nn.Module, Mapping[str, Tensor], Batch], Scores]


def gate_gradients(model: nn.Module, weights: Mapping[str, Tensor], batch: Batch) -> Scores:
    """dL(c * w) / dc at c = 1, which is w * dL/dw, in float64 and of the weights' shapes. L is the mean loss of the batch."""
    images, labels = batch
    loss = F.cross_entropy(model(images), labels)
    slopes = torch.autograd.grad(loss, list(weights.values()))
    return {name: w.detach().double() * g for (name, w), g in zip(weights.items(), slopes, strict=True)}


def accumulated(scoring: Scoring[GradientOptions], gradients: Gradients = gate_gradients) -> Scores:
    """Gradients over all batches, absolute where `reduce` says: of the whole, of each batch, or of each image (reduce=sample)."""
    options = scoring.options
    batches = singles(scoring.batches) if options.reduce == "sample" else scoring.batches
    parts = ((gradients(scoring.model, scoring.weights, batch), len(batch[1])) for batch in batches)
    if options.reduce != "total":
        parts = (({name: g.abs() for name, g in gates.items()}, n) for gates, n in parts)
    return {name: total.abs() for name, total in combined(parts, options.accumulate).items()}


def singles(batches: Sequence[Batch]) -> list[Batch]:
    return [(images[i : i + 1], labels[i : i + 1]) for images, labels in batches for i in range(len(labels))]


def combined(parts: Iterable[tuple[Scores, int]], accumulate: Literal["mean", "ema"]) -> Scores:
    """What was found on each batch, with its number of images, as one."""
    return moving_average(parts) if accumulate == "ema" else weighted_mean(parts)


def weighted_mean(parts: Iterable[tuple[Scores, int]]) -> Scores:
    """Every example counts the same, also in a short last batch."""
    total: Scores = {}
    examples = 0
    for gates, n in parts:
        total = {name: total[name] + n * g if total else n * g for name, g in gates.items()}
        examples += n
    return {name: t.div_(examples) for name, t in total.items()}


def moving_average(parts: Iterable[tuple[Scores, int]]) -> Scores:
    """Exponential moving average over batches (SNIP, section 4.1), started at the first."""
    total: Scores = {}
    for gates, _ in parts:
        total = {name: EMA * total[name] + (1 - EMA) * g if total else g for name, g in gates.items()}
    return total
