"""A count split over layers: in proportion, between bounds, with an exact total."""

from collections.abc import Sequence
from fractions import Fraction


def shares(sizes: tuple[int, ...], alive: list[int], count: int, lower: list[int]) -> list[int]:
    """Split `count` in proportion to `sizes`, each part between its lower bound and alive; ties of remainders by layer order."""
    if not sum(lower) <= count <= sum(alive):
        raise ValueError(f"allocation: {count:,} units can't be shared over layers with {alive} left and at least {lower} in them.")
    return rounded([Fraction(count * size, sum(sizes)) for size in sizes], lower, alive, count)


def rounded(ideal: Sequence[Fraction], lower: Sequence[int], upper: Sequence[int], count: int) -> list[int]:
    """Whole parts of `count` nearest to the ideal ones, each between its bounds: by largest remainders, ties by layer order."""
    parts = [min(max(int(share), low), high) for share, low, high in zip(ideal, lower, upper, strict=True)]
    while (missing := count - sum(parts)) != 0:
        step = 1 if missing > 0 else -1
        room = [i for i, n in enumerate(parts) if (n < upper[i] if step > 0 else n > lower[i])]
        nearest = max(room, key=lambda i: (step * (ideal[i] - parts[i]), -i))
        parts[nearest] += step
    return parts


def proportional(weights: Sequence[Fraction], lower: Sequence[int], upper: Sequence[int], count: int) -> list[int]:
    """Split `count` in proportion to positive `weights`; where a bound stops a layer, the others share the rest in proportion.

    Exactly: parts clip(x * weight, lower, upper) at the one x whose sum is `count`, then largest remainders.
    Needs sum(lower) <= count <= sum(upper).
    """
    bounds = list(zip(weights, lower, upper, strict=True))

    def parts(x: Fraction) -> list[Fraction]:
        return [min(max(x * weight, Fraction(low)), Fraction(high)) for weight, low, high in bounds]

    turns = sorted({Fraction(0), *(Fraction(bound) / weight for weight, *both in bounds for bound in both)})
    below = max((x for x in turns if sum(parts(x)) <= count), default=Fraction(0))
    slope = sum(weight for weight, low, high in bounds if low <= below * weight < high)
    x = below + (count - sum(parts(below))) / slope if slope else below
    return rounded(parts(x), lower, upper, count)
