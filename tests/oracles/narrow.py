"""Networks of the catalogue, narrow enough for a test, and images for them."""

import torch
from torch import Tensor

from prune_core import catalogue
from prune_core.catalogue import Model, Options
from prune_core.engine.network import Network
from prune_core.models.initialisation import initialise

WIDTH = 0.125


def narrow(name: str, width: float = WIDTH, **options) -> tuple[Model, Options]:
    """(the network as built, its options): at a fraction of its channels where it has such an option."""
    entry = catalogue.models[name]
    if "width" in entry.options.model_fields:
        options["width"] = width
    chosen = entry.options(**options)
    return entry.built(chosen, entry.classes), chosen


def network(name: str, initialisation: str | None = None, seed: int = 0, width: float = WIDTH, **options) -> Network:
    """On the CPU, its weights drawn, by default as its entry says."""
    entry, chosen = narrow(name, width, **options)
    net = Network(entry, chosen, torch.device("cpu"))
    initialise(net.module, initialisation or chosen.initialisation, torch.Generator().manual_seed(seed))
    return net


def images(entry: Model, n: int, seed: int = 1) -> Tensor:
    """(n, channels, height, width), standard normal."""
    return torch.randn(n, *entry.input_shape, generator=torch.Generator().manual_seed(seed))
