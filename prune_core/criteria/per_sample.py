"""Gradients of single images: each as it is, by vmap over grad, or their squares alone, layer by layer.

For the squares, what goes into a layer and the slope of what comes out of it are enough.

The gradient of image n in a dense layer is an outer product, d_n a_n^T, so that the sum of its squares over images is a product of squares:

    sum over n of (d_no a_ni)^2 = sum over n of d_no^2 a_ni^2

In a convolution it is a sum over places, one product of matrices for each image. Either way one pass forward and one back serve all images.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial, reduce
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional as F

from .types import Scores

Layers = Mapping[str, nn.Conv2d | nn.Linear]


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


class Passage(NamedTuple):
    """What went into a layer, and what came out of it: (B, features) or (B, channels, H, W)."""

    inputs: Tensor
    outputs: Tensor


def mean_squares(model: nn.Module, weights: Mapping[str, Tensor], parts: Iterable[Weighed], chunk: int) -> Scores:
    """Sum of share_n (dl_n / dw)^2 over the sum of shares, l_n the loss of image n alone: float64, of the weights' shapes.

    weights: by parameter name, of convolutions and dense layers that the model calls once. The images must not see each other: batch norm by the
    statistics of the batch has no such gradients. At most `chunk` gradients of a convolution are held at a time. Parameters' own `.grad` is not touched.
    """
    total = {name: torch.zeros(w.shape, dtype=torch.float64, device=w.device) for name, w in weights.items()}
    layers, count = layers_of(model, weights), 0.0
    for part in parts:
        passages = forward(model, layers, part)
        for name, (passage, slopes) in passages.items():
            for kind in ("weight", "bias"):
                if f"{name}.{kind}" in total:
                    total[f"{name}.{kind}"] += squares(layers[name], kind, passage, slopes, part.shares.to(slopes), chunk)
        count += float(part.shares.double().sum())
    return {name: t.div_(count) for name, t in total.items()}


def layers_of(model: nn.Module, weights: Iterable[str]) -> Layers:
    """The layers that parameters belong to, by their names."""
    return {name: model.get_submodule(name) for name in dict.fromkeys(w.rpartition(".")[0] for w in weights)}  # type: ignore[misc]


def forward(model: nn.Module, layers: Layers, part: Weighed) -> dict[str, tuple[Passage, Tensor]]:
    """(passage, slope of every image's loss along what came out) of every layer."""
    found: dict[str, Passage] = {}
    with ExitStack() as hooks:
        for name, layer in layers.items():
            hooks.enter_context(layer.register_forward_hook(partial(note, found, name)))
        loss = F.cross_entropy(model(part.images), part.labels, reduction="sum")
    slopes = torch.autograd.grad(loss, [passage.outputs for passage in found.values()])
    return {name: (passage, slope) for (name, passage), slope in zip(found.items(), slopes, strict=True)}


def note(found: dict[str, Passage], name: str, _layer: nn.Module, inputs: tuple[Tensor, ...], outputs: Tensor) -> None:
    assert name not in found
    found[name] = Passage(inputs[0].detach(), outputs)


def squares(layer: nn.Conv2d | nn.Linear, kind: str, passage: Passage, slopes: Tensor, shares: Tensor, chunk: int) -> Tensor:
    """Sum of share_n (dl_n / dw)^2 over the images of a batch, for a layer's weight or bias: float64, of its shape."""
    largest = slopes.abs().max().clamp(min=torch.finfo(slopes.dtype).tiny)
    slopes = slopes / largest  # squares of float32 vanish below 1e-38
    if kind == "bias":
        found = shares @ slopes.flatten(2).sum(2).square() if slopes.ndim > 2 else shares @ slopes.square()
    elif isinstance(layer, nn.Linear):
        found = (slopes.square() * shares[:, None]).T @ passage.inputs.square()
    else:
        pieces = zip(passage.inputs.split(chunk), slopes.split(chunk), shares.split(chunk), strict=True)
        found = reduce(torch.add, (convolved(layer, a, d, s) for a, d, s in pieces))
    return found.double() * largest.double().square()


def convolved(layer: nn.Conv2d, inputs: Tensor, slopes: Tensor, shares: Tensor) -> Tensor:
    """Sum of share_n (dl_n / dw)^2 for a convolution, of its weight's shape, row by row of its kernel."""
    n, out, height, width = slopes.shape
    groups = layer.groups
    d = slopes.permute(0, 2, 3, 1).reshape(n, height * width, groups, out // groups).permute(0, 2, 3, 1)
    rows = [shares @ (d @ seen).square_().flatten(1) for seen in windows(layer, inputs, (height, width))]
    by_row = torch.stack([r.view(out, layer.kernel_size[1], layer.in_channels // groups) for r in rows], 1)
    return by_row.permute(0, 3, 1, 2)


def windows(layer: nn.Conv2d, inputs: Tensor, size: tuple[int, int]) -> Iterator[Tensor]:
    """What each row of the kernel sees at every place: (B, groups, places, columns * channels of a group).

    Channels lie last, so that what a row sees at one place lies together in memory: two to three times faster than unfolding whole kernels.
    """
    assert not isinstance(layer.padding, str)
    (up, left), (down, right), (dy, dx) = layer.padding, layer.stride, layer.dilation
    image = F.pad(inputs, (left, left, up, up)).permute(0, 2, 3, 1).contiguous()
    n, channels = len(image), layer.in_channels // layer.groups
    each, line, pixel, _ = image.stride()
    shape = (n, layer.groups, *size, layer.kernel_size[1], channels)
    for row in range(layer.kernel_size[0]):
        seen = image.as_strided(shape, (each, channels, down * line, right * pixel, dx * pixel, 1), row * dy * line)
        yield seen.reshape(n, layer.groups, size[0] * size[1], -1)
