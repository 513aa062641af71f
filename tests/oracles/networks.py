"""Networks small enough to check by hand, and what a criterion is given about them."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from prune_core.catalogue.anatomy import ChannelGroup, Place
from prune_core.criteria.types import Batch, Scores, Scoring


class Tiny(NamedTuple):
    """A network in float64 with its weights (no biases) and scoring batches."""

    model: nn.Module
    weights: dict[str, Tensor]
    batches: list[Batch]

    def loss(self) -> float:
        """Mean loss over all examples, not over batches."""
        with torch.no_grad():
            total = sum(float(F.cross_entropy(self.model(x), y, reduction="sum")) for x, y in self.batches)
        return total / sum(len(y) for _, y in self.batches)


def tiny(seed: int = 0, sizes: tuple[int, ...] = (7, 5)) -> Tiny:
    """4-6-4-3 with tanh, 60 weights, and a few examples in batches of unequal size."""
    chance = torch.Generator().manual_seed(seed)
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 3)).double()
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, generator=chance, dtype=torch.float64) * 0.7)
    weights = {n: p for n, p in model.named_parameters() if n.endswith("weight")}
    batches = [(torch.randn(n, 4, generator=chance, dtype=torch.float64), torch.randint(3, (n,), generator=chance)) for n in sizes]
    return Tiny(model, weights, batches)


def ask(score, net: Tiny, options, masks: Mapping[str, Tensor] = {}) -> Scores:
    """Scores of a criterion's function on a tiny network. masks: what a rehearsal has left."""
    units = {n: tuple(w.shape) for n, w in net.weights.items()}
    chance = torch.Generator().manual_seed(0)
    return score(Scoring(net.model, net.weights, units, net.batches, options, chance, tuple(net.batches[0][0].shape[1:]), masks))


class TinyConv(NamedTuple):
    """Two convolutions with batch norm and ReLU, in float64 and eval mode, with their channel groups and scoring batches."""

    model: nn.Sequential
    groups: dict[str, ChannelGroup]
    batches: list[Batch]

    def activations(self, images: Tensor, gates: dict[str, Tensor] | None = None) -> tuple[dict[str, Tensor], Tensor]:
        """(output of each group's ReLU times the group's gates, logits), layer by layer."""
        found, x = {}, images
        for name, layer in self.model.named_children():
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                group = f"conv{name[-1]}"
                found[group] = x = x if gates is None else x * gates[group].view(1, -1, 1, 1)
        return found, x


def between(conv: str, norm: str | None, channels: int, reader: str, each: int = 1) -> ChannelGroup:
    """The channels that one convolution writes, normalised or not, and one layer reads."""
    members = (f"{conv}.weight", f"{norm}.weight", f"{norm}.bias") if norm else (f"{conv}.weight", f"{conv}.bias")
    return ChannelGroup(
        name=conv, title=f"Conv {conv[-1]}", channels=channels, producers=(Place(members[0]),), norms=(Place(norm),) if norm else (),
        members=tuple(map(Place, members)), readers=(Place(f"{reader}.weight", each=each),),
    )  # fmt: skip


def tiny_conv(seed: int = 0, sizes: tuple[int, ...] = (5, 3), norm: bool = True) -> TinyConv:
    """2-4-5-3 on 6 x 6 images; among the scales of batch norm are a negative one and a zero. Without `norm`, convolutions with biases instead."""
    chance = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=chance, dtype=torch.float64)

    layers = {
        "conv1": nn.Conv2d(2, 4, 3, padding=1, bias=not norm), "bn1": nn.BatchNorm2d(4), "relu1": nn.ReLU(), "pool": nn.MaxPool2d(2),
        "conv2": nn.Conv2d(4, 5, 3, padding=1, bias=not norm), "bn2": nn.BatchNorm2d(5), "relu2": nn.ReLU(),
        "mean": nn.AdaptiveAvgPool2d(1), "flat": nn.Flatten(), "fc": nn.Linear(5, 3),
    }  # fmt: skip
    model = nn.Sequential()
    for name, layer in layers.items():
        if norm or not name.startswith("bn"):
            model.add_module(name, layer)
    model.double().eval()
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(normal(*p.shape) * 0.7)
        for bn in (model.bn1, model.bn2) if norm else ():
            bn.running_mean.copy_(normal(*bn.running_mean.shape) * 0.3)
            bn.running_var.copy_(normal(*bn.running_var.shape).square() + 0.5)
            bn.weight[0], bn.weight[1] = -bn.weight[0].abs(), 0
    groups = {}
    for i, n in ((1, 4), (2, 5)):
        groups[f"conv{i}"] = between(f"conv{i}", f"bn{i}" if norm else None, n, {1: "conv2", 2: "fc"}[i])
    batches = [(normal(n, 2, 6, 6), torch.randint(3, (n,), generator=chance)) for n in sizes]
    return TinyConv(model, groups, batches)


def ask_channels(score, net: TinyConv, options) -> Scores:
    """Scores of a criterion's function for the channels of a tiny convolutional network."""
    parameters = dict(net.model.named_parameters())
    weights = {name: parameters[g.producer] for name, g in net.groups.items()}
    units = {name: (g.channels,) for name, g in net.groups.items()}
    shape = tuple(net.batches[0][0].shape[1:])
    return score(Scoring(net.model, weights, units, net.batches, options, torch.Generator().manual_seed(0), shape, groups=net.groups))
