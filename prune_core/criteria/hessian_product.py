"""The Hessian of a loss times a direction, without the Hessian: the slope of the gradient along it (Pearlmutter 1994)."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from .gradients import weighted_mean
from .types import Batch, Scores

Loss = Callable[[Batch], Tensor]


def hessian_product(loss: Loss, variables: Mapping[str, Tensor], batches: Sequence[Batch], direction: Mapping[str, Tensor]) -> Scores:
    """H times the direction, H of the mean loss over all images of the batches: float64, of the variables' shapes.

    loss: mean over the images of a batch, as a function of the variables that has second derivatives.
    """
    return weighted_mean((batch_product(loss(batch), variables, direction), len(batch[1])) for batch in batches)


def batch_product(loss: Tensor, variables: Mapping[str, Tensor], direction: Mapping[str, Tensor]) -> Scores:
    at = list(variables.values())
    gradients = torch.autograd.grad(loss, at, create_graph=True)
    along = torch.stack([(g * direction[name]).sum() for name, g in zip(variables, gradients, strict=True)]).sum()
    products = torch.autograd.grad(along, at, materialize_grads=True)
    return {name: p.double() for name, p in zip(variables, products, strict=True)}
