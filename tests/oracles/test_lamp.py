"""LAMP against its definition in exact fractions, and against the masks of the published procedure; as a criterion and as an allocation."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune as torch_prune

from prune_core.catalogue.criteria.baselines import LampOptions
from prune_core.criteria.lamp import score, shares
from prune_core.criteria.types import Scoring
from prune_core.engine.masks import masks_from
from prune_core.engine.scoring import alive
from prune_core.engine.scoring import score as ask
from prune_core.steps import Prune, Score
from tests.oracles import narrow
from tests.oracles.test_simple_criteria import kept_by


def lamp(weights: dict[str, torch.Tensor], seed: int = 0) -> dict[str, torch.Tensor]:
    units = {n: tuple(w.shape) for n, w in weights.items()}
    return score(Scoring(nn.Identity(), weights, units, [], LampOptions(), torch.Generator().manual_seed(seed)))


def drawn(seed: int = 0, **shapes: tuple[int, ...]) -> dict[str, torch.Tensor]:
    chance = torch.Generator().manual_seed(seed)
    return {name: torch.randn(shape, generator=chance, dtype=torch.float64) * (i + 1) for i, (name, shape) in enumerate(shapes.items())}


def exact_lamp(weights: list[float], keys: list[int]) -> list[Fraction]:
    """The definition over all pairs, in fractions; of equal weights the smaller key counts as the larger."""
    squares = [Fraction(w) ** 2 for w in weights]
    sums = [sum(sv for sv, kv in zip(squares, keys, strict=True) if (sv, -kv) >= (su, -ku)) for su, ku in zip(squares, keys, strict=True)]
    return [square / total if total else Fraction(0) for square, total in zip(squares, sums, strict=True)]


@settings(max_examples=30)
@given(st.lists(st.integers(-20, 20).map(lambda i: i / 8), min_size=1, max_size=200), st.randoms(use_true_random=False))
def test_scores_are_those_of_the_definition_in_exact_fractions_whatever_ties(weights, chance):
    keys = chance.sample(range(1000), len(weights))
    found = shares(torch.tensor(weights), torch.tensor(keys))
    np.testing.assert_allclose(found, [float(s) for s in exact_lamp(weights, keys)], rtol=1e-12, atol=0)


def test_small_weights_beside_huge_ones_keep_their_digits():
    weights = [1e-9, 2e-9, 3e8, -5e8]
    found = lamp({"a": torch.tensor(weights, dtype=torch.float64)})["a"]
    assert found.tolist() == pytest.approx([float(f) for f in exact_lamp(weights, [0, 1, 2, 3])], rel=1e-12)


def test_the_largest_weight_of_every_layer_has_exactly_the_score_one():
    chance = torch.Generator().manual_seed(0)
    weights = {"big": torch.randn(300_000, generator=chance), "small": torch.randn(3, generator=chance)}
    for name, scores in lamp(weights).items():
        assert float(scores.max()) == 1
        assert int(scores.argmax()) == int(weights[name].abs().argmax())


def test_no_layer_empties_while_there_are_as_many_weights_to_keep_as_layers():
    weights = drawn(a=(100, 9), b=(3,), c=(10, 9))
    masks = kept_by(lamp(weights), 1 - 3 / 993)
    assert [int(m.sum()) for m in masks.values()] == [1, 1, 1]


def test_equal_weights_share_the_scores_that_any_order_of_them_would_have():
    weights = {"a": torch.tensor([2.0, -1.0, 1.0, 0.0, 1.0, 0.0])}
    found = {tuple(lamp(weights, seed)["a"].tolist()) for seed in range(40)}
    assert {tuple(sorted(scores)) for scores in found} == {(0, 0, 1 / 7, 1 / 6, 1 / 5, 1)}
    assert {scores[1] for scores in found} == {1 / 7, 1 / 6, 1 / 5}


def test_a_layer_of_zeros_has_scores_of_zero():
    assert not lamp({"a": torch.zeros(4, 3)})["a"].any()


@pytest.mark.parametrize("sparsity", [0.2, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("seed", range(3))
def test_as_a_criterion_it_keeps_what_magnitude_keeps_in_the_shares_of_the_allocation_whatever_ties(seed, sparsity):
    net = narrow.network("small_conv", seed=seed)
    with torch.no_grad():
        for w in net.parameters.values():
            w.copy_((w * 10).round() / 10)
    asked = [Score(criterion=name, round=seed) for name in ("lamp", "magnitude")]
    scores = [ask(step, net, None, seed) for step in asked]
    cuts = [Prune(sparsity=sparsity, allocation=a, round=seed) for a in ("global", "lamp")]
    criterion, shared = (masks_from(c, s, alive(q, net, s), seed, net.parameters)[1] for c, q, s in zip(cuts, asked, scores, strict=True))
    assert list(criterion) == [layer.name for layer in net.entry.layers]
    assert all(criterion[name].equal(shared[name]) for name in criterion)


@pytest.mark.parametrize("sparsity", [0.5, 0.9, 0.99])
def test_masks_are_those_of_the_published_procedure(sparsity):
    """A threshold over all layers, turned into an amount for each, which torch.nn.utils.prune takes by magnitude."""
    layers = {"a": nn.Linear(70, 60), "b": nn.Linear(60, 50), "c": nn.Linear(50, 10)}
    with torch.no_grad():
        for (name, layer), draw in zip(layers.items(), drawn(1, a=(60, 70), b=(50, 60), c=(10, 50)).values(), strict=True):
            assert name
            layer.weight.copy_(draw)
    weights = {name: layer.weight.detach().clone() for name, layer in layers.items()}
    published = {name: published_scores(w.double()) for name, w in weights.items()}
    ordered = torch.cat(list(published.values())).sort(descending=True).values
    threshold = ordered[round((1 - sparsity) * len(ordered)) - 1]
    for name, mask in kept_by(lamp(weights), sparsity).items():
        torch_prune.l1_unstructured(layers[name], "weight", amount=int((published[name] < threshold).sum()))
        assert mask.equal(layers[name].weight_mask.bool())


def published_scores(weight: torch.Tensor) -> torch.Tensor:
    """In ascending order of size: squares over what a sum from the small end leaves."""
    squares = weight.square().flatten().sort().values
    return squares / (squares.sum() - squares.cumsum(0) + squares)
