"""SNIP against central differences of explicit gates: evaluates the loss, never calls autograd."""

import pytest
import torch

from prune_core.catalogue.criteria.at_start import SnipOptions
from prune_core.criteria.snip import score
from tests.oracles.networks import Tiny, ask, tiny

H = 1e-5


def slope_of_gates(net: Tiny) -> dict[str, torch.Tensor]:
    """(L(c_j = 1 + h) - L(c_j = 1 - h)) / 2h for the gate of every weight."""
    result = {}
    for name, weight in net.weights.items():
        slopes = torch.zeros_like(weight)
        flat, out = weight.data.view(-1), slopes.view(-1)
        for j in range(flat.numel()):
            value = float(flat[j])
            flat[j] = value * (1 + H)
            up = net.loss()
            flat[j] = value * (1 - H)
            down = net.loss()
            flat[j] = value
            out[j] = (up - down) / (2 * H)
        result[name] = slopes
    return result


@pytest.mark.parametrize("seed", range(3))
def test_snip_is_the_slope_of_the_loss_along_each_gate(seed):
    net = tiny(seed)
    slope = slope_of_gates(net)
    for name, scores in ask(score, net, SnipOptions()).items():
        torch.testing.assert_close(scores, slope[name].abs(), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("reduce", ["batch", "sample"])
def test_snip_by_batch_or_by_image_is_the_mean_of_absolute_slopes(reduce):
    net = tiny(1)
    parts = net.batches if reduce == "batch" else [(x[i : i + 1], y[i : i + 1]) for x, y in net.batches for i in range(len(y))]
    slopes = [(slope_of_gates(Tiny(net.model, net.weights, [part])), len(part[1])) for part in parts]
    examples = sum(n for _, n in slopes)
    for name, scores in ask(score, net, SnipOptions(reduce=reduce)).items():
        wanted = sum(n * s[name].abs() for s, n in slopes) / examples
        torch.testing.assert_close(scores, wanted, rtol=1e-6, atol=1e-9)


def test_snip_of_a_moving_average_weighs_later_batches():
    net = tiny(2, sizes=(3, 4, 5))
    a, b, c = (slope_of_gates(Tiny(net.model, net.weights, [part])) for part in net.batches)
    for name, scores in ask(score, net, SnipOptions(accumulate="ema")).items():
        wanted = (0.9 * (0.9 * a[name] + 0.1 * b[name]) + 0.1 * c[name]).abs()
        torch.testing.assert_close(scores, wanted, rtol=1e-6, atol=1e-9)


def test_snip_halves_agree_with_closing_a_gate_a_little():
    """(L(1) - L(1 - eps e_j)) / eps approaches the score: the one-sided form of the check."""
    net, eps = tiny(4), 1e-6
    scores, before = ask(score, net, SnipOptions()), net.loss()
    for name, weight in net.weights.items():
        for j in range(0, weight.numel(), 5):
            flat = weight.data.view(-1)
            value = float(flat[j])
            flat[j] = value * (1 - eps)
            slope = (before - net.loss()) / eps
            flat[j] = value
            assert abs(slope) == pytest.approx(float(scores[name].view(-1)[j]), rel=1e-4, abs=1e-7)


def test_the_sum_of_normalised_scores_is_one_and_scaling_leaves_the_ranking():
    scores = torch.cat([s.view(-1) for s in ask(score, tiny(), SnipOptions()).values()])
    assert float((scores / scores.sum()).sum()) == pytest.approx(1, abs=1e-6)
    assert (scores / scores.sum()).argsort().equal(scores.argsort())
