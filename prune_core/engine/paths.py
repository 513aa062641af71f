"""Weights that can matter: those on some path from the input to the output."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm
from torch.overrides import TorchFunctionMode

from .network import Network


def effective(network: Network) -> dict[str, int]:
    """How many kept weights of each prunable layer lie on a path of kept weights from an input to an output.

    Every weight becomes its mask, every bias 0, every batch norm the identity, and the image ones. Then a layer's output is positive where a path
    from an input arrives, and the derivative of the summed outputs with respect to a weight is positive where paths lead through it: nothing is
    negative, so no rectifier cuts a path and no two cancel.
    """
    module = counting(network)
    parameters = dict(module.named_parameters())
    weights = [parameters[layer.name] for layer in network.entry.layers]
    image = torch.ones(1, *network.entry.input_shape)
    with torch.enable_grad(), Reaching():
        paths = torch.autograd.grad(module(image).sum(), weights)
    return {layer.name: int(((w > 0) & (p > 0)).sum()) for layer, w, p in zip(network.entry.layers, weights, paths, strict=True)}


def counting(network: Network) -> nn.Module:
    """A copy on the CPU whose weights are the masks."""
    module = copy.deepcopy(network.module).to("cpu").eval()
    layers, masks = {layer.name for layer in network.entry.layers}, network.masks_here()
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, _BatchNorm) and part.running_mean is not None and part.running_var is not None:
                part.running_mean.zero_()
                part.running_var.fill_(1)
        for name, parameter in module.named_parameters():
            scale = parameter.ndim == 1 and name.endswith("weight")
            counts = name in layers or scale
            parameter.copy_(masks.get(name, torch.ones(())).cpu() if counts else torch.zeros_like(parameter))
    return module


class Sign(torch.autograd.Function):
    """1 where something arrives, and backward 1 where something leads on: numbers of paths would outgrow any float in a deep network."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.sign()

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> Tensor:
        return slopes[0].sign()


class Reaching(TorchFunctionMode):
    """Inside, layers say whether anything arrives, and max pooling adds up: a maximum follows one position alone, and a weight may matter at another."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        if name == "max_pool2d":
            named = dict(zip(("input", "kernel_size", "stride", "padding"), args, strict=False)) | dict(kwargs or {})
            return F.avg_pool2d(named["input"], named["kernel_size"], named.get("stride") or named["kernel_size"], named.get("padding", 0))
        result = func(*args, **(kwargs or {}))
        return Sign.apply(result) if name in ("conv2d", "linear") else result
