"""Runs to hold beside a finished one: its architecture from scratch, the dense network, controls for its mask (protocols.md, section 9).

From `history` alone: what a twin starts from is named by fingerprint, event and checksum, so that asking costs nothing.
"""

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, Literal, NamedTuple, get_args

from .catalogue.shrunk import macs, profiled
from .events import Pruned
from .families import bottleneck, scaled_copy, width_multiplier
from .history import History
from .parents import mask_checksum
from .planning import plan
from .spec import TRAINING, Parent, RunSpec
from .steps import Prune, Remove, Train

TwinName = Literal[
    "scratch_e", "scratch_b", "equal_pipeline", "width_multiplier", "width_multiplier_b", "bottleneck", "bottleneck_b", "copy_half", "copy_double",
    "dense", "dense_longer", "random", "shuffled", "inverted",
]  # fmt: skip
NO_MASKS = mask_checksum({}, {})


SMALLER: Mapping[TwinName, tuple[str, str]] = {
    "width_multiplier": ("Width multiplier", "The network with all layers narrower by one factor"),
    "bottleneck": ("Bottleneck", "The network with fewer channels inside its blocks alone"),
}  # fmt: skip
BY_COMPUTE: Mapping[TwinName, TwinName] = {"width_multiplier": "width_multiplier_b", "bottleneck": "bottleneck_b"}
COPIES: Mapping[TwinName, tuple[str, Fraction]] = {"copy_half": ("half", Fraction(1, 2)), "copy_double": ("twice", Fraction(2))}
NEED_CHANNELS: tuple[TwinName, ...] = (*SMALLER, *BY_COMPUTE.values(), *COPIES)  # only where surgery made the network smaller


class Twin(NamedTuple):
    """A run to hold beside another. `title`: as people call it; `about`: what it shares with the other, in a sentence."""

    name: TwinName
    title: str
    about: str
    spec: RunSpec


def parent_of(history: History) -> Parent | None:
    """The masks that a finished run ended with, as what another run starts from. None for a run that pruned nothing or is not over."""
    at = next((n for n, event in reversed(list(enumerate(history.events))) if isinstance(event, Pruned)), None)
    if history.spec is None or history.finished is None or at is None:
        return None
    pruned = history.events[at]
    assert isinstance(pruned, Pruned)
    if pruned.masks_sha256 is None or pruned.file is None:
        return None
    return parent_at(history.spec, at, pruned.masks_sha256)


def parent_at(spec: RunSpec, event: int, checksum: str) -> Parent:
    return Parent(fingerprint=spec.fingerprint, group=spec.group, event=event, mask_checksum=checksum)


def twins(history: History) -> dict[TwinName, Twin]:
    """All of them for a finished run that pruned, at its seed; none for any other, nor for a run that is a twin itself."""
    parent, spec = parent_of(history), history.spec
    if parent is None or spec is None or spec.is_made_of_another:
        return {}
    first, whole = dense_epochs(spec), spec.epochs
    days = f"{first} {'epoch' if first == 1 else 'epochs'}"
    shared = {"shared": spec.protocol_options.shared} if spec.resolved_granularity == "channel" else {}  # type: ignore[attr-defined]
    masked = common(spec) | {
        "criterion": spec.criterion, "criterion_options": spec.criterion_options, "sparsity": spec.sparsity, "granularity": spec.granularity,
        "allocation": spec.allocation, "allocation_options": spec.allocation_options, "parent": parent, "protocol_options": shared,
    }  # fmt: skip
    left = macs_left(history)
    by_compute = equal_compute(first, spec.model_entry.macs, left)
    scratch, dense = {**masked, "protocol": "from_scratch"}, {**common(spec), "protocol": "dense", "criterion": None}
    control = {**masked, "protocol": "mask_control", "epochs": whole}
    made: tuple[Twin, ...] = (
        Twin("scratch_e", "Scratch-E", f"The same architecture, drawn anew, trained {days}: as long as the dense network by itself.",
             RunSpec(**scratch, epochs=first)),
        Twin("equal_pipeline", "Equal pipeline", f"The same architecture, drawn anew, trained {whole} epochs: as long as all of the pruned run.",
             RunSpec(**scratch, epochs=whole)),
        Twin("dense", "Dense", f"The full network, trained {days}.", RunSpec(**dense, epochs=first)),
        Twin("dense_longer", "Dense-longer", f"The full network, trained {whole} epochs: as long as all of the pruned run.",
             RunSpec(**dense, epochs=whole)),
        Twin("random", "Random mask", "The same first weights, as many of them kept, anywhere.",
             RunSpec(**control | {"protocol_options": {**shared, "mask": "random"}})),
        Twin("shuffled", "Shuffled mask", "The same first weights, as many kept in each layer, chosen at random.",
             RunSpec(**control | {"protocol_options": {**shared, "mask": "shuffled"}})),
        Twin("inverted", "Inverted mask", "The same first weights, exactly the others kept.",
             RunSpec(**control | {"protocol_options": {**shared, "mask": "inverted"}})),
    )  # fmt: skip
    if by_compute > first:
        about = f"The same architecture, drawn anew, trained {by_compute} epochs: with as many multiply-adds as the dense network by itself took."
        made = (*made, Twin("scratch_b", "Scratch-B", about, RunSpec(**scratch, epochs=by_compute)))
    found = {twin.name: twin for twin in (*made, *narrower(history, dense, first))}
    return {name: found[name] for name in get_args(TwinName) if name in found}


def narrower(history: History, dense: Mapping[str, Any], epochs: int) -> Iterator[Twin]:
    """Plainly smaller networks with at most as many parameters as surgery left, where there was any, and copies of what it left at other sizes.

    None where a family has none so small.
    """
    spec = history.spec
    if spec is None or history.shrunk is None or spec.model_options.profile:  # type: ignore[attr-defined]
        return
    entry, most, left = spec.model_entry, history.shrunk.parameters[1], {group.name: group.kept for group in history.shrunk.groups}

    def twin(name: TwinName, title: str, about: str, family: str, profile: tuple[int, ...], epochs: int) -> Twin:
        options = spec.model_options.model_copy(update={"profile": profile, "family": family}) if spec else None
        days = f"{epochs} {'epoch' if epochs == 1 else 'epochs'}"
        asked = {"model_options": options, "protocol_options": {"measure": ("latency",)}}
        return Twin(name, title, f"{about}, trained {days}.", RunSpec(**{**dense, **asked}, epochs=epochs))

    for name, family in (("width_multiplier", width_multiplier), ("bottleneck", bottleneck)):
        title, about = SMALLER[name]  # type: ignore[index]
        try:
            profile = family(entry, most).profile
        except ValueError:
            continue
        longer = equal_compute(epochs, entry.macs, macs(entry, profiled(entry, profile)))
        about = f"{about} and no more parameters"
        yield twin(name, title, about, title, profile, epochs)  # type: ignore[arg-type]
        if longer > epochs:
            yield twin(BY_COMPUTE[name], f"{title}, equal compute", about, title, profile, longer)  # type: ignore[index]
    for name, (times, factor) in COPIES.items():
        try:
            profile = scaled_copy(entry, left, int(most * factor)).profile
        except ValueError:
            continue
        about = f"The architecture that is left, scaled to {times} its parameters, drawn anew"
        yield twin(name, f"Copy, {times} the parameters", about, f"Copies of {spec.short_method}"[:40].strip(), profile, epochs)


def equal_compute(epochs: int, whole: int, left: int) -> int:
    """Epochs of a network of `left` multiply-adds that take as much as `epochs` of one of `whole`; never fewer, and as many where nothing is left."""
    return max(epochs, int(epochs * whole / left)) if left else epochs


def macs_left(history: History) -> int:
    """Multiply-adds of one image that a finished run's network takes: of what surgery left, else of the weights that are not 0."""
    if history.shrunk is not None:
        return history.shrunk.macs[1]
    positions = {layer.name: layer.positions for layer in history.spec.model_entry.layers} if history.spec else {}
    return sum(layer.kept * positions[layer.name] for layer in history.layers if layer.name in positions)


def train_longer(history: History, epochs: int) -> RunSpec:
    """The finished run, trained `epochs` more from its final weights, at the rate it ended with. Raises ValueError for one without weights."""
    spec, end = history.spec, history.finished
    if spec is None or end is None or end.file is None:
        raise ValueError("Only a finished run that was trained can be trained longer.")
    so_far = spec.epochs + int(getattr(spec.protocol_options, "after", 0))
    kept: dict[str, Any] = {
        "criterion": spec.criterion, "criterion_options": spec.criterion_options, "sparsity": spec.sparsity, "granularity": spec.granularity,
        "allocation": spec.allocation, "allocation_options": spec.allocation_options,
    }  # fmt: skip
    lr = history.epochs[-1].lr if history.epochs else spec.lr
    return RunSpec(
        **common(spec) | kept | {"lr": lr, "lr_milestones": ()},
        protocol="train_longer", protocol_options={"after": so_far}, epochs=epochs,
        parent=parent_at(spec, len(history.events) - 1, end.masks_sha256 or NO_MASKS),
    )  # fmt: skip


def common(spec: RunSpec) -> dict[str, Any]:
    """What every twin has in common with the run: network, data, recipe, seed, device."""
    fields = ("model", "model_options", "dataset", "dataset_options", "seed", "device", *TRAINING)
    return {field: getattr(spec, field) for field in fields}


def dense_epochs(spec: RunSpec) -> int:
    """Epochs of the dense network's own training: those before the first pruning, or all where pruning came first; rounded up."""
    before = 0.0
    for step in plan(spec):
        if isinstance(step, Prune | Remove):
            break
        if isinstance(step, Train) and step.looks:
            before = step.until
    return math.ceil(before) or spec.epochs
