"""Training images shifted and mirrored by chance, a whole batch at once."""

from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ..catalogue.entry import Augmentation
from ..steps import Train
from ..streams import Purpose, seed_of
from .masks import generator

REACH = 4  # pixels: SNIP 5.1, and everyone else's padding for CIFAR
PURPOSES: dict[str, Purpose] = {"order": "augment", "reorder": "reaugment"}


@dataclass(frozen=True)
class Moves:
    """What happens to each of n images: the row and column of its padded self at which it begins, 0 to 8 (4: it stays), and whether it is mirrored."""

    down: Tensor
    right: Tensor
    mirrored: Tensor

    def __getitem__(self, place: slice) -> "Moves":
        return Moves(self.down[place], self.right[place], self.mirrored[place])


def drawn(n: int, seed: int, step: Train, epoch: int, kinds: Collection[Augmentation], device: torch.device) -> Moves:
    """The moves of the n training images in an epoch of the run, in the order in which they are shown: from a stream beside the order's own."""
    chance = generator(seed_of(seed, PURPOSES[step.order], step.order_from + epoch))
    places = torch.randint(2 * REACH + 1, (2, n), generator=chance)
    mirrored = torch.randint(2, (n,), generator=chance, dtype=torch.bool)
    down, right = places if "shift" in kinds else torch.full_like(places, REACH)
    return Moves(down.to(device), right.to(device), (mirrored & ("mirror" in kinds)).to(device))


def moved(images: Tensor, moves: Moves) -> Tensor:
    """Images (B, C, H, W) of any type, shifted, then mirrored where asked; what comes in from outside is 0: black, before standardising.

    Gathered by index: 0.45 ms for 128 colour images of 32 x 32 as floats, 0.74 as bytes, and 3 ms by indexing all four dimensions.
    """
    b, c, h, w = images.shape
    padded = F.pad(images, (REACH,) * 4).view(b, c, -1)
    rows = moves.down[:, None] + torch.arange(h, device=images.device)
    columns = torch.arange(w, device=images.device).expand(b, w)
    columns = torch.where(moves.mirrored[:, None], w - 1 - columns, columns) + moves.right[:, None]
    places = (rows[:, :, None] * (w + 2 * REACH) + columns[:, None, :]).view(b, 1, -1)
    return padded.gather(2, places.expand(b, c, h * w)).view(b, c, h, w)
