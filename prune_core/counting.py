"""Exact counts: how many of n units a sparsity keeps."""

from fractions import Fraction


def exact(fraction: float) -> Fraction:
    """The decimal that a person wrote, as an exact fraction: 0.1 is 1/10 and not the nearest binary number."""
    return Fraction(repr(float(fraction)))


def kept(n: int, sparsity: float) -> int:
    """Units kept of n at a sparsity (fraction removed): floor((1 - s) n + 1/2) in exact decimals.

    In binary floats int((1 - 0.9) * 266200) is 26619; the exact answer is 26620.
    """
    return int((1 - exact(sparsity)) * n + Fraction(1, 2))
