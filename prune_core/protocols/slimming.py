"""Network slimming (Liu et al. 2017)."""

from typing import Any

from ..spec import RunSpec
from ..steps import Initialise, Step
from .phases import pulled


def plan(spec: RunSpec) -> list[Step]:
    """Train with an L1 penalty on batch norm's scales, which begin at a half; prune once; fine-tune."""
    options: Any = spec.protocol_options
    return [Initialise(initialisation=spec.initialisation, scale=options.scale), *pulled(spec, {"penalty": options.penalty})]
