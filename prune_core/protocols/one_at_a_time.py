"""One channel at a time (Theis et al. 2018; Crowley et al. 2018)."""

from math import ceil
from typing import Any

from ..counting import kept
from ..spec import RunSpec
from ..steps import Measure, Remove, Score, Step, Train
from .phases import beginning, ending, phase, surgery

GATHERED = "fisher"  # the criterion whose signal training gathers by itself


def plan(spec: RunSpec) -> list[Step]:
    """Train dense for what the removals leave of the epochs; then, for every removal, train `every` steps and remove one channel; and as many at the end.

    The published code ends with a removal: its last network has not been trained since.
    """
    options: Any = spec.protocol_options
    removals, first = removals_of(spec), dense_epochs(spec)
    each = options.every / steps_per_epoch(spec)
    looks = {ceil(removals * i / options.looks) for i in range(1, options.looks + 1)}
    timing = [Measure(what="runtime")] if removals and options.cost == "latency" and options.value != "delta" else []
    steps: list[Step] = [*beginning(spec), *phase(spec, 0, first), *timing]
    for r in range(1, removals + 1):
        start, until = first + each * (r - 1), first + each * r
        steps.append(Train(start=start, until=until, lr=options.finetune_lr, gathers=spec.criterion == GATHERED, looks=False))
        if spec.criterion != GATHERED:
            assert spec.criterion is not None
            steps.append(
                Score(criterion=spec.criterion, options=spec.criterion_options.model_dump(mode="json"), granularity="channel", round=r)
            )
        steps.append(
            Remove(
                number=r,
                of=removals,
                sparsity=r / spec.model_entry.channels,
                value=options.value,
                beta=options.beta,
                cost=options.cost,
                keep_min=options.keep_min,
                limits=options.most,
                looks=r in looks,
            )
        )
    last = Train(start=spec.epochs - each, until=spec.epochs, lr=options.finetune_lr)
    return [*steps, *surgery(spec), *([last] if removals else ()), *ending(spec)]


def removals_of(spec: RunSpec) -> int:
    """Channels that go, one by one."""
    return spec.model_entry.channels - kept(spec.model_entry.channels, spec.sparsity)


def stretches(removals: int) -> int:
    """How often it trains a while: before every removal, and after the last."""
    return removals + 1 if removals else 0


def steps_per_epoch(spec: RunSpec) -> int:
    return ceil(spec.dataset_entry.train / (spec.batch_size or 1))


def dense_epochs(spec: RunSpec) -> float:
    """What the removals leave of the epochs."""
    options: Any = spec.protocol_options
    return spec.epochs - stretches(removals_of(spec)) * options.every / steps_per_epoch(spec)
