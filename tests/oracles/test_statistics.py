"""Statistics over seeds against printed tables, numbers worked by hand, scipy.stats, every permutation, and simulation."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats

from prune_core.statistics import (
    Difference,
    Interval,
    correlation,
    interval,
    kendalls,
    paired,
    pearsons,
    points,
    rank_advantages,
    rank_correlation,
    ranks,
    spearmans,
)

# Two-sided 95 % points of Student's t as printed in statistical tables (degrees of freedom -> t).
TABLE = {2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 9: 2.262, 19: 2.093, 29: 2.045}


@pytest.mark.parametrize(("freedom", "t"), TABLE.items())
def test_the_interval_is_as_wide_as_the_printed_table_says(freedom: int, t: float):
    n = freedom + 1
    values = [1.0, -1.0] * (n // 2) + [0.0] * (n % 2)
    deviation = math.sqrt(2 * (n // 2) / freedom)
    found = interval(values)
    assert found.half == pytest.approx(t * deviation / math.sqrt(n), abs=5e-4 * deviation)
    assert (found.mean, found.n) == (0, n)


def test_three_seeds_by_hand():
    # 97.0, 98.0, 99.0: mean 98, deviation 1, 4.303 / sqrt(3) = 2.484
    found = interval([0.97, 0.98, 0.99])
    assert [round(100 * v, 2) for v in (found.mean, found.low, found.high)] == [98.0, 95.52, 100.48]


@pytest.mark.parametrize("values", [[0.5], [0.5, 0.7]])
def test_fewer_than_three_values_have_a_mean_and_no_interval(values: list[float]):
    assert interval(values) == Interval(sum(values) / len(values), None, None, len(values))


def test_no_values_are_refused():
    with pytest.raises(ValueError, match="at least one"):
        interval([])


@pytest.mark.parametrize("n", [3, 5, 10])
def test_the_interval_holds_the_truth_95_times_in_100(n: int):
    trials = 4000
    drawn = np.random.default_rng(n).normal(0.3, 2.0, (trials, n))
    held = sum(low <= 0.3 <= high for low, high in (interval(list(row))[1:3] for row in drawn))
    assert abs(held / trials - 0.95) < 4 * math.sqrt(0.95 * 0.05 / trials)


@pytest.mark.parametrize("n", [3, 5, 20])
def test_paired_differences_are_scipys_own(n: int):
    random = np.random.default_rng(n)
    first, second = random.normal(0.96, 0.01, n), random.normal(0.95, 0.01, n)
    found = paired(dict(enumerate(first)), dict(enumerate(second)))
    asked = scipy.stats.ttest_rel(first, second).confidence_interval(0.95)
    np.testing.assert_allclose([found.low, found.high], [asked.low, asked.high], rtol=1e-9)


def test_pairing_takes_the_seeds_apart_from_what_the_seeds_share():
    # Every seed gains exactly one point; between seeds it varies by ten.
    first = {0: 0.91, 1: 0.81, 2: 0.71, 7: 0.1}
    second = {0: 0.90, 1: 0.80, 2: 0.70, 8: 0.9}
    found = paired(first, second)
    assert found.seeds == (0, 1, 2)
    assert found.verdict() == "shown"
    assert [round(v, 9) for v in (found.mean, found.low, found.high)] == [0.01, 0.01, 0.01]


def test_no_seed_in_common_is_too_few_and_says_so():
    found = paired({0: 0.9}, {1: 0.9})
    assert (found.n, found.verdict(), found.words) == (0, "too few", "no seed in common")


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.02, 0.01, "none"), (-0.004, 0.003, "equivalent"), (-0.005, 0.003, "none"), (0.001, 0.02, "shown"), (-0.003, -0.001, "shown"),
        (0.0, 0.02, "none"), (None, None, "too few"),
    ],
)  # fmt: skip
def test_a_verdict_says_no_more_than_the_interval(low: float | None, high: float | None, verdict: str):
    assert Difference(0.001, low, high, 5, (0, 1, 2, 3, 4)).verdict(0.005) == verdict


def test_a_shown_difference_can_lie_within_the_margin_all_the_same():
    assert Difference(0.002, 0.001, 0.003, 5, ()).within(0.005)


@pytest.mark.parametrize(
    ("first", "said"),
    [
        ((0.98, 0.97, 0.975), "−1.5 ± 1.2 points, 3 seeds"),  # differences -1, -2, -1.5: deviation 0.5, 4.303 * 0.5 / sqrt(3) = 1.24
        ((0.98, 0.98), "−1.0 points, 2 seeds"),
        ((0.99,), "0.0 points, 1 seed"),
        ((0.9899, 0.9899, 0.9899), "−0.01 ± 0.00 points, 3 seeds"),
    ],
)
def test_differences_are_said_in_points(first: tuple[float, ...], said: str):
    assert paired(dict(enumerate(first)), dict.fromkeys(range(5), 0.99)).words == said


def test_nothing_is_ever_minus_zero():
    assert points(-0.0001) == "0.0"


def test_kendall_counts_pairs_in_order():
    # Of the 10 pairs of (1 2 3 4 5) against (2 1 4 3 5), (1, 2) and (3, 4) are the wrong way round: (8 - 2) / 10.
    found = correlation([1, 2, 3, 4, 5], [2, 1, 4, 3, 5])
    assert found is not None
    assert found.kendall.value == pytest.approx(0.6)


def test_kendalls_p_is_the_share_of_all_orders_that_are_as_extreme():
    x, y = [1, 2, 3, 4, 5, 6], [1, 2, 4, 3, 6, 5]

    def score(order) -> int:
        return sum(np.sign((x[i] - x[j]) * (order[i] - order[j])) for i, j in itertools.combinations(range(6), 2))

    extreme = [abs(score(order)) >= abs(score(y)) for order in itertools.permutations(y)]
    found = correlation(x, y)
    assert found is not None
    assert found.kendall.p == pytest.approx(sum(extreme) / len(extreme))


@pytest.mark.parametrize("ties", [False, True])
def test_coefficients_and_ps_are_scipys_own(ties: bool):
    random = np.random.default_rng(3)
    x = random.normal(size=30)
    y = 0.5 * x + random.normal(size=30)
    if ties:
        x, y = np.round(x), np.round(y)
    found = correlation(x.tolist(), y.tolist())
    assert found is not None
    for ours, theirs in ((found.pearson, scipy.stats.pearsonr(x, y)), (found.kendall, scipy.stats.kendalltau(x, y))):
        assert (ours.value, ours.p) == pytest.approx((theirs.statistic, theirs.pvalue), rel=1e-9)


def test_a_resample_gives_what_the_pairs_written_out_give():
    random = np.random.default_rng(5)
    x, y = random.normal(size=12), random.normal(size=12)
    times = random.multinomial(12, np.full(12, 1 / 12), size=20)
    for count, r, tau in zip(times, pearsons(x, y, times.astype(float)), kendalls(x, y, times.astype(float)), strict=True):
        a, b = np.repeat(x, count), np.repeat(y, count)
        assert r == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-10)
        assert tau == pytest.approx(scipy.stats.kendalltau(a, b).statistic, abs=1e-10)


@pytest.mark.parametrize("ties", [False, True])
def test_ranks_in_a_resample_are_those_of_the_pairs_written_out(ties: bool):
    random = np.random.default_rng(6)
    x, y = random.normal(size=12), random.normal(size=12)
    if ties:
        x, y = np.round(x), np.round(y)
    times = random.multinomial(12, np.full(12, 1 / 12), size=20)
    for count, rho in zip(times, spearmans(x, y, times.astype(float)), strict=True):
        assert rho == pytest.approx(scipy.stats.spearmanr(np.repeat(x, count), np.repeat(y, count)).statistic, abs=1e-10)


@pytest.mark.parametrize("ties", [False, True])
def test_ranks_agree_as_scipy_says(ties: bool):
    random = np.random.default_rng(3)
    x = random.normal(size=30)
    y = 0.5 * x + random.normal(size=30)
    if ties:
        x, y = np.round(x), np.round(y)
    found = ranks(x.tolist(), y.tolist())
    assert found is not None
    for ours, theirs in ((found.spearman, scipy.stats.spearmanr(x, y)), (found.kendall, scipy.stats.kendalltau(x, y))):
        assert ours.value == pytest.approx(theirs.statistic, rel=1e-9)
        assert ours.low <= ours.value <= ours.high


def test_of_two_orders_the_better_is_told_from_the_worse_and_from_no_copy_of_itself():
    random = np.random.default_rng(8)
    y = random.normal(size=200)
    good, poor = y + 0.2 * random.normal(size=200), y + 3 * random.normal(size=200)
    (low, high), none = rank_advantages(good, [poor, good], y)
    assert 0 < low < high
    assert none == (0, 0)


def test_how_far_one_order_is_ahead_is_what_scipys_bootstrap_of_both_says():
    random = np.random.default_rng(9)
    y = random.normal(size=25)
    good, poor = y + 0.5 * random.normal(size=25), y + random.normal(size=25)
    theirs = scipy.stats.bootstrap(
        (good, poor, y), lambda a, b, c: scipy.stats.spearmanr(a, c).statistic - scipy.stats.spearmanr(b, c).statistic, paired=True, vectorized=False,
        n_resamples=2000, method="percentile", rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    assert rank_advantages(good, [poor], y)[0] == pytest.approx((theirs.low, theirs.high), abs=0.03)


BOTH = pytest.mark.parametrize(
    ("asked", "first", "theirs"),
    [(correlation, "pearson", scipy.stats.pearsonr), (ranks, "spearman", scipy.stats.spearmanr)],
    ids=("correlation", "ranks"),
)


@BOTH
class TestEitherPairOfCoefficients:
    def test_intervals_are_those_of_scipys_bootstrap(self, asked, first, theirs):
        random = np.random.default_rng(7)
        x = random.normal(size=25)
        y = x + random.normal(size=25)
        found = asked(x.tolist(), y.tolist())
        for name, coefficient in ((first, theirs), ("kendall", scipy.stats.kendalltau)):
            drawn = scipy.stats.bootstrap(
                (x, y), lambda a, b, by=coefficient: by(a, b).statistic, paired=True, vectorized=False, n_resamples=2000, method="percentile",
                rng=np.random.default_rng(1),
            ).confidence_interval  # fmt: skip
            ours = getattr(found, name)
            assert (ours.low, ours.high) == pytest.approx((drawn.low, drawn.high), abs=0.03)

    def test_the_same_pairs_give_the_same_interval(self, asked, first, theirs):
        x, y = [1.0, 2, 3, 4, 5, 6], [1.0, 3, 2, 5, 4, 6]
        assert asked(x, y) == asked(x, y)

    def test_a_perfect_line_has_no_interval_to_speak_of(self, asked, first, theirs):
        found = asked(range(6), [2.0 * v for v in range(6)])
        for coefficient in (getattr(found, first), found.kendall):
            assert (coefficient.value, coefficient.low) == pytest.approx((1, 1))

    @pytest.mark.parametrize(("x", "y"), [([1, 2, 3, 4], [1, 2, 3, 4]), ([1] * 6, range(6)), (range(6), [0.5] * 6), ([], [])])
    def test_too_few_pairs_and_constant_quantities_have_nothing_to_compare(self, asked, first, theirs, x, y):
        assert asked(x, y) is None

    def test_pairs_that_do_not_match_are_refused(self, asked, first, theirs):
        with pytest.raises(ValueError, match="got 5 and 6"):
            asked(range(6), range(5))


@pytest.mark.parametrize("ties", [False, True])
def test_a_rank_correlation_alone_is_scipys_own(ties: bool):
    random = np.random.default_rng(4)
    x, y = random.normal(size=(2, 12))
    if ties:
        x, y = np.round(x), np.round(y)
    assert rank_correlation(x.tolist(), y.tolist()) == pytest.approx(scipy.stats.spearmanr(x, y).statistic, rel=1e-9)
    assert rank_correlation([1] * 6, range(6)) is None
