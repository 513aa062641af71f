"""How the units to keep are shared out over the layers. Every function: (ranking, count, keep_min) -> bool (n,) with exactly `count` True."""

from fractions import Fraction

import numpy as np

from .masks import Flags, Ranking, best


def global_ranking(ranked: Ranking, count: int, keep_min: int) -> Flags:
    """One ranking over all layers; first every layer's best `keep_min`, then by rank."""
    reserved = np.zeros_like(ranked.alive)
    if keep_min:
        for place in ranked.slices:
            reserved[place] = best_alive(ranked, place, keep_min)
    rest = np.flatnonzero(ranked.alive & ~reserved)
    chosen = best(ranked.scores[rest], ranked.keys[rest], count - int(reserved.sum()))
    reserved[rest[chosen]] = True
    return reserved


def per_layer(ranked: Ranking, count: int, keep_min: int) -> Flags:
    """The same share of every layer, rounded by largest remainders so that the total is exact."""
    alive = [int(ranked.alive[place].sum()) for place in ranked.slices]
    counts = shares(ranked.sizes, alive, count, keep_min)
    stays = np.zeros_like(ranked.alive)
    for place, n in zip(ranked.slices, counts, strict=True):
        stays[place] = best_alive(ranked, place, n)
    return stays


def best_alive(ranked: Ranking, place: slice, count: int) -> Flags:
    """The layer's best survivors, as flags over the layer."""
    stays = np.zeros(place.stop - place.start, dtype=bool)
    survivors = np.flatnonzero(ranked.alive[place])
    stays[survivors[best(ranked.scores[place][survivors], ranked.keys[place][survivors], min(count, survivors.size))]] = True
    return stays


def shares(sizes: tuple[int, ...], alive: list[int], count: int, keep_min: int) -> list[int]:
    """Split `count` in proportion to `sizes`, each part between min(keep_min, alive) and alive; ties of remainders by layer order."""
    ideal = [Fraction(count * size, sum(sizes)) for size in sizes]
    parts = [min(max(int(share), min(keep_min, left)), left) for share, left in zip(ideal, alive, strict=True)]
    while (missing := count - sum(parts)) != 0:
        step = 1 if missing > 0 else -1
        room = [i for i, n in enumerate(parts) if (n < alive[i] if step > 0 else n > min(keep_min, alive[i]))]
        if not room:
            raise ValueError(f"allocation: {count:,} units can't be shared over layers with {alive} left and at least {keep_min} in each.")
        nearest = max(room, key=lambda i: (step * (ideal[i] - parts[i]), -i))
        parts[nearest] += step
    return parts
