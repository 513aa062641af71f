"""What is left of a network once channels are gone, as plain numbers: the shapes, parameters and multiply-adds after surgery, without torch."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from .anatomy import Anatomy, ChannelGroup, Layer, Place

N = TypeVar("N", bound=float)
Widths = Mapping[str, int]  # name of a channel group -> channels that are there; groups that aren't named are whole


def groups_of(network: Anatomy) -> dict[str, ChannelGroup]:
    """All groups by name, those that can go by themselves first."""
    return {group.name: group for group in (*network.channel_groups, *network.shared_groups)}


def in_order(network: Anatomy) -> tuple[ChannelGroup, ...]:
    """All groups as an image comes by the layers that write them first."""
    order = {layer.name: i for i, layer in enumerate(network.layers)}
    return tuple(sorted(groups_of(network).values(), key=lambda group: (order[group.producer], group.producers[0].start)))


def profiles(network: Anatomy) -> tuple[tuple[ChannelGroup, ...], ...]:
    """What a profile may say the channels of: the groups that can go by themselves, or all."""
    return network.channel_groups, in_order(network)


def profiled(network: Anatomy, profile: tuple[int, ...]) -> dict[str, int]:
    """Widths of a profile, by group; empty where it is none of this network."""
    for groups in profiles(network):
        if profile and len(groups) == len(profile) and all(n <= group.channels for n, group in zip(profile, groups, strict=True)):
            return {group.name: n for group, n in zip(groups, profile, strict=True)}
    return {}


def layers(network: Anatomy, widths: Widths) -> tuple[Layer, ...]:
    """Every prunable layer at its shape after surgery, in the order of the network."""
    rows, columns = defaultdict[str, int](int), defaultdict[str, int](int)
    groups = groups_of(network)
    for name, channels in widths.items():
        group = groups[name]
        gone = group.channels - channels
        for place in group.producers:
            rows[place.name] += gone
        for place in group.readers:
            columns[place.name] += gone * place.each
    return tuple(
        layer.model_copy(update={"shape": (layer.shape[0] - rows[layer.name], layer.shape[1] - columns[layer.name], *layer.shape[2:])})
        for layer in network.layers
    )


def parameters(network: Anatomy, widths: Widths) -> int:
    """All trainable numbers after surgery: weights, biases, BN scale and shift."""
    groups = groups_of(network)
    vectors = sum((groups[g].channels - channels) * (len(groups[g].members) - len(groups[g].producers)) for g, channels in widths.items())
    return network.parameters - network.weights + sum(layer.weights for layer in layers(network, widths)) - vectors


def macs(network: Anatomy, widths: Widths) -> int:
    """Multiply-adds of one image after surgery."""
    return sum(layer.macs for layer in layers(network, widths))


def at(network: Anatomy, widths: Widths) -> Anatomy:
    """The network after surgery, with the places of its channels where they are then. What an image leaves in memory is that of the whole network."""
    groups = groups_of(network)
    gone = {name: group.channels - widths.get(name, group.channels) for name, group in groups.items()}
    lost = defaultdict[tuple[str, str], list[tuple[int, int]]](list)  # (kind of place, tensor or module) -> where it loses how many
    for group in groups.values():
        for kind, places in kinds(group):
            for place in places:
                lost[kind, place.name].append((place.start, gone[group.name] * place.each))

    def moved(kind: str, places: tuple[Place, ...]) -> tuple[Place, ...]:
        return tuple(p._replace(start=p.start - sum(n for start, n in lost[kind, p.name] if start < p.start)) for p in places)

    def narrowed(group: ChannelGroup) -> ChannelGroup:
        there = {kind: moved(kind, places) for kind, places in kinds(group)}
        return group.model_copy(
            update={"channels": group.channels - gone[group.name], "producers": moved("members", group.producers), **there}
        )

    return Anatomy(
        layers=layers(network, widths), parameters=parameters(network, widths), macs=macs(network, widths), activations=network.activations,
        widest=network.widest, least_batch=network.least_batch, channel_groups=tuple(map(narrowed, network.channel_groups)),
        shared_groups=tuple(map(narrowed, network.shared_groups)),
    )  # fmt: skip


def kinds(group: ChannelGroup) -> tuple[tuple[str, tuple[Place, ...]], ...]:
    """Places that lose what goes, by the field of the group that has them."""
    return ("members", group.members), ("norms", group.norms), ("readers", group.readers)


class Costs:
    """What one channel fewer saves, group by group, at widths that go down one by one: fast enough to be asked after every removal."""

    def __init__(self, network: Anatomy, widths: Widths) -> None:
        self.network, self.widths = network, {name: group.channels for name, group in groups_of(network).items()} | dict(widths)
        self.groups = groups_of(network)
        self.shapes = {
            layer.name: [*layer.shape[:2], math.prod(layer.shape[2:]) * layer.positions] for layer in layers(network, self.widths)
        }
        self.plane = {layer.name: math.prod(layer.shape[2:]) for layer in network.layers}
        self.total_macs, self.total_parameters = macs(network, self.widths), parameters(network, self.widths)

    def macs(self, name: str) -> int:
        """Multiply-adds of one image that one channel of the group takes."""
        return self.difference(name, lambda layer, r, c: r * c * self.shapes[layer][2])

    def parameters(self, name: str) -> int:
        """Trainable numbers of one channel of the group."""
        group = self.groups[name]
        return self.difference(name, lambda layer, r, c: r * c * self.plane[layer]) + len(group.members) - len(group.producers)

    def difference(self, name: str, price: Callable[[str, int, int], N]) -> N:
        """What one channel of the group is worth in all layers that write or read it. price: of a layer of so many rows and columns."""
        group = self.groups[name]
        rows, columns = defaultdict[str, int](int), defaultdict[str, int](int)
        for place in group.producers:
            rows[place.name] += 1
        for place in group.readers:
            columns[place.name] += place.each
        total: Any = 0
        for layer in dict.fromkeys((*rows, *columns)):
            r, c, _ = self.shapes[layer]
            total += price(layer, r, c) - price(layer, r - rows[layer], c - columns[layer])
        found: N = total
        return found

    def remove(self, name: str) -> None:
        """One channel of the group goes."""
        group = self.groups[name]
        self.total_macs -= self.macs(name)
        self.total_parameters -= self.parameters(name)
        self.widths[name] -= 1
        for place in group.producers:
            self.shapes[place.name][0] -= 1
        for place in group.readers:
            self.shapes[place.name][1] -= place.each
