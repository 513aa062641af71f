"""GraSP against an explicit Hessian, against the gradient norm of the changed network, and against what pruning does to that norm."""

import copy

import pytest
import torch
from torch import nn
from torch.autograd.functional import hessian, jacobian
from torch.nn import functional as F

from prune_core.catalogue.criteria.at_start import GraspOptions
from prune_core.criteria.grasp import score
from tests.oracles.networks import Tiny, ask, tiny

TOGETHER = {200.0: 1e-4, 1.0: 1e-5}  # temperature: a relative step of the weights at which the differences below are most exact


def flat(scores) -> torch.Tensor:
    return torch.cat([s.reshape(-1) for s in scores.values()])


def written_out(net: Tiny, temperature: float):
    """(loss as a function of all 60 weights in a row, those weights): the network as matrix products, over all examples at once."""
    x, y = (torch.cat([batch[i] for batch in net.batches]) for i in (0, 1))
    (b1, b2, b3), shapes = (net.model[i].bias.detach() for i in (0, 2, 4)), [w.shape for w in net.weights.values()]

    def loss(row):
        w1, w2, w3 = (part.view(shape) for part, shape in zip(row.split([s.numel() for s in shapes]), shapes, strict=True))
        logits = torch.tanh(torch.tanh(x @ w1.T + b1) @ w2.T + b2) @ w3.T + b3
        return (torch.logsumexp(logits / temperature, 1) - (logits / temperature)[range(len(y)), y]).mean()

    return loss, flat(net.weights).detach()


def squared_gradient_norm(net: Tiny, temperature: float) -> float:
    """Of the mean loss over all examples, by one backward pass of plain torch."""
    x, y = (torch.cat([batch[i] for batch in net.batches]) for i in (0, 1))
    net.model.zero_grad()
    F.cross_entropy(net.model(x) / temperature, y).backward()
    return sum(float(w.grad.square().sum()) for w in net.weights.values())


@pytest.mark.parametrize("temperature", [200.0, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_grasp_is_the_weight_times_an_explicit_hessian_times_the_gradient(seed, temperature):
    net = tiny(seed)
    loss, row = written_out(net, temperature)
    wanted = row * (hessian(loss, row) @ jacobian(loss, row))
    found = flat(ask(score, net, GraspOptions(temperature=temperature)))
    torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-12 * float(wanted.abs().max()))


@pytest.mark.parametrize(("temperature", "step"), TOGETHER.items())
def test_grasp_is_half_the_slope_of_the_squared_gradient_norm_along_each_gate(temperature, step):
    net = tiny(1)
    scores = flat(ask(score, net, GraspOptions(temperature=temperature)))
    slopes = []
    for weight in net.weights.values():
        values = weight.data.view(-1)
        for j, value in enumerate(values.tolist()):
            norms = []
            for factor in (1 + step, 1 - step):
                values[j] = value * factor
                norms.append(squared_gradient_norm(net, temperature))
            values[j] = value
            slopes.append((norms[0] - norms[1]) / (4 * step))
    wanted = torch.tensor(slopes, dtype=torch.float64)
    torch.testing.assert_close(scores, wanted, rtol=1e-5, atol=1e-6 * float(wanted.abs().max()))


@pytest.mark.parametrize("seed", range(3))
def test_without_the_lowest_scores_gradients_flow_more_and_without_the_highest_less(seed):
    """The sign, on 30 % of the weights removed at once."""

    def without(chosen) -> float:
        changed = copy.deepcopy(net.model)
        weights = {n: p for n, p in changed.named_parameters() if n in net.weights}
        with torch.no_grad():
            for w, part in zip(weights.values(), chosen.split([w.numel() for w in weights.values()]), strict=True):
                w.mul_(1 - part.view(w.shape))
        return squared_gradient_norm(Tiny(changed, weights, net.batches), 200.0)

    net = tiny(seed)
    scores = flat(ask(score, net, GraspOptions()))
    order, n = scores.argsort(), 18
    lowest, highest = (torch.zeros(60, dtype=torch.float64).index_fill(0, which, 1) for which in (order[:n], order[-n:]))
    assert without(lowest) > squared_gradient_norm(net, 200.0) > without(highest)


def test_dense_layers_scored_at_a_new_draw_are_scored_as_if_they_had_it_and_keep_their_own():
    net = tiny(2)
    before = [w.detach().clone() for w in net.weights.values()]
    found = ask(score, net, GraspOptions(reinit_linear=True))
    assert all(w.equal(b) for w, b in zip(net.weights.values(), before, strict=True))
    drawn, chance = copy.deepcopy(net.model), torch.Generator().manual_seed(0)
    weights = {n: p for n, p in drawn.named_parameters() if n in net.weights}
    for w in weights.values():
        nn.init.xavier_normal_(w, generator=chance)
    wanted = ask(score, Tiny(drawn, weights, net.batches), GraspOptions())
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=0)


def test_a_new_draw_gives_nothing_back_to_pruned_weights():
    net = tiny(2)
    with torch.no_grad():
        net.weights["0.weight"][::2] = 0
    assert not ask(score, net, GraspOptions(reinit_linear=True))["0.weight"][::2].any()


def test_absolute_scores_are_the_size_of_the_signed_ones():
    net = tiny(0)
    signed, size = (flat(ask(score, net, GraspOptions(absolute=absolute))) for absolute in (False, True))
    assert bool((signed < 0).any())
    assert size.equal(signed.abs())
