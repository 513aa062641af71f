"""Allocations and deciles: by hand, in exact fractions, by the papers' own loops, and over all pairs of weights."""

from fractions import Fraction
from math import prod

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from prune_core.allocations.sharing import proportional
from prune_core.counting import kept
from prune_core.engine.masks import cut, ranking
from prune_core.steps import DECILES, Prune
from tests.oracles.test_lamp import exact_lamp

LENET = {"fc1": (300, 784), "fc2": (100, 300), "fc3": (10, 100)}
CONVS = {"conv1": (8, 1, 3, 3), "conv2": (16, 8, 3, 3), "out": (10, 64)}
DIMENSIONS = st.one_of(st.tuples(*[st.integers(1, 6)] * 2), st.tuples(*[st.integers(1, 4)] * 4))
SHAPES = st.lists(DIMENSIONS, min_size=1, max_size=5).map(lambda each: {f"layer{i}": shape for i, shape in enumerate(each)})
SPARSITIES = st.integers(0, 999).map(lambda i: i / 1000)


def counts(shapes, allocation, sparsity, *, alive=None, weights=None, **options):
    """Kept of every layer, at scores that say nothing."""
    scores = {name: torch.zeros(shape, dtype=torch.float64) for name, shape in shapes.items()}
    alive = alive or {name: torch.ones(shape, dtype=torch.bool) for name, shape in shapes.items()}
    keep_min = options.pop("keep_min", 0)
    ranked = ranking(scores, alive, 0, weights=weights)
    made = cut(Prune(sparsity=sparsity, allocation=allocation, allocation_options=options, keep_min=keep_min), ranked)
    return [int(made.kept[place].sum()) for place in ranked.slices]


def by_largest_remainders(ideal, count):
    parts = [int(share) for share in ideal]
    for i in sorted(range(len(ideal)), key=lambda i: (parts[i] - ideal[i], i))[: count - sum(parts)]:
        parts[i] += 1
    return parts


def by_the_loop(sums, sizes, count):
    """Evci et al.: the scale over the layers that aren't dense; the layer that runs over most becomes dense; again."""
    dense = set()
    while len(dense) < len(sizes):
        rest = [i for i in range(len(sizes)) if i not in dense]
        scale = Fraction(count - sum(sizes[i] for i in dense), sum(sums[i] for i in rest))
        fullest = max(rest, key=lambda i: scale * sums[i] / sizes[i])
        if scale * sums[fullest] <= sizes[fullest]:
            return [Fraction(sizes[i]) if i in dense else scale * sums[i] for i in range(len(sizes))]
        dense.add(fullest)
    return [Fraction(size) for size in sizes]


@given(SHAPES, SPARSITIES)
def test_erk_is_the_papers_loop_rounded_by_largest_remainders(shapes, sparsity):
    sizes = [prod(shape) for shape in shapes.values()]
    count = kept(sum(sizes), sparsity)
    ideal = by_the_loop([sum(shape) for shape in shapes.values()], sizes, count)
    assert sum(ideal) == count
    assert counts(shapes, "erk", sparsity) == by_largest_remainders(ideal, count)


@given(SHAPES, SPARSITIES)
def test_er_is_the_same_loop_without_kernel_sizes(shapes, sparsity):
    sizes = [prod(shape) for shape in shapes.values()]
    count = kept(sum(sizes), sparsity)
    ideal = by_the_loop([shape[0] + shape[1] for shape in shapes.values()], sizes, count)
    assert counts(shapes, "er", sparsity) == by_largest_remainders(ideal, count)


def test_erk_of_lenet_by_hand():
    """110 x would be 1,837 of the output's 1,000: it stays dense, and 25,620 are shared as 1,084 to 400."""
    assert counts(LENET, "erk", 0.9) == counts(LENET, "er", 0.9) == [18_714, 6_906, 1_000]


def test_a_grouped_convolution_counts_the_inputs_of_one_group():
    assert counts({"depthwise": (8, 1, 3, 3), "pointwise": (8, 8, 1, 1)}, "erk", 0.5) == [31, 37]  # 68 as 15 to 18
    assert counts({"depthwise": (8, 1, 3, 3), "pointwise": (8, 8, 1, 1)}, "er", 0.5) == [24, 44]  # 68 as 9 to 16


@pytest.mark.parametrize(
    ("sparsity", "expected"),
    [
        (0.5, [72, 553, 307]),  # 860 as 1,152 to 640
        (0.8, [72, 173, 128]),  # 107.5 would be less than a fifth of 640
        (0.0, [72, 1152, 640]),
    ],
)
def test_uniform_plus_by_hand(sparsity, expected):
    assert counts(CONVS, "uniform_plus", sparsity) == expected


def test_uniform_plus_without_a_convolution_spares_the_last_layer_alone():
    """26,420 as 235,200 to 30,000: 23,431.2 and 2,988.7."""
    assert counts(LENET, "uniform_plus", 0.9) == [23_431, 2_989, 200]


def test_uniform_plus_that_is_too_sparse_is_refused_with_numbers():
    with pytest.raises(
        ValueError, match=r"at least 200 weights \(72 of the first convolution, 128 of the last layer\), and the .* leaves 186\.$"
    ):
        counts(CONVS, "uniform_plus", 0.9)


VECTORS = {"a": (10,), "b": (20,), "c": (10,)}


@pytest.mark.parametrize(
    ("sparsity", "fractions", "keep_min", "expected"),
    [
        (0.25, [0.5, 0, 0.5], 0, [5, 20, 5]),  # what the fractions come to
        (0.125, [0.5, 0, 0.5], 0, [7, 20, 8]),  # half of them: 2.5 each, the tie to the first
        (0.5, [1, 0.1, 0], 0, [0, 10, 10]),  # the first is empty, the second gives the rest
        (0.5, [1, 0.1, 0], 1, [1, 9, 10]),
        (0.5, [], 0, [5, 10, 5]),
        (0.45, [0.3, 0.6, 0.3], 0, [7, 8, 7]),
    ],
)
def test_given_fractions_by_hand(sparsity, fractions, keep_min, expected):
    assert counts(VECTORS, "fractions", sparsity, fractions=fractions, keep_min=keep_min) == expected


def test_fractions_that_cannot_give_enough_or_are_too_few_are_refused_with_numbers():
    with pytest.raises(ValueError, match=r"^allocation_options\.fractions: 30 units have to go, .* can give 20\.$"):
        counts(VECTORS, "fractions", 0.75, fractions=[0.5, 0, 0.5])
    with pytest.raises(ValueError, match=r"^allocation_options\.fractions: 3 layers are ranked, got 2 fractions\.$"):
        counts(VECTORS, "fractions", 0.5, fractions=[0.5, 0.5])


@st.composite
def demands(draw):
    layers = draw(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 30), st.integers(0, 60)), min_size=1, max_size=6))
    weights, lower, more = zip(*layers, strict=True)
    upper = [low + n for low, n in zip(lower, more, strict=True)]
    return weights, list(lower), upper, draw(st.integers(sum(lower), sum(upper)))


@given(demands())
@example(((1, 1), [0, 100], [1000, 1000], 150))
@example(((3, 1), [0, 0], [10, 1000], 100))
def test_a_proportional_split_is_exact_within_bounds_and_within_one_of_the_clipped_shares(demand):
    weights, lower, upper, count = demand
    parts = proportional(list(map(Fraction, weights)), lower, upper, count)
    assert sum(parts) == count
    assert all(low <= part <= high for low, part, high in zip(lower, parts, upper, strict=True))
    small, large = 0.0, 1000.0
    for _ in range(80):
        x = (small + large) / 2
        total = sum(min(max(x * w, low), high) for w, low, high in zip(weights, lower, upper, strict=True))
        small, large = (x, large) if total < count else (small, x)
    for weight, low, high, part in zip(weights, lower, upper, parts, strict=True):
        assert abs(part - min(max(large * weight, low), high)) < 1 + 1e-9


LAYERS = st.lists(st.lists(st.integers(-6, 6).map(lambda i: i / 4), min_size=1, max_size=12), min_size=1, max_size=4)


@given(LAYERS, SPARSITIES)
def test_lamp_keeps_of_every_layer_what_its_exact_scores_say(rows, sparsity):
    weights = {f"layer{i}": torch.tensor(row, dtype=torch.float32) for i, row in enumerate(rows)}
    shapes = {name: tuple(w.shape) for name, w in weights.items()}
    ranked = ranking(weights, {name: torch.ones(shape, dtype=torch.bool) for name, shape in shapes.items()}, 0)
    scored = [
        (-score, int(key), i)
        for i, (row, place) in enumerate(zip(rows, ranked.slices, strict=True))
        for score, key in zip(exact_lamp(row, ranked.keys[place].tolist()), ranked.keys[place], strict=True)
    ]
    stay = [i for _, _, i in sorted(scored)[: kept(len(scored), sparsity)]]
    assert counts(shapes, "lamp", sparsity, weights=weights) == [stay.count(i) for i in range(len(rows))]


def test_lamp_in_five_rounds_keeps_what_one_round_keeps():
    chance = torch.Generator().manual_seed(3)
    weights = {name: torch.randn(shape, generator=chance) * size for size, (name, shape) in enumerate(CONVS.items(), 1)}
    magnitudes = {name: w.abs().double() for name, w in weights.items()}
    alive = {name: torch.ones(w.shape, dtype=torch.bool) for name, w in weights.items()}
    once = cut(Prune(sparsity=0.9, allocation="lamp"), ranking(magnitudes, alive, 0, weights=weights)).kept
    for sparsity in (0.3, 0.5, 0.7, 0.85, 0.9):
        left = {name: w * alive[name] for name, w in weights.items()}
        ranked = ranking(magnitudes, alive, 0, weights=left)
        now = cut(Prune(sparsity=sparsity, allocation="lamp"), ranked).kept
        alive = {n: torch.from_numpy(now[place].reshape(CONVS[n]).copy()) for n, place in zip(CONVS, ranked.slices, strict=True)}
    assert np.array_equal(now, once)


def gone(values, alive, target, sparsity, allocation="per_layer"):
    """The scores that a pruning removes, ascending, layer by layer."""
    ranked = ranking(values, alive, 0, target)
    stays = cut(Prune(sparsity=sparsity, allocation=allocation, target=target), ranked).kept
    each = zip(values.items(), ranked.slices, strict=True)
    return [sorted(v.flatten()[alive[name].flatten() & ~torch.from_numpy(stays[place])].tolist()) for (name, v), place in each]


def hundred(seed):
    return torch.randperm(100, generator=torch.Generator().manual_seed(seed)).double()


@pytest.mark.parametrize(
    ("target", "five", "fifteen", "sixty"),
    [
        ("decile_0", (0, 4), (0, 14), (0, 59)),
        ("decile_1", (10, 14), (10, 24), (10, 69)),
        ("decile_2", (20, 24), (20, 34), (20, 79)),
        ("decile_3", (30, 34), (30, 44), (30, 89)),
        ("decile_4", (40, 44), (40, 54), (40, 99)),
        ("decile_5", (50, 54), (50, 64), (40, 99)),
        ("decile_6", (60, 64), (60, 74), (40, 99)),
        ("decile_7", (70, 74), (70, 84), (40, 99)),
        ("decile_8", (80, 84), (80, 94), (40, 99)),
        ("decile_9", (90, 94), (85, 99), (40, 99)),
        ("decile_10", (95, 99), (85, 99), (40, 99)),
    ],
)
def test_each_decile_of_a_hundred_distinct_scores_by_hand(target, five, fifteen, sixty):
    values = {"a": hundred(0), "b": hundred(1) + 1000}
    alive = {name: torch.ones(100, dtype=torch.bool) for name in values}
    for sparsity, (first, last) in ((0.05, five), (0.15, fifteen), (0.6, sixty)):
        a, b = gone(values, alive, target, sparsity)
        assert a == list(range(first, last + 1))
        assert b == [1000 + score for score in a]


def test_the_eleven_deciles_are_all_there():
    assert list(DECILES.values()) == list(range(11))


def test_a_decile_is_one_of_the_survivors():
    values, alive = {"a": hundred(0)}, {"a": hundred(0) >= 50}
    assert gone(values, alive, "decile_2", 0.6) == [list(range(60, 70))]  # of fifty left, rank ten is score 60
    assert gone(values, alive, "decile_10", 0.6) == [list(range(90, 100))]


def test_a_decile_of_seven_starts_at_its_rank_rounded_down():
    values, alive = {"a": torch.arange(7.0).double()}, {"a": torch.ones(7, dtype=torch.bool)}
    assert gone(values, alive, "decile_3", 0.3) == [[2, 3]]


@given(LAYERS, SPARSITIES, st.integers(0, 3), st.sampled_from(["per_layer", "fractions"]))
def test_the_lowest_decile_is_smallest_and_the_top_is_largest_with_any_ties(rows, sparsity, seed, allocation):
    values = {f"layer{i}": torch.tensor(row, dtype=torch.float64) for i, row in enumerate(rows)}
    alive = {name: torch.ones(v.shape, dtype=torch.bool) for name, v in values.items()}
    masks = {
        target: cut(Prune(sparsity=sparsity, target=target, allocation=allocation), ranking(values, alive, seed, target)).kept
        for target in ("decile_0", "smallest", "decile_10", "largest")
    }
    assert np.array_equal(masks["decile_0"], masks["smallest"])
    assert np.array_equal(masks["decile_10"], masks["largest"])


def test_a_decile_has_no_threshold_and_is_not_cut_over_all_layers():
    values, alive = {"a": hundred(0)}, {"a": torch.ones(100, dtype=torch.bool)}
    ranked = ranking(values, alive, 0, "decile_4")
    made = cut(Prune(sparsity=0.5, target="decile_4", allocation="per_layer"), ranked)
    assert (made.threshold, made.ties) == (None, 0)
    with pytest.raises(
        ValueError, match=r"^protocol_options\.target: decile_4 is cut within each layer, and global ranks over all of them\.$"
    ):
        cut(Prune(sparsity=0.5, target="decile_4"), ranked)
