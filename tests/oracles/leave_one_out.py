"""What every weight of a converged network is worth: the loss without it, less the loss with it."""

from functools import cache

import torch
from scipy import stats
from torch import Tensor
from torch.nn import functional as F

from tests.oracles.networks import Tiny, tiny

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
