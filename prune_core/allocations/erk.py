"""Erdős-Rényi allocations: of layers by their inputs and outputs (Mocanu et al. 2018), and by their kernels too (Evci et al. 2020).

A layer's density is proportional to (o + i) / (o i), with kernels to (o + i + h + w) / (o i h w): small layers stay denser than large ones.
"""

from fractions import Fraction

from ..catalogue import Options
from .ranking import Flags, Ranking, within_layers
from .sharing import proportional


def erk(ranked: Ranking, count: int, options: Options) -> Flags:
    """Of every layer min(left, x (o + i + h + w)), with the x at which the sum is `count`. Of a grouped convolution i is a group's."""
    return by_sums([sum(shape) for shape in ranked.shapes], ranked, count)


def er(ranked: Ranking, count: int, options: Options) -> Flags:
    """The same without kernel sizes: min(left, x (o + i))."""
    return by_sums([sum(shape[:2]) for shape in ranked.shapes], ranked, count)


def by_sums(sums: list[int], ranked: Ranking, count: int) -> Flags:
    return within_layers(ranked, proportional(list(map(Fraction, sums)), ranked.lower, ranked.left, count))
