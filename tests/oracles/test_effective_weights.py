"""Weights on a path, against a search through the graph of the network itself."""

from itertools import product

import numpy as np
import pytest
import torch

from prune_core import catalogue
from prune_core.engine.paths import counting, effective

from .narrow import network


def network_with(model, density, seed, **narrowed):
    net, chance = network(model, **narrowed), torch.Generator().manual_seed(seed)
    net.apply_masks({layer.name: torch.rand(layer.shape, generator=chance) < density for layer in net.entry.layers}, None)
    return net


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
    net = network_with("lenet_300_100", density, seed)
    masks = [net.masks[layer.name].numpy() for layer in net.entry.layers]
    forward, backward = reached(masks)
    expected = [int((m & forward[i] & backward[i + 1][:, None]).sum()) for i, m in enumerate(masks)]
    assert list(effective(net).values()) == expected


@pytest.mark.parametrize("density", [0.05, 0.01])
def test_agrees_with_a_search_through_the_positions_of_convolutions(density):
    """Every (layer, channel, row, column) of small_conv as a node of a graph; a weight counts if one of its edges is on a path."""
    net = network_with("small_conv", density, 0)
    masks = {n: m.numpy() for n, m in net.masks.items()}
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
    assert effective(net) == {layer.name: expected[layer.name] for layer in net.entry.layers}


def noticed(net):
    """By brute force, for networks without max pooling: kept weights without which the output of a network of random positive weights is another."""
    module = counting(net).double()
    chance = torch.Generator().manual_seed(7)
    with torch.no_grad():
        weights = [dict(module.named_parameters())[layer.name] for layer in net.entry.layers]
        for w in weights:
            w.mul_((0.5 + torch.rand(w.shape, generator=chance, dtype=torch.float64)) / max(1, int((w > 0).sum()) // len(w)))
        image = 0.5 + torch.rand(1, *net.entry.input_shape, generator=chance, dtype=torch.float64)
        whole, found = module(image), []
        for w in weights:
            hits = 0
            for place in map(tuple, w.nonzero().tolist()):
                before = w[place].clone()
                w[place] = 0
                hits += not torch.equal(module(image), whole)
                w[place] = before
            found.append(hits)
    return {layer.name: n for layer, n in zip(net.entry.layers, found, strict=True)}


@pytest.mark.parametrize(
    ("model", "width", "density", "options"),
    [("resnet_20", 0.0625, 0.1, {"shortcut": "A"}), ("resnet_20", 0.0625, 0.1, {"shortcut": "B"}), ("wrn_16_4", 0.02, 0.25, {}),
     ("densenet_40", 0.02, 0.03, {})],
)  # fmt: skip
def test_agrees_with_leaving_out_one_weight_at_a_time_in_networks_with_shortcuts(model, width, density, options):
    net = network_with(model, density, 0, width=width, **options)
    expected, kept = noticed(net), {layer.name: int(net.mask_of(layer.name).sum()) for layer in net.entry.layers}
    assert effective(net) == expected
    assert 0 < sum(expected.values()) < sum(kept.values())


def test_a_block_that_lost_everything_does_not_cut_the_paths_beside_it():
    net = network("resnet_20")
    gone = ("stage1.block2.conv1.weight", "stage1.block2.conv2.weight")
    net.apply_masks({name: torch.zeros(net.parameters[name].shape, dtype=torch.bool) for name in gone}, None)
    assert effective(net) == {layer.name: 0 if layer.name in gone else layer.weights for layer in net.entry.layers}


def test_paths_through_164_layers_are_told_though_their_number_would_outgrow_a_float():
    net = network("preresnet_164", width=1.0)
    assert effective(net) == {layer.name: layer.weights for layer in net.entry.layers}


def reaching(layer):
    """Weights of a full layer that an input reaches: of a 3x3 kernel on 2 x 2 positions that moves by two, four of nine; the others see padding."""
    return layer.weights * 4 // 9 if layer.name == "conv5.weight" and layer.shape[2] == 3 else layer.weights


@pytest.mark.parametrize("model", catalogue.models)
def test_of_a_full_network_every_weight_that_sees_more_than_padding_counts_and_of_a_cut_one_none(model):
    net = network(model)
    before, last = net.weights_sha256(), net.entry.layers[-1]
    seen = reaching if model.startswith("alexnet") else lambda layer: layer.weights
    assert effective(net) == {layer.name: seen(layer) for layer in net.entry.layers}
    net.apply_masks({last.name: torch.zeros(last.shape, dtype=torch.bool)}, None)
    assert set(effective(net).values()) == {0}
    net.apply_masks({last.name: torch.ones(last.shape, dtype=torch.bool)}, None)
    assert net.weights_sha256() != before  # what was cut is 0 for good
