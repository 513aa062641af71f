"""Runs to hold beside a finished one: its architecture from scratch, the dense network, controls for its mask (protocols.md, section 9).

From `history` alone: what a twin starts from is named by fingerprint, event and checksum, so that asking costs nothing.
"""

import math
from typing import Any, Literal, NamedTuple

from .events import Pruned
from .history import History
from .parents import mask_checksum
from .planning import plan
from .spec import TRAINING, Parent, RunSpec
from .steps import Prune, Remove, Train

TwinName = Literal["scratch_e", "equal_pipeline", "dense", "dense_longer", "random", "shuffled", "inverted"]
NO_MASKS = mask_checksum({}, {})


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
    if parent is None or spec is None or spec.parent is not None:
        return {}
    first, whole = dense_epochs(spec), spec.epochs
    days = f"{first} {'epoch' if first == 1 else 'epochs'}"
    masked = common(spec) | {
        "criterion": spec.criterion, "criterion_options": spec.criterion_options, "sparsity": spec.sparsity, "granularity": spec.granularity,
        "allocation": spec.allocation, "allocation_options": spec.allocation_options, "parent": parent,
    }  # fmt: skip
    scratch, dense = {**masked, "protocol": "from_scratch"}, {**common(spec), "protocol": "dense", "criterion": None}
    control = {**masked, "protocol": "mask_control", "epochs": whole}
    made = (
        Twin("scratch_e", "Scratch-E", f"The same architecture, drawn anew, trained {days}: as long as the dense network by itself.",
             RunSpec(**scratch, epochs=first)),
        Twin("equal_pipeline", "Equal pipeline", f"The same architecture, drawn anew, trained {whole} epochs: as long as all of the pruned run.",
             RunSpec(**scratch, epochs=whole)),
        Twin("dense", "Dense", f"The full network, trained {days}.", RunSpec(**dense, epochs=first)),
        Twin("dense_longer", "Dense-longer", f"The full network, trained {whole} epochs: as long as all of the pruned run.",
             RunSpec(**dense, epochs=whole)),
        Twin("random", "Random mask", "The same first weights, as many of them kept, anywhere.",
             RunSpec(**control, protocol_options={"mask": "random"})),
        Twin("shuffled", "Shuffled mask", "The same first weights, as many kept in each layer, chosen at random.",
             RunSpec(**control, protocol_options={"mask": "shuffled"})),
        Twin("inverted", "Inverted mask", "The same first weights, exactly the others kept.",
             RunSpec(**control, protocol_options={"mask": "inverted"})),
    )  # fmt: skip
    return {twin.name: twin for twin in made}


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
