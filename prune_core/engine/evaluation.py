"""The one evaluation: eval mode, a whole part of the data."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..events import Quality
from .dataset import Images

CHUNK = 1_000


@torch.no_grad()
def evaluate(module: nn.Module, images: Images, classes: int, limit: int | None = None) -> Quality:
    """Loss and accuracy on a whole part, or its first `limit` images; the network's mode is found again."""
    training = module.training
    module.eval()
    n = min(len(images), limit or len(images))
    loss = torch.zeros((), dtype=torch.float64, device=images.labels.device)
    right = torch.zeros(n, dtype=torch.bool, device=images.labels.device)
    for start in range(0, n, CHUNK):
        stop = min(start + CHUNK, n)
        x, y = images.chunk(start, stop)
        logits = module(x)
        loss += F.cross_entropy(logits, y, reduction="sum").double()
        right[start:stop] = logits.argmax(1) == y
    module.train(training)
    labels = images.labels[:n]
    return Quality(loss=float(loss) / n, accuracy=float(right.double().mean()), n=n, per_class=per_class(right, labels, classes))


def per_class(right: Tensor, labels: Tensor, classes: int) -> tuple[float | None, ...]:
    totals = torch.bincount(labels, minlength=classes).tolist()
    hits = torch.bincount(labels[right], minlength=classes).tolist()
    return tuple(h / t if t else None for h, t in zip(hits, totals, strict=True))


def at_chance(quality: Quality, classes: int) -> bool:
    """Whether an accuracy is within three standard errors of guessing (or below), or comes from one class alone.

    A network that names one class for every image is right as often as that class is frequent, which can be above guessing.
    """
    chance = 1 / classes
    guessed = quality.accuracy <= chance + 3 * (chance * (1 - chance) / quality.n) ** 0.5
    return guessed or (classes > 1 and bool(quality.per_class) and sum(bool(share) for share in quality.per_class) <= 1)
