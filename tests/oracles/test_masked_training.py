"""What is pruned stays exactly 0: weight, momentum and decay, whatever the optimiser; and masked training is training of the smaller network."""

from typing import NamedTuple

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from prune_core import catalogue
from prune_core.engine.network import Network
from prune_core.engine.optimiser import OPTIMISERS, Sgd
from prune_core.engine.recording import Recording

from .narrow import network

CPU = torch.device("cpu")


def step(net: Network, optimiser, chance: torch.Generator, lr: float = 0.002, n: int = 8) -> None:
    images, labels = torch.randn(n, *net.entry.input_shape, generator=chance), torch.randint(10, (n,), generator=chance)
    net.gradient.zero_()
    F.cross_entropy(net.module(images), labels).backward()
    net.mask_gradient()
    optimiser.step(lr)


def prune_some(net: Network, optimiser, chance: torch.Generator) -> None:
    names = [layer.name for layer in net.entry.layers]
    net.apply_masks({n: net.mask_of(n) & (torch.rand(net.parameters[n].shape, generator=chance) < 0.6) for n in names}, optimiser)


def recorded(weights, gradient, momentum: float, weight_decay: float) -> Recording:
    return Recording(Sgd(weights, gradient, momentum, weight_decay), weights, gradient)


KINDS = OPTIMISERS | {"recorded": recorded}


class Length(NamedTuple):
    """steps: of training. prunings: the steps before which there is one. images: in each step."""

    steps: int
    prunings: tuple[int, ...]
    images: int


SHORT = Length(9, (3, 6), 8)  # what every network has time for
LONG = dict.fromkeys(("lenet_300_100", "small_conv"), Length(50, (10, 20, 30), 16))


@pytest.mark.parametrize("optimizer", KINDS)
@pytest.mark.parametrize("model", catalogue.models)
def test_pruned_weights_and_their_optimiser_state_stay_exactly_zero(model, optimizer):
    net, chance = network(model, "lecun"), torch.Generator().manual_seed(1)
    optimiser = KINDS[optimizer](net.weights, net.gradient, 0.9, 5e-4)
    length = LONG.get(model, SHORT)
    for i in range(length.steps):
        if i in length.prunings:
            prune_some(net, optimiser, chance)
        step(net, optimiser, chance, n=length.images)
        for name, mask in net.masks.items():
            assert not net.parameters[name][~mask].any()
    gone = net.mask == 0
    assert bool(gone.any())
    assert not net.weights[gone].any()
    for name in optimiser.per_weight:
        assert not optimiser.state[name][gone].any()
        assert optimiser.state[name][~gone].any()


@pytest.mark.parametrize("optimizer", OPTIMISERS)
def test_without_clearing_the_momentum_a_pruned_weight_would_move(optimizer):
    net, chance = network("lenet_300_100", "lecun"), torch.Generator().manual_seed(1)
    optimiser = OPTIMISERS[optimizer](net.weights, net.gradient, 0.9, 5e-4)
    for _ in range(5):
        step(net, optimiser, chance)
    prune_some(net, None, chance)
    step(net, optimiser, chance)
    assert bool(net.weights[net.mask == 0].any())


def test_training_with_pruned_units_is_training_of_the_smaller_network():
    """300 - 100 units cut to 20 - 10 by masks, against a network of that size written in plain torch, same batches, plain SGD."""
    net, chance = network("lenet_300_100", "lecun"), torch.Generator().manual_seed(2)
    net.module.double()
    small = nn.Sequential(nn.Flatten(), nn.Linear(784, 20), nn.ReLU(), nn.Linear(20, 10), nn.ReLU(), nn.Linear(10, 10)).double()
    keep1, keep2 = torch.arange(0, 300, 15), torch.arange(0, 100, 10)
    big = dict(net.module.named_parameters())
    with torch.no_grad():
        small[1].weight.copy_(big["fc1.weight"][keep1])
        small[3].weight.copy_(big["fc2.weight"][keep2][:, keep1])
        small[5].weight.copy_(big["fc3.weight"][:, keep2])
        for layer in (small[1], small[3], small[5]):
            layer.bias.zero_()
    masks = {n: torch.zeros(p.shape, dtype=torch.bool) for n, p in big.items() if n.endswith("weight")}
    masks["fc1.weight"][keep1] = True
    masks["fc2.weight"][keep2[:, None], keep1] = True
    masks["fc3.weight"][:, keep2] = True
    with torch.no_grad():
        for n, m in masks.items():
            big[n].mul_(m)
    for _ in range(20):
        x, y = torch.randn(8, 1, 28, 28, generator=chance, dtype=torch.float64), torch.randint(10, (8,), generator=chance)
        for module in (net.module, small):
            module.zero_grad()
            F.cross_entropy(module(x), y).backward()
        with torch.no_grad():
            for n, p in big.items():
                p.sub_(0.1 * (p.grad * masks[n] if n in masks else p.grad))
            for p in small.parameters():
                p.sub_(0.1 * p.grad)
    torch.testing.assert_close(big["fc1.weight"][keep1], small[1].weight, rtol=1e-8, atol=1e-10)
    torch.testing.assert_close(big["fc3.weight"][:, keep2], small[5].weight, rtol=1e-8, atol=1e-10)


def test_a_removed_channel_is_silent_because_its_batch_norm_is_too():
    """Masked form against a network in which the channel's contribution to the next layer is cut out by hand."""
    entry = catalogue.models["small_conv"]
    net = network("small_conv", "lecun", width=1.0)
    optimiser = OPTIMISERS["sgd"](net.weights, net.gradient, 0.9, 5e-4)
    chance = torch.Generator().manual_seed(3)
    for _ in range(5):
        step(net, optimiser, chance)
    by_hand = catalogue.function_of(entry)(entry.options(), entry.classes)
    by_hand.load_state_dict(net.module.state_dict())
    gone = torch.tensor([1, 4, 30])
    with torch.no_grad():
        by_hand.conv3.weight[:, gone] = 0
    masks = {}
    for member in entry.channel_groups[1].members:
        mask = torch.ones(net.parameters[member.name].shape, dtype=torch.bool)
        mask[gone] = False
        masks[member.name] = mask
    net.apply_masks(masks, optimiser)
    images = torch.randn(4, 1, 28, 28)
    torch.testing.assert_close(net.module.eval()(images), by_hand.eval()(images), rtol=1e-5, atol=1e-6)
    for _ in range(3):
        net.module.train()
        step(net, optimiser, chance)
    assert not net.module.bn2.bias[gone].any()
    assert not net.module.bn2.weight[gone].any()
