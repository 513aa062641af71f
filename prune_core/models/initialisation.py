"""How weights are drawn, each tensor from the run's own generator. Biases start at 0, batch norm at scale 1 and shift 0."""

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor, nn

FIXED_STD = 0.1
TRUNCATION = 0.87962566103423978  # standard deviation of a unit normal cut at 2; dividing by it restores the wanted variance
Draw = Callable[[Tensor, Generator], Tensor]


def fans(weight: Tensor) -> tuple[int, int]:
    """(fan in, fan out) of a weight as torch lays it out: (out, in, ...)."""
    area = math.prod(weight.shape[2:])
    return weight.shape[1] * area, weight.shape[0] * area


def glorot(weight: Tensor, generator: Generator) -> Tensor:
    """Normal, variance 2 / (fan in + fan out): VS-X of the SNIP paper."""
    return weight.normal_(0, math.sqrt(2 / sum(fans(weight))), generator=generator)


def he(weight: Tensor, generator: Generator) -> Tensor:
    """Normal, variance 2 / fan in: VS-H."""
    return weight.normal_(0, math.sqrt(2 / fans(weight)[0]), generator=generator)


def lecun(weight: Tensor, generator: Generator) -> Tensor:
    """Truncated normal, variance 1 / fan in: `vs` of SNIP's code."""
    return truncated(weight, math.sqrt(1 / fans(weight)[0]) / TRUNCATION, generator)


def random_normal(weight: Tensor, generator: Generator) -> Tensor:
    """Normal of standard deviation 0.1, whatever the layer's width: RN."""
    return weight.normal_(0, FIXED_STD, generator=generator)


def truncated_normal(weight: Tensor, generator: Generator) -> Tensor:
    """Normal of standard deviation 0.1, redrawn beyond two of them: TN."""
    return truncated(weight, FIXED_STD, generator)


def torch_default(weight: Tensor, generator: Generator) -> Tensor:
    """Uniform within 1 / sqrt(fan in), as torch's own layers start."""
    bound = 1 / math.sqrt(fans(weight)[0])
    return weight.uniform_(-bound, bound, generator=generator)


def truncated(weight: Tensor, std: float, generator: Generator) -> Tensor:
    return nn.init.trunc_normal_(weight, 0, std, -2 * std, 2 * std, generator=generator)


INITIALISATIONS: dict[str, Draw] = {
    "glorot": glorot, "he": he, "lecun": lecun, "random_normal": random_normal, "truncated_normal": truncated_normal, "torch_default": torch_default,
}  # fmt: skip


@torch.no_grad()
def initialise(model: nn.Module, initialisation: str, generator: Generator, scale: float = 1.0) -> None:
    """Draw every weight of a network on the CPU, in the order of its modules, and set everything else to its start; batch norm's scales to `scale`."""
    draw = INITIALISATIONS[initialisation]
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            module.weight.copy_(draw(torch.empty(module.weight.shape), generator))
            if module.bias is not None:
                module.bias.zero_()
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.reset_parameters()
            module.weight.mul_(scale)
