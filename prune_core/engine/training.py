"""The one training loop."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F

from ..spec import RunSpec
from ..steps import Train
from ..streams import seed_of
from .augmentation import drawn
from .dataset import Images
from .errors import RunError
from .masks import generator
from .network import Network
from .optimiser import Optimiser

Beside = Callable[[int, float], None]
LOOK_EVERY = 50  # iterations between two looks at the loss: looking waits for a GPU


@dataclass
class Sums:
    """Running sums over the training images of the current epoch, kept on the device."""

    loss: Tensor
    correct: Tensor
    images: int = 0
    seconds: float = 0.0

    @classmethod
    def zero(cls, device: torch.device) -> "Sums":
        return cls(torch.zeros((), dtype=torch.float64, device=device), torch.zeros((), dtype=torch.int64, device=device))


@dataclass
class Clock:
    """Where a run is in its training: `iteration` counts steps from the start of the run; `pruned_at` is no part of it."""

    images: int
    batch: int
    iteration: int = 0
    sums: Sums = field(default_factory=lambda: Sums.zero(torch.device("cpu")))

    @property
    def per_epoch(self) -> int:
        return -(-self.images // self.batch)

    @property
    def epoch(self) -> float:
        return self.iteration / self.per_epoch

    def at(self, epoch: float) -> int:
        """The iteration at which an epoch, given as a real number, is reached."""
        return int(epoch * self.per_epoch + 0.5)


def learning_rate(step: Train, epoch: float) -> float:
    """A tenth for every milestone passed."""
    return step.lr * 0.1 ** sum(epoch >= m for m in step.milestones)


def train(
    spec: RunSpec, step: Train, network: Network, optimiser: Optimiser, images: Images, clock: Clock, pause: Callable[[int], bool],
    beside: Sequence[Beside] = (),
) -> Iterator[None]:  # fmt: skip
    """Steps from the clock's iteration to the end of the step; hands back control wherever `pause(iteration)` says so.

    beside: called after every backward pass with the number of images and the learning rate: what listens to training, or pulls at it.

    Raises RunError when the loss is no longer a number.
    """
    module, end, order, epoch = network.module, clock.at(step.until), torch.empty(0), -1
    kinds, moves = spec.dataset_entry.augmentation if spec.augment else (), None
    module.train()
    while clock.iteration < end:
        began = time.perf_counter()
        now, position = divmod(clock.iteration, clock.per_epoch)
        if now != epoch:
            epoch, order = now, shuffled(clock.images, spec.seed, step, now).to(images.labels.device)
            moves = drawn(clock.images, spec.seed, step, now, kinds, images.labels.device) if kinds else None
        here = slice(position * clock.batch, (position + 1) * clock.batch)
        x, y = images.batch(order[here], moves[here] if moves else None)
        logits = module(x)
        loss = F.cross_entropy(logits, y)
        network.gradient.zero_()
        loss.backward()
        for each in beside:
            each(len(y), learning_rate(step, clock.epoch))
        network.mask_gradient()
        optimiser.step(learning_rate(step, clock.epoch))
        clock.sums.loss.add_(loss.detach(), alpha=len(y))
        clock.sums.correct.add_((logits.detach().argmax(1) == y).sum())
        clock.sums.images += len(y)
        clock.sums.seconds += time.perf_counter() - began
        clock.iteration += 1
        if clock.iteration % LOOK_EVERY == 0 or clock.iteration == end or clock.iteration % clock.per_epoch == 0:
            check_finite(clock, step)
        if pause(clock.iteration):
            yield
            module.train()


def shuffled(n: int, seed: int, step: Train, epoch: int) -> Tensor:
    """The order of the n training images in an epoch of the run."""
    return torch.randperm(n, generator=generator(seed_of(seed, step.order, step.order_from + epoch)))


def check_finite(clock: Clock, step: Train) -> None:
    if not bool(torch.isfinite(clock.sums.loss)):
        raise RunError(
            f"Stopped in epoch {int(clock.epoch) + 1}: the loss is no longer a number. Try a smaller learning rate than {step.lr:g}."
        )
