"""From a spec to its plan."""

from .catalogue import function_of
from .spec import RunSpec
from .steps import Step


def plan(spec: RunSpec) -> tuple[Step, ...]:
    """The steps that a run of this spec carries out, in order. Costs nothing, imports no torch."""
    return tuple(function_of(spec.protocol_entry)(spec.resolved()))
