"""Mean activations against loops over single numbers, and against the expected ones where batch norm's input is normal."""

import math

import pytest
import torch
from torch import nn

from prune_core.catalogue.criteria.channels import ExpectedBnOptions, MeanActivationOptions
from prune_core.criteria import expected_bn, mean_activation
from tests.oracles.networks import TinyConv, ask_channels, tiny_conv


def numbers(net: TinyConv, batches, position="post") -> dict[str, list[list[float]]]:
    """Every number that every channel puts out over the batches, one Python float after the other."""
    found: dict[str, list[list[float]]] = {name: [[] for _ in range(g.channels)] for name, g in net.groups.items()}
    for images, _ in batches:
        x = images
        for name, layer in net.model.named_children():
            x = layer(x).detach()
            if name.startswith("relu" if position == "post" else "bn"):
                for k, column in enumerate(found[f"conv{name[-1]}"]):
                    column += x[:, k].flatten().tolist()
    return found


def mean(values: list[float]) -> float:
    total, count = 0.0, 0
    for v in values:
        total, count = total + v, count + 1
    return total / count


LOOPS = {
    "mean": mean,
    "abs_mean": lambda values: mean([abs(v) for v in values]),
    "std": lambda values: math.sqrt(mean([(v - mean(values)) ** 2 for v in values])),
    "l2": lambda values: math.hypot(*values) / math.sqrt(len(values)),
}


@pytest.mark.parametrize("position", ["post", "pre"])
@pytest.mark.parametrize("statistic", LOOPS)
def test_activations_agree_with_a_loop_that_sums_and_counts(statistic, position):
    net = tiny_conv(3)
    scores = ask_channels(mean_activation.score, net, MeanActivationOptions(statistic=statistic, position=position))
    rounding = 2e-8 if statistic == "std" else 1e-14  # of a constant channel's spread, the square root of what float64 rounds away is left
    for name, columns in numbers(net, net.batches, position).items():
        assert scores[name].tolist() == pytest.approx([LOOPS[statistic](column) for column in columns], rel=1e-12, abs=rounding)


def test_a_moving_average_starts_at_the_first_batch_and_weighs_later_ones_by_a_tenth():
    net = tiny_conv(4, sizes=(3, 4, 5))
    scores = ask_channels(mean_activation.score, net, MeanActivationOptions(accumulate="ema"))
    a, b, c = (numbers(net, [batch]) for batch in net.batches)
    for name in scores:
        wanted = [0.81 * mean(x) + 0.09 * mean(y) + 0.1 * mean(z) for x, y, z in zip(a[name], b[name], c[name], strict=True)]
        assert scores[name].tolist() == pytest.approx(wanted, rel=1e-12, abs=1e-14)


def test_a_relu_that_works_in_place_changes_nothing():
    net = tiny_conv(5)
    before, after = [], []
    for position in ("pre", "post"):
        before.append(ask_channels(mean_activation.score, net, MeanActivationOptions(position=position)))
    net.model.relu1.inplace = net.model.relu2.inplace = True
    for position in ("pre", "post"):
        after.append(ask_channels(mean_activation.score, net, MeanActivationOptions(position=position)))
    assert all(a[name].equal(b[name]) for a, b in zip(before, after, strict=True) for name in a)


def test_no_hook_stays_when_the_network_fails():
    net = tiny_conv()
    net.model.fc = nn.Linear(7, 3)
    with pytest.raises(RuntimeError):
        ask_channels(mean_activation.score, net, MeanActivationOptions())
    assert not any(m._forward_hooks for m in net.model.modules())


def test_where_batch_norms_input_is_normal_the_mean_is_the_expected_activation():
    net, n = tiny_conv(6), 200_000
    with torch.no_grad():
        net.model.conv1.weight.zero_()
        for k in range(4):
            net.model.conv1.weight[k, k % 2, 1, 1] = 3
        net.model.bn1.running_mean.zero_()
        net.model.bn1.running_var.fill_(9 - net.model.bn1.eps)
    z = torch.randn(n, 2, 1, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    alone = net._replace(model=nn.Sequential(), groups={"conv1": net.groups["conv1"]}, batches=[(z, torch.zeros(n, dtype=torch.long))])
    for name in ("conv1", "bn1", "relu1"):
        alone.model.add_module(name, net.model.get_submodule(name))
    measured = ask_channels(mean_activation.score, alone, MeanActivationOptions())["conv1"]
    spread = ask_channels(mean_activation.score, alone, MeanActivationOptions(statistic="std"))["conv1"]
    expected = ask_channels(expected_bn.score, alone, ExpectedBnOptions())["conv1"]
    assert bool(((measured - expected).abs() <= 4 * spread / math.sqrt(n) + 1e-12).all())
