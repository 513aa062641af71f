"""Taylor against central differences of explicit gates, and against loops over single images."""

import pytest
import torch

from prune_core.catalogue.criteria.trained import FisherOptions, TaylorOptions
from prune_core.criteria import fisher
from prune_core.criteria.taylor import score
from tests.oracles.networks import Tiny, ask, tiny
from tests.oracles.test_snip import slope_of_gates


def cut(net: Tiny, reduce: str):
    """The groups of images whose slopes are squared: all, the batches, or single images."""
    images, labels = (torch.cat(parts) for parts in zip(*net.batches, strict=True))
    if reduce == "batch":
        return net.batches
    return [(images, labels)] if reduce == "total" else [(x[None], y[None]) for x, y in zip(images, labels, strict=True)]


@pytest.mark.parametrize("reduce", ["total", "batch", "sample"])
@pytest.mark.parametrize("seed", range(2))
def test_taylor_is_the_mean_of_squared_slopes_along_each_gate(seed, reduce):
    net = tiny(seed)
    slopes = [(slope_of_gates(Tiny(net.model, net.weights, [part])), len(part[1])) for part in cut(net, reduce)]
    for name, scores in ask(score, net, TaylorOptions(reduce=reduce)).items():
        wanted = sum(n * s[name].square() for s, n in slopes) / sum(n for _, n in slopes)
        torch.testing.assert_close(scores, wanted, rtol=1e-6, atol=1e-10)


def test_taylor_squares_each_batch_when_nothing_is_said():
    net = tiny(1)
    said, unsaid = (ask(score, net, options) for options in (TaylorOptions(reduce="batch"), TaylorOptions()))
    assert all(unsaid[name].equal(said[name]) for name in said)


@pytest.mark.parametrize("reduce", ["total", "batch", "sample"])
def test_taylor_of_a_moving_average_weighs_later_batches(reduce):
    net = tiny(2, sizes=(3, 4, 5))
    parts = []
    for part in net.batches:
        groups = cut(Tiny(net.model, net.weights, [part]), "sample" if reduce == "sample" else "batch")
        parts.append([slope_of_gates(Tiny(net.model, net.weights, [group])) for group in groups])
    for name, scores in ask(score, net, TaylorOptions(reduce=reduce, accumulate="ema")).items():
        each = [torch.stack([s[name] if reduce == "total" else s[name].square() for s in slopes]).mean(0) for slopes in parts]
        wanted = 0.9 * (0.9 * each[0] + 0.1 * each[1]) + 0.1 * each[2]
        torch.testing.assert_close(scores, wanted.square() if reduce == "total" else wanted, rtol=1e-6, atol=1e-10)


@pytest.mark.parametrize("chunk", [1, 4, 100])
def test_taylor_of_each_image_is_twice_the_empirical_fisher(chunk):
    net = tiny(3)
    halves = ask(fisher.score, net, FisherOptions())
    for name, scores in ask(score, net, TaylorOptions(reduce="sample", per_sample_chunk=chunk)).items():
        torch.testing.assert_close(scores, 2 * halves[name], rtol=1e-12, atol=1e-15)
