"""Masks: exact counts, ties, never reviving, allocation. Against exact fractions and brute force over sorted tuples."""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from prune_core.allocations.ranking import levels
from prune_core.allocations.sharing import shares
from prune_core.counting import kept
from prune_core.engine.masks import cut, ranking, tie_keys
from prune_core.steps import Prune

SPARSITIES = st.integers(0, 9999).map(lambda i: i / 10_000)
SCORES = st.lists(st.lists(st.integers(-2, 2), min_size=1, max_size=12), min_size=1, max_size=4)
TARGETS = st.sampled_from(["smallest", "largest", "random"])


def tensors(rows):
    return {f"layer{i}": torch.tensor(row, dtype=torch.float64) for i, row in enumerate(rows)}


def living(scores):
    return {n: torch.ones(s.shape, dtype=torch.bool) for n, s in scores.items()}


@given(st.integers(0, 10**7), SPARSITIES)
def test_kept_is_the_decimal_rounded_half_up(n, sparsity):
    exact = (1 - Decimal(repr(sparsity))) * n
    assert kept(n, sparsity) == int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def test_the_counts_of_the_papers_come_out_exactly():
    assert kept(266_200, 0.95) == 13_310
    assert kept(266_200, 0.9) == 26_620
    assert kept(266_200, 0.98) == 5_324
    assert kept(266_610, 0.98) == 5_332
    assert kept(430_500, 0.98) == 8_610


@given(SCORES, SPARSITIES, st.integers(0, 5), TARGETS, st.sampled_from(["global", "per_layer"]))
def test_a_cut_keeps_exactly_the_asked_number_with_any_ties(rows, sparsity, seed, target, allocation):
    scores = tensors(rows)
    n = sum(len(r) for r in rows)
    made = cut(Prune(sparsity=sparsity, target=target, allocation=allocation), ranking(scores, living(scores), seed, target))
    assert int(made.kept.sum()) == kept(n, sparsity)


@given(SCORES, SPARSITIES, st.integers(0, 5))
def test_a_global_cut_is_the_top_of_a_sort_by_score_then_key(rows, sparsity, seed):
    scores = tensors(rows)
    flat = [v for r in rows for v in r]
    keys = tie_keys(seed, len(flat)).tolist()
    order = sorted(range(len(flat)), key=lambda i: (-flat[i], keys[i]))
    wanted = np.zeros(len(flat), bool)
    wanted[order[: kept(len(flat), sparsity)]] = True
    assert np.array_equal(cut(Prune(sparsity=sparsity), ranking(scores, living(scores), seed)).kept, wanted)


@given(SCORES, st.lists(SPARSITIES, min_size=1, max_size=6), st.integers(0, 3))
def test_levels_answer_every_count_as_a_cut_does_and_are_nested(rows, sparsities, seed):
    scores = tensors(rows)
    ranked = ranking(scores, living(scores), seed)
    counts = sorted((kept(ranked.scores.size, s) for s in sparsities), reverse=True)
    level = levels(ranked.scores, ranked.keys, counts)
    for i, count in enumerate(counts):
        stays = level > i
        assert int(stays.sum()) == count
        assert np.array_equal(stays, levels(ranked.scores, ranked.keys, [count]) > 0)


@settings(max_examples=60)
@given(SCORES, st.lists(SPARSITIES, min_size=2, max_size=4), TARGETS, st.sampled_from(["global", "per_layer"]))
def test_nothing_pruned_ever_returns(rows, sparsities, target, allocation):
    scores, alive = tensors(rows), living(tensors(rows))
    chance = torch.Generator().manual_seed(1)
    before = None
    for round, sparsity in enumerate(sorted(sparsities)):
        fresh = {n: torch.randint(-2, 3, s.shape, generator=chance).double() for n, s in scores.items()}
        ranked = ranking(fresh, alive, 0, target, round)
        now = cut(Prune(sparsity=sparsity, target=target, allocation=allocation, round=round), ranked).kept
        assert before is None or not np.any(now & ~before)
        before = now
        alive = {n: torch.from_numpy(now[place].copy()) for n, place in zip(scores, ranked.slices, strict=True)}


def test_largest_removes_the_highest_scores_and_smallest_the_lowest():
    scores = {"w": torch.tensor([0.1, 0.9, -0.2, 0.5], dtype=torch.float64)}
    kept_of = {t: cut(Prune(sparsity=0.5, target=t), ranking(scores, living(scores), 0, t)).kept.tolist() for t in ("smallest", "largest")}
    assert kept_of["smallest"] == [False, True, False, True]
    assert kept_of["largest"] == [True, False, True, False]


def test_minus_zero_ties_with_zero_and_the_event_counts_the_ties():
    scores = {"w": torch.tensor([0.0, -0.0, 0.0, 1.0], dtype=torch.float64)}
    made = cut(Prune(sparsity=0.5), ranking(scores, living(scores), 0))
    assert made.ties == 3
    assert made.threshold == 0.0
    assert made.kept[3]
    assert int(made.kept.sum()) == 2


def test_the_same_seed_breaks_ties_the_same_way_and_another_differently():
    scores = {"w": torch.zeros(1000, dtype=torch.float64)}
    a, b, c = (cut(Prune(sparsity=0.5), ranking(scores, living(scores), seed)).kept for seed in (0, 0, 1))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_keep_min_reserves_the_best_of_every_layer_first():
    scores = tensors([[5, 6, 7, 8], [1, 2]])
    made = cut(Prune(sparsity=0.5, keep_min=1), ranking(scores, living(scores), 0))
    assert made.kept.tolist() == [False, False, True, True, False, True]


@given(st.lists(st.integers(1, 50), min_size=1, max_size=6), SPARSITIES)
def test_shares_are_within_one_of_proportional_and_sum_exactly(sizes, sparsity):
    count = kept(sum(sizes), sparsity)
    parts = shares(tuple(sizes), list(sizes), count, [0] * len(sizes))
    assert sum(parts) == count
    for part, size in zip(parts, sizes, strict=True):
        assert abs(part - Fraction(count * size, sum(sizes))) < 1


def test_shares_that_cannot_be_had_are_refused_with_numbers():
    with pytest.raises(ValueError, match=r"5 units can't be shared over layers with \[2, 2\] left"):
        shares((4, 4), [2, 2], 5, [0, 0])
