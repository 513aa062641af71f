"""Uniform+ (Gale, Elsen & Hooker 2019; as an allocation: Lee et al. 2021): uniform, but sparing the first convolution and the last layer."""

from fractions import Fraction
from math import ceil

from ..catalogue import Options
from .ranking import Flags, Ranking, within_layers
from .sharing import proportional

LAST_KEEPS = Fraction(1, 5)


def allocate(ranked: Ranking, count: int, options: Options) -> Flags:
    """The first convolution keeps all that is left, the last layer at least a fifth of its original size, the rest the same share.

    Raises ValueError with numbers where `count` is less than that.
    """
    first = next((i for i, shape in enumerate(ranked.shapes) if len(shape) > 2), None)
    last = max(i for i, shape in enumerate(ranked.shapes) if len(shape) > 1 or i == 0)
    lower = ranked.lower
    lower[last] = min(max(ceil(ranked.sizes[last] * LAST_KEEPS), lower[last]), ranked.left[last])
    if first is not None:
        lower[first] = ranked.left[first]
    if count < sum(lower):
        spared = f"{lower[first]:,} of the first convolution, " if first is not None and first != last else ""
        raise ValueError(f"allocation: uniform_plus keeps at least {sum(lower):,} weights ({spared}{lower[last]:,} of the last layer), "
                         f"and the sparsity leaves {count:,}.")  # fmt: skip
    return within_layers(ranked, proportional(list(map(Fraction, ranked.sizes)), lower, ranked.left, count))
