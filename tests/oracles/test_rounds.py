"""Iterative SNIP and FORCE against rounds written out in plain torch, against central differences, and against scores counted by hand."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from prune_core import RunSpec
from prune_core.catalogue.criteria.at_start import IterativeSnipOptions, SnipOptions
from prune_core.counting import kept
from prune_core.criteria import force, iterative_snip, snip
from prune_core.engine.checkpoint import packed_masks
from prune_core.engine.dataset import open_data
from prune_core.engine.execute import execute
from prune_core.engine.masks import generator, masks_from
from prune_core.engine.network import Network
from prune_core.engine.scoring import scoring_batches
from prune_core.models.initialisation import initialise
from prune_core.parents import mask_checksum
from prune_core.steps import Prune
from prune_core.streams import seed_of
from tests.oracles.networks import Tiny, ask, tiny
from tests.oracles.test_snip import slope_of_gates

CPU = torch.device("cpu")


def masks_of(scores, sparsity):
    alive = {n: torch.ones(s.shape, dtype=torch.bool) for n, s in scores.items()}
    return masks_from(Prune(sparsity=sparsity), scores, alive, 0)[1]


def masked(net: Tiny, masks) -> Tiny:
    """A copy with zeros where the masks say so."""
    model = copy.deepcopy(net.model)
    weights = {n: p for n, p in model.named_parameters() if n in net.weights}
    with torch.no_grad():
        for n, mask in masks.items():
            weights[n].mul_(mask)
    return Tiny(model, weights, net.batches)


def slope_of_loss(net: Tiny, h: float = 1e-5):
    """(L(w_j + h) - L(w_j - h)) / 2h for every weight."""
    result = {}
    for name, weight in net.weights.items():
        slopes, values = torch.zeros_like(weight), weight.data.view(-1)
        for j, value in enumerate(values.tolist()):
            values[j] = value + h
            up = net.loss()
            values[j] = value - h
            slopes.view(-1)[j] = (up - net.loss()) / (2 * h)
            values[j] = value
        result[name] = slopes
    return result


@pytest.mark.parametrize("seed", range(2))
def test_iterative_snip_is_in_every_round_the_slope_along_each_gate_of_the_masked_network(seed):
    net, previous = tiny(seed), None
    for sparsity in (0.4, 0.7, 0.9):
        slope = slope_of_gates(net)
        scores = ask(iterative_snip.score, net, IterativeSnipOptions())
        for name, found in scores.items():
            torch.testing.assert_close(found, slope[name].abs(), rtol=1e-6, atol=1e-9)
        masks = masks_of(scores, sparsity)
        assert previous is None or all(bool((previous[n] >= m).all()) for n, m in masks.items())
        net, previous = masked(net, masks), masks


@pytest.mark.parametrize("seed", range(2))
def test_force_is_in_every_round_the_slope_of_the_loss_at_the_masked_network_times_the_dense_weight(seed):
    net, masks = tiny(seed), {}
    for sparsity in (0.4, 0.7, 0.9):
        slope = slope_of_loss(masked(net, masks))
        scores = ask(force.score, net, IterativeSnipOptions(), masks)
        for name, found in scores.items():
            torch.testing.assert_close(found, (net.weights[name].detach() * slope[name]).abs(), rtol=1e-6, atol=1e-9)
        masks = masks_of(scores, sparsity)


@pytest.mark.parametrize("criterion", [iterative_snip, force])
@pytest.mark.parametrize("reduce", ["total", "batch", "sample"])
def test_with_one_round_both_are_snip(criterion, reduce):
    net = tiny(3)
    wanted = ask(snip.score, net, SnipOptions(reduce=reduce))
    found = ask(criterion.score, net, IterativeSnipOptions(reduce=reduce))
    assert all(found[n].equal(s) for n, s in wanted.items())


class OneLogit(nn.Module):
    """Classes 0 and 1 by the logits 0 and w . x."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Linear(3, 1, bias=False, dtype=torch.float64)
        self.w.weight.data.copy_(torch.tensor([[1.0, 8.0, 0.5]]))

    def forward(self, x):
        z = self.w(x)
        return torch.cat([torch.zeros_like(z), z], 1)


def test_a_weight_that_saturates_the_loss_goes_first_and_returns_when_it_is_missed():
    """Three images of class 1, each seen by one weight: w_j's score is w_j sigmoid(-what it adds up to) / 3."""

    def sigmoid(z: float) -> float:
        return float(torch.sigmoid(torch.tensor(z, dtype=torch.float64)))

    model = OneLogit()
    net = Tiny(model, {"w.weight": model.w.weight}, [(torch.eye(3, dtype=torch.float64), torch.ones(3, dtype=torch.long))])
    first = ask(force.score, net, IterativeSnipOptions())
    assert first["w.weight"][0].tolist() == pytest.approx([sigmoid(-1) / 3, 8 * sigmoid(-8) / 3, 0.5 * sigmoid(-0.5) / 3], rel=1e-12)
    masks = masks_of(first, 1 / 3)
    assert masks["w.weight"].tolist() == [[True, False, True]]
    again = ask(force.score, net, IterativeSnipOptions(), masks)
    assert again["w.weight"][0].tolist() == pytest.approx([sigmoid(-1) / 3, 8 / 2 / 3, 0.5 * sigmoid(-0.5) / 3], rel=1e-12)
    assert masks_of(again, 2 / 3)["w.weight"].tolist() == [[False, True, False]]
    assert ask(iterative_snip.score, masked(net, masks), IterativeSnipOptions())["w.weight"][0, 1] == 0


def written_out(spec: RunSpec, amounts: list[float]):
    """The masks that rounds of plain torch end with, on the run's first weights and images: backward, absolute product, sort, zeros in a copy.

    Weights that were pruned before may return where the criterion is FORCE. Also: whether any did.
    """
    network = Network(spec.model_entry, spec.model_options, CPU)
    initialise(network.module, spec.initialisation, generator(seed_of(spec.seed, "initialise")))
    data, returned, masks = open_data(spec.dataset_entry, CPU, print), False, None
    for r, sparsity in enumerate(amounts, 1):
        (x, y), *_ = scoring_batches(data, spec.criterion_options, spec.seed, r if spec.criterion_options.resample else 1)
        model = copy.deepcopy(network.module)
        layers = [m for m in model.modules() if isinstance(m, nn.Linear | nn.Conv2d)]
        dense = [layer.weight.detach().clone() for layer in layers]
        for layer, mask in zip(layers, masks or [torch.ones_like(d) for d in dense], strict=True):
            layer.weight.data.mul_(mask)
        model.zero_grad()
        F.cross_entropy(model(x), y).backward()
        weights = dense if spec.criterion == "force" else [layer.weight.detach() for layer in layers]
        scores = torch.cat([(w * layer.weight.grad).abs().flatten() for w, layer in zip(weights, layers, strict=True)])
        stays = torch.zeros(len(scores), dtype=torch.bool)
        stays[scores.argsort(descending=True)[: kept(len(scores), sparsity)]] = True
        new = [part.view(d.shape) for part, d in zip(stays.split([d.numel() for d in dense]), dense, strict=True)]
        returned |= masks is not None and any(bool((n & ~m).any()) for n, m in zip(new, masks, strict=True))
        masks = new
    return {layer.name: mask for layer, mask in zip(spec.model_entry.layers, masks, strict=True)}, returned


@pytest.mark.parametrize(("criterion", "resample"), [("iterative_snip", True), ("force", True), ("force", False)])
def test_a_run_of_five_rounds_ends_with_the_mask_of_rounds_in_plain_torch(criterion, resample):
    spec = RunSpec(
        criterion=criterion, sparsity=0.97, epochs=0, protocol_options={"rounds": 5}, criterion_options={"resample": resample}
    )  # fmt: skip
    masks, returned = written_out(spec, [1 - 0.03 ** (r / 5) for r in range(1, 5)] + [0.97])
    (*_, pruned) = (e for _, e in execute(spec) if e.kind == "pruned")
    assert pruned.masks_sha256 == mask_checksum(*packed_masks(masks))
    assert returned == (criterion == "force")
