"""The same share of every layer, which papers call uniform."""

from ..catalogue import Options
from .ranking import Flags, Ranking, within_layers
from .sharing import shares


def allocate(ranked: Ranking, count: int, options: Options) -> Flags:
    """Every layer keeps the same share of all its units, rounded by largest remainders so that the total is exact."""
    return within_layers(ranked, shares(ranked.sizes, ranked.left, count, ranked.lower))
