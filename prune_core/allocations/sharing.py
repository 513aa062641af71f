"""A count split over layers: in proportion, between bounds, with an exact total."""

from fractions import Fraction


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
