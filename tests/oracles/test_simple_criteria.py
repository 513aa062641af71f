"""Random, magnitude and filter norms against loops, torch.nn.utils.prune and statistics."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn
from torch.nn.utils import prune as torch_prune

from prune_core.catalogue.criteria.baselines import MagnitudeOptions, RandomOptions
from prune_core.catalogue.criteria.channels import FilterNormOptions
from prune_core.criteria import l1_norm, l2_norm, magnitude, random
from prune_core.criteria.types import Scoring
from prune_core.engine.masks import cut, ranking
from prune_core.steps import Prune
from tests.oracles.networks import ask, between, tiny


def kept_by(scores, sparsity, seed=0, **step):
    alive = {n: torch.ones(s.shape, dtype=torch.bool) for n, s in scores.items()}
    ranked = ranking(scores, alive, seed, step.get("target", "smallest"))
    made = cut(Prune(sparsity=sparsity, **step), ranked)
    return {n: torch.from_numpy(made.kept[place].reshape(scores[n].shape)) for n, place in zip(scores, ranked.slices, strict=True)}


@pytest.mark.parametrize("sparsity", [0.1, 0.5, 0.9])
def test_global_magnitude_gives_the_masks_of_torch_prune(sparsity):
    net = tiny()
    ours = kept_by(ask(magnitude.score, net, MagnitudeOptions()), sparsity)
    layers = [m for m in net.model if isinstance(m, nn.Linear)]
    removed = 60 - sum(int(m.sum()) for m in ours.values())
    torch_prune.global_unstructured([(m, "weight") for m in layers], torch_prune.L1Unstructured, amount=removed)
    for mask, layer in zip(ours.values(), layers, strict=True):
        assert mask.equal(layer.weight_mask.bool())


def test_magnitude_masks_agree_with_sorting_python_floats():
    net = tiny(3)
    ours = kept_by(ask(magnitude.score, net, MagnitudeOptions()), 0.7)
    values = sorted((abs(v) for w in net.weights.values() for v in w.flatten().tolist()), reverse=True)
    bar = values[17]
    for name, mask in ours.items():
        assert mask.equal(net.weights[name].abs() >= bar)


def test_magnitude_in_standard_deviations_cuts_every_layer_at_one_quality_factor():
    net = tiny(5)
    scores = ask(magnitude.score, net, MagnitudeOptions(threshold="std"))
    ours = kept_by(scores, 0.6)
    quality = min(float(s[ours[n]].min()) for n, s in scores.items())
    for name, mask in ours.items():
        w = net.weights[name].detach().numpy()
        assert np.array_equal(mask.numpy(), np.abs(w) >= quality * np.std(w) * (1 - 1e-12))


NORMS = {
    "l1_norm": (l1_norm.score, lambda values: sum(abs(v) for v in values)),
    "l2_norm": (l2_norm.score, lambda values: math.sqrt(sum(v**2 for v in values))),
}


def norms(score, weights, **options):
    model = nn.Module()
    for name, weight in weights.items():
        layer = nn.Module()
        layer.weight = nn.Parameter(weight)
        model.add_module(name, layer)
    groups = {name: between(name, None, len(weight), "none") for name, weight in weights.items()}
    return score(Scoring(model, {}, {}, [], FilterNormOptions(**options), torch.Generator(), groups=groups))


@pytest.mark.parametrize("name", NORMS)
def test_filter_norms_agree_with_a_loop_in_python_floats(name):
    score, loop = NORMS[name]
    weights = {"conv": torch.randn(5, 3, 2, 2, dtype=torch.float64), "fc": torch.randn(4, 7)}
    scores = norms(score, weights)
    for layer, weight in weights.items():
        assert scores[layer].tolist() == pytest.approx([loop(row) for row in weight.flatten(1).tolist()], rel=1e-12)


@pytest.mark.parametrize("name", NORMS)
def test_normalised_filter_norms_divide_by_what_they_say(name):
    score, loop = NORMS[name]
    weight = torch.randn(5, 3, 2, 2, dtype=torch.float64)
    weight[1] = 0
    plain = [loop(row) for row in weight.flatten(1).tolist()]
    assert norms(score, {"c": weight}, normalize="size")["c"].tolist() == pytest.approx([v / 12 for v in plain], rel=1e-12)
    assert norms(score, {"c": weight}, normalize="mean")["c"].tolist() == pytest.approx([v * 4 / sum(plain) for v in plain], rel=1e-12)
    assert norms(score, {"c": 0 * weight}, normalize="mean")["c"].tolist() == [0.0] * 5


def test_the_sum_of_absolute_weights_does_not_let_signs_cancel_and_ranks_otherwise_than_the_square_root():
    weight = torch.tensor([[3.0, -3.0, 0.0, 0.0], [2.0, 2.0, 2.0, -2.0], [-1.0, 1.0, 1.0, 1.0]])
    assert norms(l1_norm.score, {"c": weight})["c"].tolist() == [6, 8, 4]
    assert norms(l2_norm.score, {"c": weight})["c"].argsort(descending=True).tolist() == [0, 1, 2]


def test_positions_kept_by_random_scores_are_uniform_over_seeds():
    counts = np.zeros(60)
    for seed in range(2_000):
        scoring = Scoring(nn.Identity(), {}, {"w": (60,)}, [], RandomOptions(), torch.Generator().manual_seed(seed))
        counts += kept_by(random.score(scoring), 0.8, seed)["w"].numpy()
    assert stats.chisquare(counts).pvalue > 1e-4
