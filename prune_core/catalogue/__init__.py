"""What there is to choose from: one entry each, data only. Forms, validation, `list` and the contract tests are drawn from these tables."""

from collections.abc import Callable, Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Any, TypeVar

from ..steps import Granularity
from .allocations import ALLOCATIONS
from .anatomy import Layer
from .criteria import CRITERIA
from .datasets import DATASETS
from .entry import Allocation, Criterion, DataSet, Entry, Model, Options, Protocol
from .models import MODELS
from .protocols import PROTOCOLS

E = TypeVar("E", bound=Entry)


def by_name(entries: tuple[E, ...]) -> Mapping[str, E]:
    return MappingProxyType({entry.name: entry for entry in entries})


models: Mapping[str, Model] = by_name(MODELS)
datasets: Mapping[str, DataSet] = by_name(DATASETS)
criteria: Mapping[str, Criterion] = by_name(CRITERIA)
protocols: Mapping[str, Protocol] = by_name(PROTOCOLS)
allocations: Mapping[str, Allocation] = by_name(ALLOCATIONS)


def data_title(data: str) -> str | None:
    """What people call the data of `RunSpec.data`: "mnist with random labels" -> "MNIST with random labels". None for a stranger."""
    name, _, asked = data.partition(" ")
    return f"{datasets[name].title} {asked}".strip() if name in datasets else None


def network_title(network: str) -> str | None:
    """What people call a network of `RunSpec.network`: "vgg_16 at half of its channels" -> "VGG-16 at half of its channels". None for a stranger."""
    name, _, size = network.partition(" ")
    return f"{models[name].title} {size}".strip() if name in models else None


def function_of(entry: Entry) -> Callable[..., Any]:
    """What does the work of an entry, imported only now."""
    return named(entry.function)


def scorer_of(criterion: Criterion, granularity: Granularity) -> Callable[..., Any]:
    """What ranks such units by a criterion, imported only now."""
    return named((granularity == "channel" and criterion.channel_function) or criterion.function)


def named(path: str) -> Callable[..., Any]:
    """The function of a dotted path, "module:name", imported only now."""
    module, _, name = path.partition(":")
    found: Callable[..., Any] = vars(import_module(module))[name]
    return found


__all__ = [
    "Allocation", "Criterion", "DataSet", "Entry", "Layer", "Model", "Options", "Protocol",
    "allocations", "criteria", "data_title", "datasets", "function_of", "models", "named", "network_title", "protocols",
    "scorer_of",
]  # fmt: skip
