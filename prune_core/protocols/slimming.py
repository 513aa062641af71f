"""Network slimming (Liu et al. 2017)."""

from typing import Any

from ..spec import RunSpec
from ..steps import Step
from .phases import beginning, pulled


def plan(spec: RunSpec) -> list[Step]:
    """Train with an L1 penalty on batch norm's scales, which begin at a half; prune once; fine-tune."""
    options: Any = spec.protocol_options
    return [*beginning(spec, options.scale), *pulled(spec, {"penalty": options.penalty})]
