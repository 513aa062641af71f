"""Training phases of a resolved spec."""

from ..spec import RunSpec
from ..steps import Train


def phase(spec: RunSpec, start: float, until: float) -> list[Train]:
    """Train from epoch `start` to `until`, the rate falling at the spec's fractions of this phase. No step where there is nothing to train."""
    if until <= start:
        return []
    assert spec.lr is not None
    milestones = tuple(start + (until - start) * f for f in spec.lr_milestones or ())
    return [Train(start=start, until=until, lr=spec.lr, milestones=milestones)]
