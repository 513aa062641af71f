"""No pruning: the reference for every other run."""

from ..spec import RunSpec
from ..steps import Initialise, Step
from .phases import ending, phase


def plan(spec: RunSpec) -> list[Step]:
    """Initialise, train for all epochs, measure."""
    return [Initialise(initialisation=spec.initialisation), *phase(spec, 0, spec.epochs), *ending(spec)]
