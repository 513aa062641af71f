"""A finished run goes on: more epochs from its final weights."""

from typing import Any

from ..spec import RunSpec
from ..steps import Inherit, Initialise, Step
from .phases import ending, phase, surgery


def plan(spec: RunSpec) -> list[Step]:
    """Take over weights and masks, train for all epochs; the order of the images goes on where the parent's ended, its momentum does not."""
    options: Any = spec.protocol_options
    return [
        Initialise(initialisation=spec.initialisation), Inherit(what="weights", granularity=spec.resolved_granularity), *surgery(spec),
        *phase(spec, 0, spec.epochs, order_from=options.after), *ending(spec),
    ]  # fmt: skip
