"""Second moments of what goes into a layer: the curvature of its own squared error, the same for each of its outputs."""

from collections.abc import Iterator, Sequence

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from ..catalogue.criteria.trained import PATCHES
from .types import Batch, CriterionError

LEAST = 1e-200  # curvature of a layer that nothing ever reaches: its weights are worth next to nothing, and stay what they are


def second_moments(
    model: nn.Module, layer: nn.Linear | nn.Conv2d, batches: Sequence[Batch], places: int, damping: float, chance: Generator
) -> Tensor:
    """A = (1/n) sum of y y^T over the layer's inputs y, plus the damping times its mean diagonal on the diagonal: (d, d), float64.

    y: what one output is the weighted sum of, in the order of `weight.flatten(1)`, with a 1 at the end where the layer has a bias. Of a convolution
    every position gives one: `places` of them in all, as many of each image, at least one.
    The network runs in its own precision: A is a sum of squares of what it gives, so that directions which no input has stay without curvature.
    Holds one matrix of d x d and four times two million numbers of patches at a time, whatever the number of images.
    """
    images = sum(len(labels) for _, labels in batches)
    size = layer.weight[0].numel() + (layer.bias is not None)
    total, count = torch.zeros(size, size, dtype=torch.float64, device=layer.weight.device), 0

    def look(_: nn.Module, arguments: tuple[Tensor, ...]) -> None:
        nonlocal count
        for rows in inputs(layer, arguments[0].detach(), max(1, places // images), chance):
            total.addmm_(rows.T, rows)
            count += len(rows)

    handle = layer.register_forward_pre_hook(look)
    try:
        with torch.no_grad():
            for x, _ in batches:
                model(x)
    finally:
        handle.remove()
    total /= count
    mean = float(total.diagonal().mean())
    total.diagonal().add_(damping * mean if mean else LEAST)
    return total


def inputs(layer: nn.Linear | nn.Conv2d, x: Tensor, each: int, chance: Generator) -> Iterator[Tensor]:
    """Rows y (n, d) of a batch, in parts. each: positions of every image that are taken, of a convolution."""
    if isinstance(layer, nn.Linear):
        yield with_one(layer, x.flatten(0, -2))
        return
    if layer.groups != 1 or isinstance(layer.padding, str) or layer.padding_mode != "zeros":
        raise CriterionError("l_obs: convolutions in groups, and those with other padding than zeros, are not known to it.")
    shape = {"kernel_size": layer.kernel_size, "dilation": layer.dilation, "padding": layer.padding, "stride": layer.stride}
    positions = F.unfold(x[:1, :1], **shape).shape[2]
    at_once = max(1, PATCHES // (layer.weight[0].numel() * positions))
    for images in x.split(at_once):
        patches = F.unfold(images, **shape).transpose(1, 2)  # (images, positions, d)
        if each < positions:
            drawn = torch.rand(len(images), positions, generator=chance, dtype=torch.float64).argsort(1)[:, :each].to(x.device)
            patches = patches.gather(1, drawn[:, :, None].expand(-1, -1, patches.shape[2]))
        yield with_one(layer, patches.flatten(0, 1))


def with_one(layer: nn.Linear | nn.Conv2d, rows: Tensor) -> Tensor:
    """In double precision, with a 1 at the end where the layer has a bias."""
    whole = rows.new_ones(len(rows), rows.shape[1] + (layer.bias is not None), dtype=torch.float64)
    whole[:, : rows.shape[1]] = rows
    return whole
