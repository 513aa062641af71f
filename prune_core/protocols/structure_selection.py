"""Sparse structure selection (Huang & Wang 2018)."""

from typing import Any

from ..spec import RunSpec
from ..steps import Step
from .phases import beginning, pulled


def plan(spec: RunSpec) -> list[Step]:
    """Train with a factor on every channel, pulled to 0 by proximal steps; put the factors into the weights; prune once; fine-tune."""
    options: Any = spec.protocol_options
    return [*beginning(spec), *pulled(spec, {"factors": options.strength})]
