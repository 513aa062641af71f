"""Diagonal of the Hessian by random probes (Hutchinson's method): E[z * Hz] for vectors z of random signs."""

from collections.abc import Mapping, Sequence

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from .hessian_product import hessian_product
from .types import Batch, Scores


def hutchinson_diagonal(
    model: nn.Module, weights: Mapping[str, Tensor], batches: Sequence[Batch], probes: int, generator: Generator
) -> Scores:
    """Mean of z * Hz over the probes, H of the mean loss over all images: float64, of the weights' shapes, unbiased.

    With R probes the variance of entry i is the sum of H_ij^2 over j != i, divided by R: entries can be negative where the true ones are not.
    """

    def loss(batch: Batch) -> Tensor:
        return F.cross_entropy(model(batch[0]), batch[1])

    total = {name: torch.zeros(w.shape, dtype=torch.float64, device=w.device) for name, w in weights.items()}
    for _ in range(probes):
        probe = {name: signs(w, generator) for name, w in weights.items()}
        product = hessian_product(loss, weights, batches, probe)
        for name, sum_so_far in total.items():
            sum_so_far += probe[name] * product[name]
    return {name: t / probes for name, t in total.items()}


def signs(like: Tensor, generator: Generator) -> Tensor:
    """Every entry -1 or 1 with equal chance, drawn on the CPU: the same on every device."""
    return (2 * torch.randint(2, like.shape, generator=generator) - 1).to(like)
