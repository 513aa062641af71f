"""What the size of a network is counted in: weights, parameters, multiply-adds, or time that was measured."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from ..catalogue.anatomy import Anatomy
from ..results import Result
from . import words

Across = Literal["kept", "effective", "parameters", "macs", "latency", "latency_128"]


class Size(NamedTuple):
    """`title`: of an axis; `short`: the same on a phone; `column`: of a table; `unit`: what is counted, empty for times."""

    title: str
    short: str
    column: str
    unit: str = ""

    def tick(self, x: float) -> str:
        """A size in a few signs: "266,200", "1.5 M", "2.1 ms"."""
        return words.counts(x) if self.unit else words.milliseconds(x)

    def told(self, x: float, whole: float) -> str:
        """A size in full, beside that of the full network."""
        if not self.unit:
            return f"{words.milliseconds(x)}{f', {whole / x:.3g} times faster than the full network' if x < whole else ''}"
        return f"{words.of(round(x), round(whole), self.unit)} ({words.share(x / whole)})"


SIZES: Mapping[Across, Size] = {
    "kept": Size("Weights kept", "Weights kept", "Weights kept", "weights"),
    "effective": Size("Weights on a path from input to output", "Weights on a path", "Weights on a path", "weights"),
    "parameters": Size("Parameters that are left", "Parameters", "Parameters", "parameters"),
    "macs": Size("Multiply-adds of one image, zeros not counted", "Multiply-adds", "Multiply-adds", "multiply-adds"),
    "latency": Size("Measured time for one image", "Time for one image", "Time for 1 image (ms)"),
    "latency_128": Size("Measured time for 128 images", "Time for 128 images", "Time for 128 images (ms)"),
}


def size_of(r: Result, network: Anatomy, across: Across) -> float | None:
    """The size of a finished run's network; None where it does not say. Runs from before it was counted say it where nothing but weights was removed."""
    if across == "kept":
        return r.weights_kept or None
    known: float | None = getattr(r, across)
    if known is None and across == "parameters" and r.spec.resolved_granularity == "weight" and r.weights_kept is not None:
        known = network.parameters - network.weights + r.weights_kept
    if known is None and across == "macs" and r.spec.resolved().criterion is None:
        known = network.macs
    return known or None


def whole_of(network: Anatomy, across: Across) -> float | None:
    """The full network's own; None for times, which only a measurement says."""
    return {"kept": network.weights, "effective": network.weights, "parameters": network.parameters, "macs": network.macs}.get(across)
