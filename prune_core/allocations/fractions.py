"""Given fractions: how much goes of every layer, beside the others."""

from fractions import Fraction

from ..catalogue.allocations import FractionsOptions
from ..counting import exact
from .ranking import Flags, Ranking, within_layers
from .sharing import proportional


def allocate(ranked: Ranking, count: int, options: FractionsOptions) -> Flags:
    """Of every layer its fraction goes, all of them times the one factor at which exactly `count` stay; a layer of fraction 0 stays whole.

    A layer that its fraction would more than empty gives all but what has to stay, and the others the rest.
    Raises ValueError with numbers where there are not as many fractions as layers, or where the layers that may give have too little.
    """
    given = [exact(f) for f in options.fractions] or [Fraction(1)] * len(ranked.shapes)
    if len(given) != len(ranked.shapes):
        raise ValueError(f"allocation_options.fractions: {len(ranked.shapes)} layers are ranked, got {len(given)} fractions.")
    left, sizes = ranked.left, ranked.sizes
    giving = [i for i, fraction in enumerate(given) if fraction]
    gone = [sizes[i] - left[i] for i in giving]
    most = [sizes[i] - ranked.lower[i] for i in giving]
    going = sum(sizes) - count - sum(sizes[i] - left[i] for i, fraction in enumerate(given) if not fraction)
    if going > sum(most):
        raise ValueError(
            f"allocation_options.fractions: {going:,} units have to go, and the layers with a fraction above 0 can give {sum(most):,}."
        )
    counts = list(left)
    for i, n in zip(giving, proportional([given[i] * sizes[i] for i in giving], gone, most, going), strict=True):
        counts[i] = sizes[i] - n
    return within_layers(ranked, counts)
