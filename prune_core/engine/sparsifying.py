"""What pulls structures of a network towards 0 while it trains: a penalty on the scales of batch norm, or scale factors of their own."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..criteria.types import Scores
from .network import Network

MOMENTUM = 0.9  # of the accelerated step


class Penalty:
    """An L1 penalty on batch norm's scales of channels that may go, as its subgradient (Liu et al. 2017): strength * sign(scale), beside all else."""

    def __init__(self, network: Network, strength: float) -> None:
        self.network, self.strength = network, strength
        self.scales = [
            slice(begin := network.places[f"{norm.name}.weight"].start + norm.start, begin + group.channels)
            for group in network.entry.channel_groups for norm in group.norms
        ]  # fmt: skip

    def __call__(self, images: int, lr: float) -> None:
        """After the backward pass: add to the gradient."""
        for here in self.scales:
            self.network.gradient[here].add_(self.network.weights[here].sign(), alpha=self.strength)


class Scales:
    """A factor on every channel wherever it is read, from 1 on, trained by accelerated proximal gradient steps (Huang & Wang 2018).

        z = S(lambda - eta g);   v <- z - lambda + mu v;   lambda <- max(0, z + mu v),      S(a) = sign(a) max(|a| - eta gamma, 0)

    with the gradient g at the present lambda, the learning rate eta, momentum mu and strength gamma. A factor that is 0 has nothing left to read.
    values, velocities: name of a group -> (channels,). At the end factors go into the weights that read the channels.
    """

    def __init__(self, network: Network, strength: float) -> None:
        self.network, self.strength = network, strength
        self.values = {g.name: torch.ones(g.channels, device=network.device, requires_grad=True) for g in network.entry.channel_groups}
        self.velocities = {name: torch.zeros_like(value, requires_grad=False) for name, value in self.values.items()}
        readers: dict[str, list[tuple[str, int, int]]] = {}
        for group in network.entry.channel_groups:
            for name, start, each in group.readers:
                readers.setdefault(name, []).append((group.name, start, each))
        self.readers = readers
        self.hooks = [
            network.module.get_submodule(name.removesuffix(".weight")).register_forward_pre_hook(partial(self.scale, name))
            for name in readers
        ]

    def columns(self, name: str, width: int) -> Tensor:
        """(width,): the factor of every column of a weight; 1 where it reads nothing that may go."""
        parts, at = [], 0
        for group, start, each in sorted(self.readers[name], key=lambda place: place[1]):
            parts += [self.values[group].new_ones(start - at), self.values[group].repeat_interleave(each)]
            at = start + len(parts[-1])
        return torch.cat([*parts, parts[-1].new_ones(width - at)])

    def scale(self, name: str, _module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        x: Tensor = inputs[0]
        return (x * self.columns(name, x.shape[1]).reshape(1, -1, *[1] * (x.ndim - 2)), *inputs[1:])

    @torch.no_grad()
    def __call__(self, images: int, lr: float) -> None:
        """After the backward pass: one step of every factor."""
        for name, value in self.values.items():
            assert value.grad is not None
            stepped = value - lr * value.grad
            z = stepped.sign() * (stepped.abs() - lr * self.strength).clamp(min=0)
            velocity = self.velocities[name]
            velocity.copy_(z - value + MOMENTUM * velocity)
            value.copy_((z + MOMENTUM * velocity).clamp(min=0))
            value.grad = None

    @torch.no_grad()
    def fold(self) -> Scores:
        """Put the factors into the weights, and be gone: name -> factors, float64, on the CPU; the network computes what it did."""
        for name in self.readers:
            weight = self.network.parameters[name]
            weight.mul_(self.columns(name, weight.shape[1]).reshape(1, -1, *[1] * (weight.ndim - 2)))
        for hook in self.hooks:
            hook.remove()
        return {name: value.detach().double().cpu() for name, value in self.values.items()}

    def state(self) -> dict[str, Tensor]:
        """What a checkpoint keeps."""
        return {f"value/{name}": v for name, v in self.values.items()} | {f"velocity/{name}": v for name, v in self.velocities.items()}

    @torch.no_grad()
    def restore(self, state: Mapping[str, Tensor]) -> None:
        for name, tensor in self.state().items():
            tensor.copy_(state[name])
