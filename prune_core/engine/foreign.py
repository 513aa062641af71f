"""Surgery on any module: groups of channels from torch-pruning's dependency graph, and what can't be removed exactly, with the reason."""

import copy
import warnings
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
import torch_pruning
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

Gone = Mapping[str, Sequence[int]]  # name of a layer -> its outputs that go
CUT = {nn.Conv2d: torch_pruning.prune_conv_out_channels, nn.Linear: torch_pruning.prune_linear_out_channels}


class Reach(NamedTuple):
    """What can go and what can't. channels: name of the layer that writes them first -> how many. refused: the same -> why they stay, in words."""

    channels: dict[str, int]
    refused: dict[str, str]


def reach(module: nn.Module, example: Tensor) -> Reach:
    """Every group of channels of a module. example: images (B, channels, height, width) that it takes."""
    graph, names = traced(module, example)
    found = Reach({}, {})
    for group in graph.get_all_groups(root_module_types=list(CUT)):
        root = group[0].dep.target.module
        if why := refusal(group):
            found.refused[names[root]] = why
        else:
            found.channels[names[root]] = graph.get_out_channels(root)
    return found


def refusal(group: torch_pruning.Group) -> str:
    """Why channels of a group can't be removed exactly; empty where they can."""
    parts = [dep.target.module for dep, _ in group]
    if not any(is_read(dep) for dep, _ in group):
        return "they are what the network puts out"
    for part in parts:
        if isinstance(part, nn.MultiheadAttention):
            return "attention splits them into heads, each with its own share of all"
        if isinstance(part, nn.LayerNorm | nn.GroupNorm | _InstanceNorm) or "RMSNorm" in type(part).__name__:
            return f"{type(part).__name__} takes its statistics over all channels, so that one more or less changes the others"
        if isinstance(part, nn.Conv2d) and 1 < part.groups < part.in_channels:
            return "a grouped convolution needs as many in each of its groups"
    return ""


def is_read(dep: object) -> bool:
    return "in_channels" in dep.handler.__name__  # type: ignore[attr-defined]


def silenced(module: nn.Module, example: Tensor, gone: Gone) -> nn.Module:
    """A copy of the same size in which these channels are 0 wherever they are written or normalised."""
    masked = copy.deepcopy(module)
    graph, _ = traced(masked, example)
    for name, outputs in gone.items():
        for dep, places in group_of(graph, masked, name, outputs):
            part = dep.target.module
            if is_read(dep) or not isinstance(part, nn.Conv2d | nn.Linear | _BatchNorm | nn.Parameter):
                continue
            with torch.no_grad():
                for tensor in (part,) if isinstance(part, nn.Parameter) else (part.weight, part.bias):
                    if tensor is not None:
                        tensor[places] = 0
    return masked


def shrunk(module: nn.Module, example: Tensor, gone: Gone) -> nn.Module:
    """A smaller copy without these channels. Raises ValueError in words for channels that can't be removed exactly."""
    small, there = copy.deepcopy(module), reach(module, example)
    for name in gone:
        if name not in there.channels:
            raise ValueError(f"{name}: its channels stay: {there.refused.get(name, 'no layer of that name writes any first')}.")
    graph, _ = traced(small, example)
    for name, outputs in gone.items():
        group_of(graph, small, name, outputs).prune()
    return small


def group_of(graph: torch_pruning.DependencyGraph, module: nn.Module, name: str, outputs: Sequence[int]) -> torch_pruning.Group:
    root = module.get_submodule(name)
    return graph.get_pruning_group(root, CUT[type(root)], list(outputs))


def traced(module: nn.Module, example: Tensor) -> tuple[torch_pruning.DependencyGraph, dict[nn.Module, str]]:
    """The dependency graph, and modules' names."""
    mode = module.training
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "Unwrapped parameters detected"
        )  # such as layer scales: their last dimension is the channels, as it assumes
        graph = torch_pruning.DependencyGraph().build_dependency(module.eval(), example_inputs=example)
    module.train(mode)
    return graph, {part: name for name, part in module.named_modules()}
