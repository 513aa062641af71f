"""Skeletonization against central differences of explicit gates behind the ReLU, and against a loop over single images."""

import math

import pytest
import torch
from torch.nn import functional as F

from prune_core.catalogue.criteria.channels import SkeletonizationOptions
from prune_core.criteria.skeletonization import score
from tests.oracles.networks import TinyConv, ask_channels, tiny_conv

H = 1e-5


def linear(logits: list[float], label: int) -> float:
    total = sum(math.exp(v) for v in logits)
    return sum(abs((o == label) - math.exp(v) / total) for o, v in enumerate(logits))


def loss(logits: list[float], label: int) -> float:
    return math.log(sum(math.exp(v) for v in logits)) - logits[label]


ERRORS = {"linear": linear, "loss": loss}


def error(net: TinyConv, gates, of) -> float:
    """Mean error over all images, one by one, with gates on the activations."""
    errors = []
    with torch.no_grad():
        for images, labels in net.batches:
            _, logits = net.activations(images, gates)
            errors += [of(row, int(y)) for row, y in zip(logits.tolist(), labels, strict=True)]
    return sum(errors) / len(errors)


def slopes(net: TinyConv, of) -> dict[str, list[float]]:
    """(E(gate + h) - E(gate - h)) / 2h of the gate of every channel."""
    found: dict[str, list[float]] = {}
    for name, group in net.groups.items():
        found[name] = []
        for k in range(group.channels):
            gates = {n: torch.ones(g.channels, dtype=torch.float64) for n, g in net.groups.items()}
            gates[name][k] = 1 + H
            up = error(net, gates, of)
            gates[name][k] = 1 - H
            found[name].append((up - error(net, gates, of)) / (2 * H))
    return found


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ERRORS)
def test_relevance_is_minus_the_slope_of_the_error_along_each_gate(kind, seed):
    net = tiny_conv(seed)
    scores = ask_channels(score, net, SkeletonizationOptions(error=kind))
    wanted = slopes(net, ERRORS[kind])
    for name in scores:
        assert scores[name].tolist() == pytest.approx([-s for s in wanted[name]], rel=1e-7, abs=1e-9)
    assert min(min(s.tolist()) for s in scores.values()) < 0 < max(max(s.tolist()) for s in scores.values())


def test_by_the_loss_it_is_minus_the_mean_over_single_images_of_activation_times_gradient():
    net = tiny_conv(7)
    sums = {name: torch.zeros(g.channels, dtype=torch.float64) for name, g in net.groups.items()}
    singles = [(x[i : i + 1], y[i : i + 1]) for x, y in net.batches for i in range(len(y))]
    for image, label in singles:
        found, logits = net.activations(image)
        gradients = torch.autograd.grad(F.cross_entropy(logits, label), list(found.values()))
        for (name, a), g in zip(found.items(), gradients, strict=True):
            sums[name] += (a * g).sum((0, 2, 3)).detach()
    scores = ask_channels(score, net, SkeletonizationOptions(error="loss"))
    for name in scores:
        torch.testing.assert_close(scores[name], -sums[name] / len(singles), rtol=1e-12, atol=1e-14)


def test_absolute_relevance_forgets_the_sign_after_all_images():
    net = tiny_conv(8)
    signed, absolute = (ask_channels(score, net, SkeletonizationOptions(absolute=a)) for a in (False, True))
    for name in signed:
        assert absolute[name].equal(signed[name].abs())
        assert not absolute[name].equal(signed[name])


def test_a_moving_average_weighs_later_batches():
    net = tiny_conv(9, sizes=(3, 4, 5))
    scores = ask_channels(score, net, SkeletonizationOptions(accumulate="ema"))
    a, b, c = (slopes(net._replace(batches=[batch]), linear) for batch in net.batches)
    for name in scores:
        wanted = [-(0.81 * x + 0.09 * y + 0.1 * z) for x, y, z in zip(a[name], b[name], c[name], strict=True)]
        assert scores[name].tolist() == pytest.approx(wanted, rel=1e-6, abs=1e-9)
