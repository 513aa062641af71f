"""Channels and the numbers that they are made of: from flags, one a channel, to masks of parameters and back."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from ..catalogue import Model
from ..catalogue.anatomy import ChannelGroup

Flags = Mapping[str, Tensor]


def rows(group: ChannelGroup, weight: Tensor) -> Tensor:
    """The rows of a group's channels in its first producing weight, or in something of that shape."""
    start = group.producers[0].start
    return weight[start : start + group.channels]


def left(group: ChannelGroup, mask_of: Callable[[str], Tensor]) -> Tensor:
    """Bool (channels,): those that the masks of parameters leave.

    Told from a bias or a scale: the row of a filter is empty too where all that it reads is gone, and the channel may be there all the same.
    """
    name, start, _ = group.members[-1]
    return mask_of(name)[start : start + group.channels]


def channel_flags(entry: Model, mask_of: Callable[[str], Tensor]) -> dict[str, Tensor]:
    """Masks of parameters -> one flag a channel of every group, on the CPU."""
    return {g.name: left(g, mask_of).cpu().clone() for g in entry.channel_groups}


def expanded(entry: Model, shapes: Mapping[str, torch.Size], flags: Flags) -> dict[str, Tensor]:
    """Flags of every group -> masks of all parameters that make or read its channels: one is silent only if its batch norms are too."""
    masks: dict[str, Tensor] = {}

    def mask_of(name: str) -> Tensor:
        return masks.setdefault(name, torch.ones(shapes[name], dtype=torch.bool))

    for group in entry.channel_groups:
        kept = flags[group.name].cpu()
        for name, start, _ in group.members:
            mask = mask_of(name)[start : start + group.channels]
            mask &= kept.reshape(-1, *[1] * (mask.ndim - 1))
        for name, start, each in group.readers:
            mask = mask_of(name)[:, start : start + group.channels * each]
            mask &= kept.repeat_interleave(each).reshape(1, -1, *[1] * (mask.ndim - 2))
    return masks
