"""From a spec to its plan."""

from collections.abc import Iterable

from .catalogue import criteria, function_of
from .spec import RunSpec
from .steps import Measure, Score, Step


def plan(spec: RunSpec) -> tuple[Step, ...]:
    """The steps that a run of this spec carries out, in order. Costs nothing, imports no torch."""
    return tuple(function_of(spec.protocol_entry)(spec.resolved()))


def records(steps: Iterable[Step]) -> bool:
    """Whether training has to record what one of the criteria that are asked reads."""
    names = {s.criterion for s in steps if isinstance(s, Score)} | {s.options.get("criterion") for s in steps if isinstance(s, Measure)}
    return any("recorded" in criteria[name].needs for name in names if name is not None)
