"""Fisher's signal of every channel, gathered while the network trains: of the passes that training makes anyway (Theis et al. 2018).

    s_k = mean over images n of g_nk^2 / 2,      g_nk the slope of image n's loss along one gate on all that reads channel k

as criteria/fisher.py has it for channels, of the images and weights of every step since the last removal. Where batch norm takes the statistics of the
batch, as in training, images see each other, and g_nk is what the batch's loss says of image n.
"""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..criteria.channel_gates import note
from ..criteria.types import Scores
from .network import Network


class Gathering:
    """Listens to every layer that reads channels, until `end`. Costs a product and a sum for each, beside the training step."""

    def __init__(self, network: Network) -> None:
        self.groups = network.entry.channel_groups
        self.read: Scores = {}
        self.sums = {g.name: torch.zeros(g.channels, dtype=torch.float64, device=network.device) for g in self.groups}
        self.images = 0
        names = dict.fromkeys(place.name for group in self.groups for place in group.readers)
        self.hooks = [
            network.module.get_submodule(name.removesuffix(".weight")).register_forward_pre_hook(partial(self.hear, name)) for name in names
        ]

    def hear(self, name: str, module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """Hook: of passes that training makes, not of measurements between them."""
        if not torch.is_grad_enabled():
            return None
        heard = note(self.read, name, module, inputs)
        self.read[name].retain_grad()
        return heard

    @torch.no_grad()
    def __call__(self, images: int, lr: float) -> None:
        """After the backward pass of a batch's mean loss: what it says of every channel."""
        products: dict[str, Tensor] = {}
        for name, x in self.read.items():
            assert x.grad is not None
            product = x * x.grad
            products[name] = product.flatten(2).sum(2) if product.ndim > 2 else product
        for group in self.groups:
            slopes = sum(
                products[name][:, start : start + group.channels * each].unflatten(1, (group.channels, each)).sum(2)
                for name, start, each in group.readers
            )  # fmt: skip
            assert isinstance(slopes, Tensor)
            self.sums[group.name] += (images * slopes).double().square().sum(0)
        self.images += images
        self.read.clear()

    def scores(self) -> Scores:
        """Name -> float64 (channels,), on the CPU."""
        return {name: (total / (2 * max(1, self.images))).cpu() for name, total in self.sums.items()}

    def end(self) -> None:
        for hook in self.hooks:
            hook.remove()
