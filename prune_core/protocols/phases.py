"""Training phases of a resolved spec, and its end."""

from typing import Any

from ..spec import RunSpec
from ..steps import Evaluate, Measure, Step, Train


def phase(spec: RunSpec, start: float, until: float) -> list[Train]:
    """Train from epoch `start` to `until`, the rate falling at the spec's fractions of this phase. No step where there is nothing to train."""
    if until <= start:
        return []
    assert spec.lr is not None
    milestones = tuple(start + (until - start) * f for f in spec.lr_milestones or ())
    return [Train(start=start, until=until, lr=spec.lr, milestones=milestones)]


def ending(spec: RunSpec) -> list[Step]:
    """The measurements that the options ask for, then the test part, once."""
    options: Any = spec.protocol_options
    return [*(Measure(what=what) for what in options.measure), Evaluate(part="test")]
