"""Networks small enough to check by hand, and what a criterion is given about them."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

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
