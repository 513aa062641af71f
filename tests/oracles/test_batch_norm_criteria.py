"""Scales of batch norm against sorting by hand; expected activations against numerical integration and random draws."""

import math

import numpy as np
import pytest
import torch
from scipy import integrate, stats

from prune_core.catalogue.criteria.channels import ExpectedBnOptions, WriterOptions
from prune_core.criteria import bn_scale, expected_bn
from tests.oracles.networks import ask_channels, between, tiny_conv
from tests.oracles.test_simple_criteria import kept_by

PAIRS = [(1, 0), (0.5, -0.4), (-0.7, 0.3), (2, 3), (-1.5, -2), (0, 0.6), (0, -0.6)]  # (gamma, beta)


def expected(pairs, **options) -> list[float]:
    """What the criterion says of channels with these scales and shifts."""
    net = tiny_conv()
    gamma, beta = (torch.tensor(values, dtype=torch.float64) for values in zip(*pairs, strict=True))
    net.model.bn2.weight.data, net.model.bn2.bias.data = gamma, beta
    net.groups["conv2"] = between("conv2", "bn2", len(pairs), "fc")
    return ask_channels(expected_bn.score, net, ExpectedBnOptions(**options))["conv2"].tolist()


def integral(gamma: float, beta: float, rectify) -> float:
    """E[rectify(gamma z + beta)] for z ~ N(0, 1), cut where the line crosses zero."""
    kink = -beta / gamma
    parts = [(-math.inf, kink), (kink, math.inf)]
    return sum(
        integrate.quad(lambda z: rectify(gamma * z + beta) * stats.norm.pdf(z), *part, epsabs=1e-15, epsrel=1e-13)[0] for part in parts
    )


def positive(y: float) -> float:
    return max(0.0, y)


@pytest.mark.parametrize("sparsity", [0.2, 0.5, 0.8])
def test_the_channels_with_the_largest_scales_of_all_layers_stay(sparsity):
    net = tiny_conv(1)
    ours = kept_by(ask_channels(bn_scale.score, net, WriterOptions()), sparsity)
    sizes = [
        (abs(g), layer, i) for layer, bn in (("conv1", net.model.bn1), ("conv2", net.model.bn2)) for i, g in enumerate(bn.weight.tolist())
    ]
    stay = sorted(sizes, reverse=True)[: math.floor((1 - sparsity) * 9 + 0.5)]
    assert {(layer, i) for layer, mask in ours.items() for i in mask.nonzero().flatten().tolist()} == {(layer, i) for _, layer, i in stay}


def test_scales_are_read_as_they_stand_whatever_their_sign():
    net = tiny_conv(2)
    scores = ask_channels(bn_scale.score, net, WriterOptions())
    assert scores["conv1"].tolist() == [math.fabs(g) for g in net.model.bn1.weight.tolist()]
    assert float(scores["conv1"][0]) > 0 == float(scores["conv1"][1])


def test_expected_activations_are_the_integrals_over_a_normal_distribution():
    pairs = [(g, b) for g, b in PAIRS if g]
    assert expected(pairs) == pytest.approx([integral(g, b, positive) for g, b in pairs], rel=1e-12, abs=0)


def test_expected_activations_lie_within_four_standard_errors_of_random_draws():
    z = np.random.default_rng(0).standard_normal(4_000_000)
    for (gamma, beta), value in zip(PAIRS, expected(PAIRS), strict=True):
        y = np.maximum(gamma * z + beta, 0)
        assert abs(value - y.mean()) <= 4 * y.std() / 2_000 + 1e-15


def test_a_scale_of_zero_leaves_the_shift_where_it_is_positive():
    assert expected([(0, 0.6), (0, -0.6), (0, 0), (-0.0, 0.6)]) == [0.6, 0, 0, 0.6]
    assert expected([(0, 0.6), (0, -0.6)], signed=True) == [0.6, 0]


def test_expected_activations_do_not_know_the_sign_of_the_scale():
    assert expected([(g, b) for g, b in PAIRS]) == expected([(-g, b) for g, b in PAIRS])


def test_far_out_expected_activations_are_the_shift_or_nothing():
    above, below, beyond, inside = expected([(0.1, 5), (0.1, -5), (1e-300, -1), (1e-300, 1)])
    assert above == 5
    assert (below, beyond, inside) == (0, 0, 1)


@pytest.mark.parametrize("ratio", [-3, -6, -12, -20])
def test_expected_activations_are_exact_in_the_tail(ratio):
    """Mean excess of a normal tail, integrated by itself and scaled so that nothing underflows."""
    scaled = integrate.quad(lambda t: t * math.exp(-t * t / 2 + ratio * t), 0, math.inf, epsabs=0, epsrel=1e-13)[0]
    (value,) = expected([(1, ratio)])
    assert value == pytest.approx(scaled * stats.norm.pdf(ratio), rel=1e-15 * ratio**2 + 1e-13, abs=0)


def test_in_single_precision_the_tail_is_neither_nan_nor_zero():
    net = tiny_conv()
    net.model.float()
    net.model.bn2.weight.data, net.model.bn2.bias.data = torch.tensor([1.0, 1.0]), torch.tensor([-6.0, -7.0])
    scores = ask_channels(expected_bn.score, net, ExpectedBnOptions())["conv2"]
    assert float(scores[0]) == pytest.approx(1.56e-10, rel=3e-3, abs=0)
    assert scores[0] > scores[1] > 0


def test_with_its_sign_kept_a_negative_scale_gives_minus_the_mean_of_what_lies_below_zero():
    pairs = [(g, b) for g, b in PAIRS if g]
    wanted = [integral(g, b, positive) if g > 0 else -integral(g, b, lambda y: max(0.0, -y)) for g, b in pairs]
    assert expected(pairs, signed=True) == pytest.approx(wanted, rel=1e-12, abs=0)
    assert min(wanted) < 0
