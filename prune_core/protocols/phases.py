"""Training phases of a resolved spec, and its end."""

from collections.abc import Mapping
from typing import Any, Literal

from ..spec import RunSpec
from ..steps import Evaluate, Inherit, Initialise, Measure, Shrink, Step, Train
from .schedules import score_and_prune

Order = Literal["order", "reorder"]


def beginning(spec: RunSpec, scale: float = 1.0) -> list[Step]:
    """Draw all weights; where the spec names a run to start from, take over that run's. scale: where batch norm's scales begin."""
    draw = Initialise(initialisation=spec.initialisation, scale=scale)
    return [draw] if spec.parent is None else [draw, Inherit(what="start")]


def phase(spec: RunSpec, start: float, until: float, order: Order = "order", order_from: int = 0) -> list[Train]:
    """Train from epoch `start` to `until`, the rate falling at the spec's fractions of this phase. No step where there is nothing to train.

    order, order_from: the random stream that shuffles the images, and its index at the run's first epoch.
    """
    if until <= start:
        return []
    assert spec.lr is not None
    milestones = tuple(start + (until - start) * f for f in spec.lr_milestones or ())
    return [Train(start=start, until=until, lr=spec.lr, milestones=milestones, order=order, order_from=order_from)]


def pulled(spec: RunSpec, by: Mapping[str, float]) -> list[Step]:
    """Training that pulls structures to 0, one pruning of a resolved spec, and the rest of the epochs for fine-tuning. by: fields of the training."""
    options: Any = spec.protocol_options
    cut = spec.epochs * (1 - options.finetune)
    first = [step.model_copy(update=dict(by)) for step in phase(spec, 0, cut)]
    rest = [Train(start=cut, until=spec.epochs, lr=options.finetune_lr)] if spec.epochs > cut else []
    return [*first, *score_and_prune(spec, spec.sparsity, 1), *surgery(spec), *rest, *ending(spec)]


def surgery(spec: RunSpec) -> list[Step]:
    """Once the last channel is removed, the network is made smaller; nothing where weights are removed, whose places stay."""
    return [Shrink()] if spec.resolved_granularity == "channel" else []


def ending(spec: RunSpec) -> list[Step]:
    """The measurements that the options ask for, what surgery came to where there was any, then the test part, once."""
    options: Any = spec.protocol_options
    asked = dict.fromkeys([*options.measure, *(["latency"] if surgery(spec) and spec.criterion else [])])
    return [*(Measure(what=what) for what in asked), Evaluate(part="test")]
