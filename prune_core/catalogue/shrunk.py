"""What is left of a network once channels are gone, as plain numbers: the shapes, parameters and multiply-adds after surgery, without torch."""

from collections import defaultdict
from collections.abc import Mapping

from .entry import Anatomy, ChannelGroup, Layer

Widths = Mapping[str, int]  # name of a channel group -> channels that are there; groups that aren't named are whole


def groups_of(network: Anatomy) -> dict[str, ChannelGroup]:
    """All groups by name, those that can go by themselves first."""
    return {group.name: group for group in (*network.channel_groups, *network.shared_groups)}


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


def saved(network: Anatomy, widths: Widths, name: str) -> int:
    """Multiply-adds that one channel fewer in a group saves, at these widths: neighbours that are narrow already save less."""
    fewer = {**widths, name: widths.get(name, groups_of(network)[name].channels) - 1}
    return macs(network, widths) - macs(network, fewer)
