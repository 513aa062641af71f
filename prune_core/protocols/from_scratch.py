"""The architecture that pruning found, trained from scratch (Liu et al. 2019; Crowley et al. 2018)."""

from ..spec import RunSpec
from ..steps import Inherit, Initialise, Step
from .phases import ending, phase, surgery

TWIN = 1  # a parent may itself have drawn its weights anew, without an index: a twin repeats neither of its draws


def plan(spec: RunSpec) -> list[Step]:
    """Draw weights of its own, put on the parent's masks, train for all epochs on images in an order of its own.

    Where channels are gone the network is made smaller first, and its weights are drawn as its own size asks.
    """
    draw = Initialise(initialisation=spec.initialisation, purpose="reinitialise", index=TWIN)
    smaller = surgery(spec)
    return [
        draw,
        Inherit(granularity=spec.resolved_granularity),
        *smaller,
        *([draw] if smaller else ()),
        *phase(spec, 0, spec.epochs, order="reorder"),
        *ending(spec),
    ]
