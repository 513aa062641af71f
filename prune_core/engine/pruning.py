"""What a run does when units go: by the scores of a criterion, or as another run's masks say."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from ..events import Event, Pruned
from ..parents import mask_checksum
from ..steps import Granularity, Inherit, Prune
from .budgets import at_budget
from .checkpoint import load_weights, packed_masks
from .errors import RunError
from .inheriting import masks_for, refuse_strangers, start_from
from .masks import masks_from
from .paths import effective
from .scoring import adjusted, alive

if TYPE_CHECKING:
    from .execute import Execution


def prune(run: "Execution", step: Prune) -> Iterator[Event]:
    """Turn the last scores into masks, adjust what is left where the step says so, and put the masks on.

    Raises RunError where the counts that are asked for can't be had.
    """
    assert run.scores is not None
    assert run.criterion is not None
    network = run.network
    run.tell("Pruning")
    before, train_before = run.quality("validation"), run.quality("train")
    weights = network.parameters if step.granularity == "weight" else None
    living = alive(run.criterion, network, run.scores)
    chosen = step if step.budget == "units" else at_budget(run, step, run.scores, living)
    made, masks = masks_from(chosen, run.scores, living, run.spec.seed, weights)
    if run.spec.keep_weights == "each":
        run.files.save(f"weights-{run.number:04d}.safetensors", run.state(), {})
    if step.adjusts:
        run.tell("Adjusting what is left")
        network.put(adjusted(run.criterion, network, run.data, run.spec.seed, masks))
    network.apply_masks(network.channel_masks(masks) if step.granularity == "channel" else masks, run.optimiser)
    run.scores = None
    yield Pruned(
        round=step.round, sparsity=step.sparsity, kept=int(made.kept.sum()), units=made.kept.size,
        threshold=made.threshold, ties=made.ties, before=before, train_before=train_before, **after_pruning(run, step.granularity),
    )  # fmt: skip


def inherit(run: "Execution", step: Inherit) -> Iterator[Event]:
    """Take over masks, and weights where asked. Raises RunError where the parent isn't what the spec says."""
    assert run.spec.parent is not None
    run.tell("Taking over from the finished run")
    network, inherited = run.network, run.parents(run.spec.parent)
    if step.what == "start":
        start_from(run.spec, inherited, network)
        return
    refuse_strangers(run.spec, inherited)
    if step.what == "weights":
        if not inherited.weights:
            raise RunError(
                "parent: its final weights are not here; they did not travel with its bundle. Run it again, then train it longer."
            )
        if network.is_larger_than(inherited.weights):
            network.apply_masks(masks_for(step, run.spec, inherited, network), None)
            network.shrink()
            run.optimiser = run.new_optimiser()
        load_weights(network, {name: torch.from_numpy(weights.copy()) for name, weights in inherited.weights.items()})
    before, train_before = run.quality("validation"), run.quality("train")
    masks = masks_for(step, run.spec, inherited, network)
    if not masks:
        return
    network.apply_masks(masks, run.optimiser)
    layers = network.kept(step.granularity)
    kept, units = sum(layer.kept for layer in layers), sum(layer.units for layer in layers)
    yield Pruned(
        round=1, sparsity=1 - kept / units, kept=kept, units=units, threshold=None, ties=0, before=before, train_before=train_before,
        **after_pruning(run, step.granularity),
    )  # fmt: skip


def after_pruning(run: "Execution", granularity: Granularity) -> dict[str, Any]:
    """Save the masks; how the network stands under them, as the fields of a Pruned event."""
    network, file = run.network, f"masks-{run.number:04d}.safetensors"
    packed, shapes = packed_masks(network.masks)
    run.files.save(file, packed, {"shapes": json.dumps(shapes)})
    weights = network.kept_layers()
    return {
        "epoch": run.clock.epoch, "granularity": granularity, "layers": network.kept(granularity),
        "weights_kept": sum(w.kept for w in weights), "weights": sum(w.units for w in weights),
        "collapsed": tuple(w.name for w in weights if w.kept == 0),
        "after": run.quality("validation"), "train_after": run.quality("train"), "first_layer": network.first_layer(),
        "effective": sum(effective(network).values()), "masks_sha256": mask_checksum(packed, shapes), "file": file,
    }  # fmt: skip
