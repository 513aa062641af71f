"""No pruning: the reference for every other run."""

from ..spec import RunSpec
from ..steps import Evaluate, Initialise, Step
from .phases import phase


def plan(spec: RunSpec) -> list[Step]:
    """Initialise, train for all epochs, measure."""
    return [Initialise(initialisation=spec.initialisation), *phase(spec, 0, spec.epochs), Evaluate(part="test")]
