"""What every weight of a converged network, and every channel of a trained one, is worth: the loss without it, less the loss with it."""

from functools import cache

import torch
from scipy import stats
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

from tests.oracles.networks import Tiny, TinyConv, between, tiny

POINTS = 300
PENALTY = 1e-3
CONVERGED = 1e-6


@cache
def converged() -> Tiny:
    """4-6-4-3 with tanh, 60 weights, on 300 points of three overlapping classes, at a minimum of loss + 1e-3 * (sum of all parameters squared)."""
    net = tiny(0, sizes=(POINTS,))
    points = net.batches[0][0]
    chance = torch.Generator().manual_seed(1)
    outputs = torch.stack([points[:, 0] * points[:, 1], points[:, 2].square() - 1, points[:, 3]], 1)
    labels = (2 * outputs + torch.randn(outputs.shape, generator=chance, dtype=torch.float64)).argmax(1)
    net = Tiny(net.model, net.weights, [(points[:200], labels[:200]), (points[200:], labels[200:])])
    assert minimise(net, points, labels) < CONVERGED
    return net


def minimise(net: Tiny, points: Tensor, labels: Tensor) -> float:
    """Train by L-BFGS; returns the norm of the gradient at the end."""
    parameters = list(net.model.parameters())

    def objective() -> Tensor:
        for p in parameters:
            p.grad = None
        value = F.cross_entropy(net.model(points), labels) + PENALTY * torch.stack([p.square().sum() for p in parameters]).sum()
        value.backward()
        return value

    torch.optim.LBFGS(
        parameters, max_iter=3_000, history_size=50, tolerance_grad=1e-9, tolerance_change=0, line_search_fn="strong_wolfe"
    ).step(objective)
    objective()
    norm = torch.cat([p.grad.flatten() for p in parameters]).norm()
    for p in parameters:
        p.grad = None
    return float(norm)


@cache
def damage() -> Tensor:
    """Rise of the loss over all points without each weight in turn: (60,), in the order of the parameters."""
    net = converged()
    before = net.loss()
    rises = []
    for weight in net.weights.values():
        flat = weight.data.view(-1)
        for j in range(flat.numel()):
            value = float(flat[j])
            flat[j] = 0
            rises.append(net.loss() - before)
            flat[j] = value
    return torch.tensor(rises)


def agreement(scores: dict[str, Tensor]) -> float:
    """Spearman's rank correlation of scores with the damage that each weight's removal does."""
    return float(stats.spearmanr(torch.cat([scores[name].flatten() for name in converged().weights]), damage()).statistic)


EPOCHS, LR, BATCH, CHANNELS = 8, 1e-3, 32, (12, 24)
IN_ONE_PASS = 100  # scoring images, as a run has them


@cache
def trained() -> TinyConv:
    """12 and 24 channels with batch norm on the 1,797 digits of 8 x 8 pixels, after eight epochs of Adam; in float64 and eval mode."""
    digits = load_digits()
    images, labels = torch.tensor(digits.images[:, None] / 16).float(), torch.tensor(digits.target)
    chance = torch.Generator().manual_seed(0)
    model, groups, of = nn.Sequential(), {}, 1
    for i, n in enumerate(CHANNELS, 1):
        parts = {
            f"conv{i}": nn.Conv2d(of, n, 3, padding=1, bias=False),
            f"bn{i}": nn.BatchNorm2d(n),
            f"relu{i}": nn.ReLU(),
            f"pool{i}": nn.MaxPool2d(2),
        }
        for name, part in parts.items():
            model.add_module(name, part)
        groups[f"conv{i}"] = between(
            f"conv{i}", f"bn{i}", n, f"conv{i + 1}" if i < len(CHANNELS) else "fc", each=1 if i < len(CHANNELS) else 4
        )
        of = n
    model.add_module("flat", nn.Flatten())
    model.add_module("fc", nn.Linear(4 * of, 10))
    with torch.no_grad():
        for p in model.parameters():
            if p.ndim > 1:
                p.copy_(torch.randn(p.shape, generator=chance) * (2 / p[0].numel()) ** 0.5)
        model.fc.bias.zero_()
    optimiser = torch.optim.Adam(model.parameters(), LR)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(images), generator=chance).split(BATCH):
            optimiser.zero_grad()
            F.cross_entropy(model(images[rows]), labels[rows]).backward()
            optimiser.step()
    batches = list(zip(images.double().split(IN_ONE_PASS), labels.split(IN_ONE_PASS), strict=True))
    return TinyConv(model.double().eval(), groups, batches)


@cache
def channel_damage() -> dict[str, Tensor]:
    """Rise of the loss over all images when the output of each channel is 0: name -> (channels,)."""
    net = trained()

    def loss(gates: dict[str, Tensor] | None = None) -> float:
        with torch.no_grad():
            total = sum(float(F.cross_entropy(net.activations(x, gates)[1], y, reduction="sum")) for x, y in net.batches)
        return total / sum(len(y) for _, y in net.batches)

    before, found = loss(), {}
    for name, group in net.groups.items():
        rises = []
        for k in range(group.channels):
            gates = {n: torch.ones(g.channels, dtype=torch.float64) for n, g in net.groups.items()}
            gates[name][k] = 0
            rises.append(loss(gates) - before)
        found[name] = torch.tensor(rises)
    return found


def channel_agreement(scores: dict[str, Tensor]) -> tuple[float, float, float]:
    """Spearman's rank correlation with the damage: over all channels, within the first layer, within the second."""
    damage = channel_damage()
    pairs = [(torch.cat([s[n] for n in damage]) for s in (scores, damage)), *((scores[n], damage[n]) for n in damage)]
    everywhere, first, second = (float(stats.spearmanr(a, b).statistic) for a, b in pairs)
    return everywhere, first, second
