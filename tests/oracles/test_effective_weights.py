"""Weights on a path, against a search through the graph of the network itself."""

from itertools import product

import numpy as np
import pytest
import torch

from prune_core import catalogue
from prune_core.engine.network import Network
from prune_core.engine.paths import effective


def network_with(model, density, seed):
    entry = catalogue.models[model]
    network, chance = Network(entry, entry.options(), torch.device("cpu")), torch.Generator().manual_seed(seed)
    network.apply_masks({layer.name: torch.rand(layer.shape, generator=chance) < density for layer in entry.layers}, None)
    return network


def reached(masks):
    """Dense layers alone: units reached from the input, units that lead to the output, by one layer after another."""
    forward = [np.ones(masks[0].shape[1], bool)]
    for mask in masks:
        forward.append((mask & forward[-1]).any(1))
    backward = [np.ones(masks[-1].shape[0], bool)]
    for mask in reversed(masks):
        backward.append((mask & backward[-1][:, None]).any(0))
    return forward, backward[::-1]


@pytest.mark.parametrize("density", [0.5, 0.02, 0.005, 0.001])
@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_a_search_through_dense_layers(density, seed):
    network = network_with("lenet_300_100", density, seed)
    masks = [network.masks[layer.name].numpy() for layer in network.entry.layers]
    forward, backward = reached(masks)
    expected = [int((m & forward[i] & backward[i + 1][:, None]).sum()) for i, m in enumerate(masks)]
    assert list(effective(network).values()) == expected


@pytest.mark.parametrize("density", [0.05, 0.01])
def test_agrees_with_a_search_through_the_positions_of_convolutions(density):
    """Every (layer, channel, row, column) of small_conv as a node of a graph; a weight counts if one of its edges is on a path."""
    network = network_with("small_conv", density, 0)
    masks = {n: m.numpy() for n, m in network.masks.items()}
    sides, names = (28, 14, 7), ("conv1.weight", "conv2.weight", "conv3.weight")
    alive = np.ones((1, 28, 28), bool)
    edges, before = [], []
    for name, side in zip(names, sides, strict=True):
        mask, after, used = masks[name], np.zeros((masks[name].shape[0], side, side), bool), []
        for o, i, a, b in zip(*np.nonzero(mask), strict=True):
            for y, x in product(range(side), repeat=2):
                v, u = y + a - 1, x + b - 1
                if 0 <= v < side and 0 <= u < side and alive[i, v, u]:
                    after[o, y, x] = True
                    used.append(((o, i, a, b), (i, v, u), (o, y, x)))
        edges.append(used)
        before.append(alive)
        alive = after if side == 7 else after.reshape(after.shape[0], side // 2, 2, side // 2, 2).any((2, 4))
    fc = masks["fc.weight"]
    leads = fc.any(0)
    expected = {"fc.weight": int((fc & alive.any((1, 2))).sum())}
    wanted = np.broadcast_to(leads[:, None, None], alive.shape)
    for name, used, side in zip(reversed(names), reversed(edges), reversed(sides), strict=True):
        here = wanted if side == 7 else wanted.repeat(2, 1).repeat(2, 2)
        hit = [(w, source) for w, source, target in used if here[target]]
        expected[name] = len({w for w, _ in hit})
        index = names.index(name)
        wanted = np.zeros(before[index].shape, bool)
        for _, source in hit:
            wanted[source] = True
    assert effective(network) == {layer.name: expected[layer.name] for layer in network.entry.layers}


@pytest.mark.parametrize("model", catalogue.models)
def test_of_a_full_network_every_weight_counts_and_of_a_cut_one_none(model):
    entry = catalogue.models[model]
    network = Network(entry, entry.options(), torch.device("cpu"))
    before = network.weights_sha256()
    assert effective(network) == {layer.name: layer.weights for layer in entry.layers}
    last = entry.layers[-1]
    network.apply_masks({last.name: torch.zeros(last.shape, dtype=torch.bool)}, None)
    assert set(effective(network).values()) == {0}
    network.apply_masks({last.name: torch.ones(last.shape, dtype=torch.bool)}, None)
    assert network.weights_sha256() != before  # what was cut is 0 for good
