"""One ranking over all layers."""

import numpy as np

from ..catalogue import Options
from .ranking import Flags, Ranking, best, best_alive


def allocate(ranked: Ranking, count: int, keep_min: int, options: Options) -> Flags:
    """First every layer's best `keep_min`, then by rank, wherever they lie."""
    reserved = np.zeros_like(ranked.alive)
    if keep_min:
        for place in ranked.slices:
            reserved[place] = best_alive(ranked, place, keep_min)
    rest = np.flatnonzero(ranked.alive & ~reserved)
    chosen = best(ranked.scores[rest], ranked.keys[rest], count - int(reserved.sum()))
    reserved[rest[chosen]] = True
    return reserved
