"""Gradients of single images: one for each, by vmap over grad, so many at a time that memory stays bounded."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional as F

from .types import Scores


class Weighed(NamedTuple):
    """Images (B, C, H, W) with labels (B,) and the share (B,) with which each counts."""

    images: Tensor
    labels: Tensor
    shares: Tensor


def per_sample_gradients(model: nn.Module, weights: Mapping[str, Tensor], images: Tensor, labels: Tensor) -> Scores:
    """dl_n / dw of the loss of every image alone: name -> (B, *shape of the weight), in the network's precision.

    The images must not see each other: batch norm by the statistics of the batch has no such gradients. Parameters' own `.grad` is not touched.
    """
    everything = {name: p.detach() for name, p in model.named_parameters()}
    wanted = {name: everything.pop(name) for name in weights}

    def loss(chosen: dict[str, Tensor], image: Tensor, label: Tensor) -> Tensor:
        return F.cross_entropy(functional_call(model, (everything, chosen), (image[None],)), label[None])

    gradients: Scores = vmap(grad(loss), in_dims=(None, 0, 0))(wanted, images, labels)
    return gradients


def mean_squares(model: nn.Module, weights: Mapping[str, Tensor], parts: Iterable[Weighed], chunk: int) -> Scores:
    """Sum of share_n (dl_n / dw)^2 over the sum of shares: float64, of the weights' shapes. At most `chunk` gradients are held at a time."""
    total = {name: torch.zeros(w.shape, dtype=torch.float64, device=w.device) for name, w in weights.items()}
    shares = 0.0
    for part in parts:
        for images, labels, share in zip(*(tensor.split(chunk) for tensor in part), strict=True):
            gradients = per_sample_gradients(model, weights, images, labels)
            for name, sum_so_far in total.items():
                sum_so_far += torch.einsum("n,n...->...", share.double(), gradients[name].double().square())
            shares += float(share.double().sum())
    return {name: t / shares for name, t in total.items()}
