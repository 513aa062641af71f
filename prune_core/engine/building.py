"""Modules of the catalogue's networks, as a run's options build them."""

import torch
from torch import nn

from ..catalogue import Model, function_of, models
from ..catalogue.entry import Options
from ..catalogue.shrunk import groups_of, profiled
from .surgery import shrunk


def built(entry: Model, options: Options) -> nn.Module:
    """The module of an entry on the CPU: the whole network, cut to its profile where it has one. Its weights are torch's first ones."""
    profile: tuple[int, ...] = getattr(options, "profile", ())
    if not profile:
        module: nn.Module = function_of(entry)(options, entry.classes)
        return module
    whole_options = options.model_copy(update={"profile": ()})
    whole = models[entry.name].built(whole_options, entry.classes)
    groups, widths = groups_of(whole), profiled(whole, profile)
    stands = {name: torch.arange(groups[name].channels) < n for name, n in widths.items()}
    return shrunk(function_of(entry)(whole_options, entry.classes), whole.removing(True), stands)
