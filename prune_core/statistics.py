"""What may be said of results over seeds: means with t-intervals, differences paired by seed, correlations with bootstrap intervals.

Student's t comes from scipy.special: scipy.stats would cost every page 45 MB and half a second, and is imported only where Kendall's p is asked for.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit

LEVEL = 0.95
FEWEST = 3  # below, an interval of two values spans the picture and says nothing: the values are shown alone
FEWEST_PAIRS = 5  # below, resampling meets the same few orders again and again
RESAMPLES = 2_000
MARGIN = 0.005  # half a point: what "equivalent" means where nothing else is said
MINUS = "\N{MINUS SIGN}"

Verdict = Literal["shown", "none", "equivalent", "too few"]
Coefficients = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]  # x, y, how often each pair was drawn -> one number a resample


class Interval(NamedTuple):
    """The mean of `n` values and its 95 % t-interval; `low` and `high` are None for fewer than three values."""

    mean: float
    low: float | None
    high: float | None
    n: int

    @property
    def half(self) -> float | None:
        """How far the interval reaches to either side of the mean."""
        return None if self.high is None else self.high - self.mean


class Difference(NamedTuple):
    """First minus second over the seeds that both have, as fractions: mean and 95 % t-interval of the paired differences."""

    mean: float
    low: float | None
    high: float | None
    n: int
    seeds: tuple[int, ...]

    def verdict(self, margin: float = MARGIN) -> Verdict:
        """What the interval allows to say.

        "shown": it leaves 0 out, however small the difference is. "equivalent": it holds 0 and lies inside plus or minus `margin`.
        "none": it holds 0 and reaches further: no difference shown, and no equivalence either. "too few": there is no interval.
        """
        if self.low is None or self.high is None:
            return "too few"
        if not self.low <= 0 <= self.high:
            return "shown"
        return "equivalent" if self.within(margin) else "none"

    def within(self, margin: float) -> bool:
        """Whether the whole interval lies inside plus or minus `margin`."""
        return self.low is not None and self.high is not None and -margin < self.low and self.high < margin

    @property
    def words(self) -> str:
        """The difference in points: "0.4 ± 0.2 points, 5 seeds"; without the interval for fewer than three seeds."""
        if not self.n:
            return "no seed in common"
        counted = f"{self.n:,} {'seed' if self.n == 1 else 'seeds'}"
        if self.high is None:
            return f"{points(self.mean)} points, {counted}"
        half = self.high - self.mean
        digits = 1 if half >= 0.00095 else 2
        return f"{points(self.mean, digits)} ± {points(half, digits)} points, {counted}"


class Estimate(NamedTuple):
    """A correlation between -1 and 1 and its bootstrap 95 % interval."""

    value: float
    low: float
    high: float


class Coefficient(NamedTuple):
    """A correlation between -1 and 1, its bootstrap 95 % interval, and the p-value against none."""

    value: float
    low: float
    high: float
    p: float


class Correlation(NamedTuple):
    """Pearson's r (straight lines) and Kendall's tau-b (order alone) over `n` pairs."""

    pearson: Coefficient
    kendall: Coefficient
    n: int


class Ranks(NamedTuple):
    """How two orders agree over `n` pairs: Spearman's rho and Kendall's tau-b."""

    spearman: Estimate
    kendall: Estimate
    n: int


def interval(values: Sequence[float]) -> Interval:
    """Mean and t-interval of independent values. Raises ValueError for no values."""
    if not len(values):
        raise ValueError("values: there must be at least one, got none.")
    n, mean = len(values), math.fsum(values) / len(values)
    if n < FEWEST:
        return Interval(mean, None, None, n)
    deviation = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (n - 1))
    half = float(stdtrit(n - 1, (1 + LEVEL) / 2)) * deviation / math.sqrt(n)
    return Interval(mean, mean - half, mean + half, n)


def paired(first: Mapping[int, float], second: Mapping[int, float]) -> Difference:
    """`first` minus `second`, seed by seed; a seed that only one of them has is left out. No common seed: n = 0, mean nan."""
    seeds = tuple(sorted(first.keys() & second.keys()))
    if not seeds:
        return Difference(math.nan, None, None, 0, ())
    return Difference(*interval([first[s] - second[s] for s in seeds]), seeds)


def points(fraction: float, digits: int = 1) -> str:
    """A difference of fractions in points: 0.004 -> "0.4", -0.012 -> "\N{MINUS SIGN}1.2"; never "\N{MINUS SIGN}0.0"."""
    said = f"{abs(100 * fraction):.{digits}f}"
    return MINUS + said if fraction < 0 and float(said) else said


def correlation(x: Sequence[float], y: Sequence[float]) -> Correlation | None:
    """How two quantities go together over independent pairs.

    None for fewer than five pairs, or where one of the two never changes: there is nothing to say then.
    Intervals: percentiles of 2,000 resamples of the pairs with a fixed seed; resamples in which one quantity is constant are left out.
    p: Pearson by Student's t, Kendall exactly or by its normal limit, as scipy chooses.
    """
    found = estimated(x, y, pearsons, kendalls)
    if found is None:
        return None
    from scipy.stats import kendalltau

    (r, tau), n = found, len(x)
    return Correlation(Coefficient(*r, pearson_p(r.value, n)), Coefficient(*tau, float(kendalltau(x, y).pvalue)), n)


def ranks(x: Sequence[float], y: Sequence[float]) -> Ranks | None:
    """How the order of one quantity agrees with that of another; None and intervals as `correlation` has them."""
    if (found := estimated(x, y, spearmans, kendalls)) is None:
        return None
    rho, tau = found
    return Ranks(rho, tau, len(x))


def rank_correlation(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Spearman's rho as in `ranks`, without its interval."""
    pairs = comparable(x, y)
    return float(spearmans(*pairs, np.ones((1, len(x))))[0]) if pairs else None


def rank_advantages(first: Sequence[float], others: Iterable[Sequence[float]], y: Sequence[float]) -> list[tuple[float, float]]:
    """95 % intervals of Spearman's rho of `first` with y less that of each of the others with y, over the same resamples of the same units."""
    a, c = np.asarray(first, dtype=np.float64), np.asarray(y, dtype=np.float64)
    drawn = resamples(len(c))
    ahead = spearmans(a, c, drawn)
    return [between(ahead - spearmans(np.asarray(b, dtype=np.float64), c, drawn)) for b in others]


def estimated(x: Sequence[float], y: Sequence[float], *by: Coefficients) -> list[Estimate] | None:
    """Each coefficient of the pairs with its bootstrap interval; None where there is nothing to say."""
    if (pairs := comparable(x, y)) is None:
        return None
    drawn, once = resamples(len(x)), np.ones((1, len(x)))
    return [Estimate(float(each(*pairs, once)[0]), *between(each(*pairs, drawn))) for each in by]


def comparable(x: Sequence[float], y: Sequence[float]) -> tuple[np.ndarray, np.ndarray] | None:
    """Both as arrays; None for fewer than five pairs, or where one of the two never changes. Raises ValueError for unequal lengths."""
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if len(a) != len(b):
        raise ValueError(f"y: there must be as many values as in x, got {len(b)} and {len(a)}.")
    return None if len(a) < FEWEST_PAIRS or np.ptp(a) == 0 or np.ptp(b) == 0 else (a, b)


def resamples(n: int) -> np.ndarray:
    """How often each of n pairs was drawn in each of 2,000 resamples: (resamples, n), the same at every call."""
    return np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=RESAMPLES).astype(np.float64)


def spearmans(x: np.ndarray, y: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Spearman's rho of every resample: Pearson's r of the ranks that the values have in it. As `pearsons` otherwise."""
    a, b, n = midranks(x, times), midranks(y, times), times.sum(axis=1, keepdims=True)
    a, b = a - (n + 1) / 2, b - (n + 1) / 2  # the mean rank, ties or not
    va, vb, cov = ((times * left * right).sum(axis=1) for left, right in ((a, a), (b, b), (a, b)))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where((va == 0) | (vb == 0), np.nan, np.clip(cov / np.sqrt(va * vb), -1, 1))


def midranks(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Rank of every value in every resample, 1 the lowest; equal values, copies too, share the mean of their places. (resamples, n)."""
    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.diff(values[order], prepend=np.nan) != 0)
    alike = np.add.reduceat(times[:, order], starts, axis=1)
    middle = np.cumsum(alike, axis=1) - (alike - 1) / 2
    result = np.empty_like(times)
    result[:, order] = np.repeat(middle, np.diff(starts, append=len(values)), axis=1)
    return result


def pearsons(x: np.ndarray, y: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Pearson's r of every resample. x, y: (n,). times: (resamples, n), how often each pair was drawn. nan where one is constant."""
    x, y, n = x - x.mean(), y - y.mean(), times.sum(axis=1)
    mx, my = times @ x / n, times @ y / n
    vx, vy, cov = times @ (x * x) / n - mx * mx, times @ (y * y) / n - my * my, times @ (x * y) / n - mx * my
    constant = (vx <= 1e-12 * x.var()) | (vy <= 1e-12 * y.var())
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(constant, np.nan, np.clip(cov / np.sqrt(vx * vy), -1, 1))


def kendalls(x: np.ndarray, y: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Kendall's tau-b of every resample, by the signs of all pairs of pairs; as `pearsons` otherwise."""
    sx, sy = np.sign(x[:, None] - x[None, :]), np.sign(y[:, None] - y[None, :])
    agree, differ_x, differ_y = (np.einsum("bi,bi->b", times @ each, times) for each in (sx * sy, np.abs(sx), np.abs(sy)))
    with np.errstate(invalid="ignore", divide="ignore"):
        return agree / np.sqrt(differ_x * differ_y)


def between(resampled: np.ndarray) -> tuple[float, float]:
    low, high = np.nanquantile(resampled, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return float(low), float(high)


def pearson_p(r: float, n: int) -> float:
    """Two-sided p of r under no correlation: r sqrt((n - 2) / (1 - r^2)) is Student's t with n - 2 degrees of freedom."""
    if abs(r) >= 1:
        return 0.0
    return 2 * float(stdtr(n - 2, -abs(r) * math.sqrt((n - 2) / (1 - r * r))))
