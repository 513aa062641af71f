"""The architecture that pruning found, trained from scratch (Liu et al. 2019; Crowley et al. 2018)."""

from ..spec import RunSpec
from ..steps import Inherit, Initialise, Step
from .phases import ending, phase

TWIN = 1  # a parent may itself have drawn its weights anew, without an index: a twin repeats neither of its draws


def plan(spec: RunSpec) -> list[Step]:
    """Draw weights of its own, put on the parent's masks, train for all epochs on images in an order of its own."""
    return [
        Initialise(initialisation=spec.initialisation, purpose="reinitialise", index=TWIN),
        Inherit(granularity=spec.resolved_granularity),
        *phase(spec, 0, spec.epochs, order="reorder"),
        *ending(spec),
    ]
