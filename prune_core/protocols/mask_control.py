"""Controls for a mask (Frankle et al. 2021): would another one of the same size have done as well?"""

from typing import Any

from ..spec import RunSpec
from ..steps import Inherit, Initialise, Step
from .phases import ending, phase, surgery


def plan(spec: RunSpec) -> list[Step]:
    """The weights that the parent began its training with, under another mask; its epochs, its order of the images."""
    options: Any = spec.protocol_options
    redrawn = getattr(spec.criterion_options, "reinit_after", "no")
    first = (
        Initialise(initialisation=spec.initialisation) if redrawn == "no" else Initialise(initialisation=redrawn, purpose="reinitialise")
    )
    return [
        first, Inherit(control=options.mask, granularity=spec.resolved_granularity), *surgery(spec), *phase(spec, 0, spec.epochs), *ending(spec)
    ]  # fmt: skip
