"""Physically removes channels: an ordinary smaller module that computes what the masked one does."""

import copy
from collections import defaultdict
from collections.abc import Mapping

import torch
import torch_pruning
from torch import Tensor, nn

from ..catalogue import Model
from .channels import Flags

OUTPUTS = {
    nn.Conv2d: torch_pruning.prune_conv_out_channels, nn.BatchNorm2d: torch_pruning.prune_batchnorm_out_channels,
    nn.Linear: torch_pruning.prune_linear_out_channels,
}  # fmt: skip
INPUTS = {nn.Conv2d: torch_pruning.prune_conv_in_channels, nn.Linear: torch_pruning.prune_linear_in_channels}


def standing(kept: Flags) -> dict[str, Tensor]:
    """Flags of the channels that a smaller module has: those that are kept, and of a group that lost all its first one, which stays silent.

    torch has no convolution without outputs.
    """
    return {name: flags if flags.any() else torch.arange(len(flags)) == 0 for name, flags in kept.items()}


def shrunk(module: nn.Module, entry: Model, stand: Flags) -> nn.Module:
    """A copy of a network of the catalogue with the channels alone whose flag is True, at least one of every group; what stays keeps its order.

    stand: bool (channels,) by group; groups that aren't named stay whole.
    """
    small = copy.deepcopy(module)
    rows, columns = lost(entry, stand)
    for name, gone in rows.items():
        part = small.get_submodule(name)
        OUTPUTS[type(part)](part, gone)
    for name, gone in columns.items():
        part = small.get_submodule(name)
        INPUTS[type(part)](part, gone)
    return small


def lost(entry: Model, stand: Flags) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    """(outputs, inputs) that every module loses, by its name, rising."""
    rows, columns = defaultdict[str, list[int]](list), defaultdict[str, list[int]](list)
    for group in entry.channel_groups:
        gone: list[int] = (~stand[group.name]).nonzero().flatten().tolist() if group.name in stand else []
        for name, start, _ in (*group.producers, *group.norms):
            rows[name.removesuffix(".weight")] += [start + k for k in gone]
        for name, start, each in group.readers:
            columns[name.removesuffix(".weight")] += [start + k * each + i for k in gone for i in range(each)]
    return {n: sorted(r) for n, r in rows.items() if r}, {n: sorted(c) for n, c in columns.items() if c}


def cut(masks: Mapping[str, Tensor], entry: Model, stand: Flags) -> dict[str, Tensor]:
    """Tensors of parameters' original shapes -> of the shapes after surgery."""
    rows, columns = lost(entry, stand)
    return {
        name: without(without(t, 0, rows.get(name.rpartition(".")[0], [])), 1, columns.get(name.rpartition(".")[0], []))
        for name, t in masks.items()
    }


def without(tensor: Tensor, dim: int, gone: list[int]) -> Tensor:
    """The tensor without these places of a dimension."""
    if not gone or tensor.ndim <= dim:
        return tensor
    stays = torch.ones(tensor.shape[dim], dtype=torch.bool)
    stays[gone] = False
    return tensor.index_select(dim, stays.nonzero().flatten().to(tensor.device))
