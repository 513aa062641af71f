"""Diagonal of the Hessian by random probes (Hutchinson's method): E[z * Hz] for vectors z of random signs."""

from collections.abc import Mapping, Sequence

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from .gradients import weighted_mean
from .types import Batch, Scores


def hutchinson_diagonal(
    model: nn.Module, weights: Mapping[str, Tensor], batches: Sequence[Batch], probes: int, generator: Generator
) -> Scores:
    """Mean of z * Hz over the probes, H of the mean loss over all images: float64, of the weights' shapes, unbiased.

    With R probes the variance of entry i is the sum of H_ij^2 over j != i, divided by R: entries can be negative where the true ones are not.
    """
    total = {name: torch.zeros(w.shape, dtype=torch.float64, device=w.device) for name, w in weights.items()}
    for _ in range(probes):
        probe = {name: signs(w, generator) for name, w in weights.items()}
        product = hessian_product(model, weights, batches, probe)
        for name, sum_so_far in total.items():
            sum_so_far += probe[name] * product[name]
    return {name: t / probes for name, t in total.items()}


def signs(like: Tensor, generator: Generator) -> Tensor:
    """Every entry -1 or 1 with equal chance, drawn on the CPU: the same on every device."""
    return (2 * torch.randint(2, like.shape, generator=generator) - 1).to(like)


def hessian_product(model: nn.Module, weights: Mapping[str, Tensor], batches: Sequence[Batch], direction: Mapping[str, Tensor]) -> Scores:
    """H times the direction, H of the mean loss over all images of the batches: float64, of the weights' shapes."""
    return weighted_mean((batch_product(model, weights, batch, direction), len(batch[1])) for batch in batches)


def batch_product(model: nn.Module, weights: Mapping[str, Tensor], batch: Batch, direction: Mapping[str, Tensor]) -> Scores:
    images, labels = batch
    variables = list(weights.values())
    gradients = torch.autograd.grad(F.cross_entropy(model(images), labels), variables, create_graph=True)
    along = torch.stack([(g * direction[name]).sum() for name, g in zip(weights, gradients, strict=True)]).sum()
    products = torch.autograd.grad(along, variables, materialize_grads=True)
    return {name: p.double() for name, p in zip(weights, products, strict=True)}
