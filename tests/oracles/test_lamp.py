"""LAMP against its definition in exact fractions, and against the masks of the published procedure."""

from fractions import Fraction

import pytest
import torch
from torch import nn
from torch.nn.utils import prune as torch_prune

from prune_core.catalogue.criteria.baselines import LampOptions
from prune_core.criteria.lamp import score
from prune_core.criteria.types import Scoring
from tests.oracles.test_simple_criteria import kept_by


def lamp(weights: dict[str, torch.Tensor], seed: int = 0) -> dict[str, torch.Tensor]:
    units = {n: tuple(w.shape) for n, w in weights.items()}
    return score(Scoring(nn.Identity(), weights, units, [], LampOptions(), torch.Generator().manual_seed(seed)))


def drawn(seed: int = 0, **shapes: tuple[int, ...]) -> dict[str, torch.Tensor]:
    chance = torch.Generator().manual_seed(seed)
    return {name: torch.randn(shape, generator=chance, dtype=torch.float64) * (i + 1) for i, (name, shape) in enumerate(shapes.items())}


def definition(weight: torch.Tensor) -> list[Fraction]:
    """Every weight's square over the sum of all squares at least as large, summed anew for each."""
    squares = [Fraction(v) ** 2 for v in weight.flatten().tolist()]
    return [s / sum(other for other in squares if other >= s) for s in squares]


def test_scores_are_those_of_the_definition_in_exact_fractions():
    weights = drawn(a=(20, 7), b=(5, 3, 2, 2))
    for name, scores in lamp(weights).items():
        assert scores.flatten().tolist() == pytest.approx([float(f) for f in definition(weights[name])], rel=1e-12)


def test_small_weights_beside_huge_ones_keep_their_digits():
    weights = {"a": torch.tensor([1e-9, 2e-9, 3e8, -5e8], dtype=torch.float64)}
    assert lamp(weights)["a"].tolist() == pytest.approx([float(f) for f in definition(weights["a"])], rel=1e-12)


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
