"""One ranking over all layers."""

import numpy as np

from ..catalogue import Options
from .ranking import Flags, Ranking, best, best_alive


def allocate(ranked: Ranking, count: int, options: Options) -> Flags:
    """First the best of every layer, as many as have to stay of it; then by rank, wherever they lie."""
    reserved = np.zeros_like(ranked.alive)
    for place, least in zip(ranked.slices, ranked.lower, strict=True):
        if least:
            reserved[place] = best_alive(ranked, place, least)
    rest = np.flatnonzero(ranked.alive & ~reserved)
    chosen = best(ranked.scores[rest], ranked.keys[rest], count - int(reserved.sum()))
    reserved[rest[chosen]] = True
    return reserved
