"""Do criteria tell the truth? What removals really do, beside what was predicted (SNIP, equation 4), and layers pruned one at a time."""

from collections.abc import Mapping
from typing import Any

from .. import catalogue
from ..spec import RunSpec
from ..steps import Initialise, Measure, Step
from .phases import ending, phase


def plan(spec: RunSpec) -> list[Step]:
    """Draw the weights, train for all epochs (none: the network as it was drawn), then only measure."""
    return [Initialise(initialisation=spec.initialisation), *phase(spec, 0, spec.epochs), *judging(spec), *ending(spec)]


def judging(spec: RunSpec) -> list[Measure]:
    """For each layer the true effect of removals, for each criterion its prediction, then each layer pruned alone. Nothing is removed for good."""
    o: Any = spec.protocol_options
    sample = {name: n for name, n in strata(o.units, sizes(spec)).items() if n}
    steps = [
        Measure(what="removal", options={"layer": layer, "unit": o.unit, "count": n, "images": o.images}) for layer, n in sample.items()
    ]
    for name in o.criteria:
        steps.append(
            Measure(what="prediction", options={"criterion": name, "options": asked(name, o.n_examples), "unit": o.unit, "sample": sample})
        )
    for layer in sizes(spec):
        steps.append(
            Measure(
                what="sensitivity",
                options={
                    "layer": layer, "criterion": o.cut_by, "options": asked(o.cut_by, o.n_examples), "unit": o.unit,
                    "sparsities": list(o.sparsities),
                },
            )
        )  # fmt: skip
    return steps


def sizes(spec: RunSpec) -> dict[str, int]:
    """Units of every layer, or channels of every group, in the order of the network."""
    entry = spec.model_entry
    if getattr(spec.protocol_options, "unit", "weight") == "channel":
        return {group.name: group.channels for group in entry.channel_groups}
    return {layer.name: layer.weights for layer in entry.layers}


def strata(units: int, sizes: Mapping[str, int]) -> dict[str, int]:
    """How many units of each layer are drawn: as many from each as it has; what a small one lacks, larger ones give. In the order of `sizes`."""
    counts, left = dict.fromkeys(sizes, 0), units
    for i, name in enumerate(sorted(sizes, key=lambda n: sizes[n])):
        counts[name] = min(sizes[name], left // (len(sizes) - i))
        left -= counts[name]
    return counts


def asked(criterion: str, n_examples: int | None) -> dict[str, Any]:
    """The criterion's options: its own, on so many images where it looks at any."""
    entry = catalogue.criteria[criterion]
    told = {"n_examples": n_examples} if n_examples is not None and "data" in entry.needs else {}
    return entry.options(**told).model_dump(mode="json")
