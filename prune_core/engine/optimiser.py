"""Optimisers on one flat buffer: a step is one fused kernel.

torch.optim is not used: its first import costs two seconds, and per-tensor loops cost more than the arithmetic of small networks. The fused kernels
are private names of the pinned torch; where one is missing, the same update is written in plain operations.
"""

from typing import Protocol

import torch
from torch import Tensor

ADAM_BETA2 = 0.999
ADAM_EPS = 1e-8


class Optimiser(Protocol):
    """`state`: tensors to save and restore. `per_weight`: those of them that have one entry a weight (cleared where weights are pruned)."""

    state: dict[str, Tensor]
    per_weight: tuple[str, ...]

    def step(self, lr: float) -> None: ...


class Sgd:
    """SGD with momentum and weight decay, as torch.optim.SGD computes it."""

    per_weight: tuple[str, ...] = ("momentum",)

    def __init__(self, weights: Tensor, gradient: Tensor, momentum: float, weight_decay: float) -> None:
        self.weights, self.gradient, self.momentum, self.weight_decay = weights, gradient, momentum, weight_decay
        self.state = {"momentum": torch.zeros_like(weights)}
        self.fused = hasattr(torch, "_fused_sgd_")

    def step(self, lr: float) -> None:
        buffer = self.state["momentum"]
        if self.fused:
            torch._fused_sgd_(
                [self.weights], [self.gradient], [buffer] if self.momentum else [], weight_decay=self.weight_decay, momentum=self.momentum, lr=lr,
                dampening=0.0, nesterov=False, maximize=False, is_first_step=False,
            )  # fmt: skip
        else:
            self.gradient.add_(self.weights, alpha=self.weight_decay)
            buffer.mul_(self.momentum).add_(self.gradient)
            self.weights.add_(buffer, alpha=-lr)


class Adam:
    """Adam with weight decay added to the gradient, as torch.optim.Adam computes it; `momentum` is the first beta."""

    per_weight: tuple[str, ...] = ("mean", "square")

    def __init__(self, weights: Tensor, gradient: Tensor, momentum: float, weight_decay: float) -> None:
        self.weights, self.gradient, self.momentum, self.weight_decay = weights, gradient, momentum, weight_decay
        self.state = {
            "mean": torch.zeros_like(weights),
            "square": torch.zeros_like(weights),
            "steps": torch.zeros((), device=weights.device),
        }
        self.fused = hasattr(torch, "_fused_adam_")

    def step(self, lr: float) -> None:
        mean, square, steps = self.state["mean"], self.state["square"], self.state["steps"]
        steps += 1
        if self.fused:
            torch._fused_adam_(
                [self.weights], [self.gradient], [mean], [square], [], [steps], lr=lr, beta1=self.momentum, beta2=ADAM_BETA2,
                weight_decay=self.weight_decay, eps=ADAM_EPS, amsgrad=False, maximize=False,
            )  # fmt: skip
        else:
            self.gradient.add_(self.weights, alpha=self.weight_decay)
            mean.lerp_(self.gradient, 1 - self.momentum)
            square.mul_(ADAM_BETA2).addcmul_(self.gradient, self.gradient, value=1 - ADAM_BETA2)
            n = float(steps)
            size = (square / (1 - ADAM_BETA2**n)).sqrt_().add_(ADAM_EPS)
            self.weights.addcdiv_(mean, size, value=-lr / (1 - self.momentum**n))


OPTIMISERS: dict[str, type[Sgd] | type[Adam]] = {"sgd": Sgd, "adam": Adam}
