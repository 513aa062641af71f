"""How much memory a run takes, told from its spec before anything is allocated, and how much it may take here."""

from collections.abc import Sequence
from contextlib import suppress
from math import prod
from pathlib import Path
from typing import Any

import psutil

from .catalogue import Layer, Options, criteria
from .catalogue.criteria.options import DataOptions, ScopeOptions
from .planning import plan, records
from .settings import settings
from .spec import RunSpec
from .steps import Granularity, Measure, Step
from .wording import Problem

NUMBER = 4  # bytes of a float32
OF_A_PARAMETER = (
    15  # floats for each: value, gradient, two moments, mask, the same for a checkpoint, scores in double precision and their order
)
RECORDED = 6  # floats for each where training records: where it began, what it did to the loss, both in a checkpoint, and a step's own two
IN_DOUBLE = 2
FORWARD_AND_BACK = 2  # a gradient lies beside every activation at the worst moment
HELD_AT_ONCE = 5  # without a backward pass: what goes into an operation, what comes out, what a shortcut holds, what callers still hold
HELD = 18  # bytes of a weight for each criterion of a comparison: score, level, rank
EVALUATED_AT_ONCE = 1_000
SHARE = 0.9
CGROUP = Path("/sys/fs/cgroup/memory.max")


def needed(spec: RunSpec) -> dict[str, int]:
    """Bytes at the worst moment of a run, by the field that they come from. An estimate from above, without torch's own 200 MB."""
    spec = spec.resolved()
    return parts_of(spec, plan(spec))


def parts_of(spec: RunSpec, steps: Sequence[Step]) -> dict[str, int]:
    """The same of a resolved spec and its plan."""
    model, data = spec.model_entry, spec.dataset_entry
    pixels = prod(data.shape)
    image = NUMBER * (pixels + FORWARD_AND_BACK * model.activations)
    looked_at = NUMBER * (pixels + min(HELD_AT_ONCE * model.widest, FORWARD_AND_BACK * model.activations))
    examples, at_once, of_its_own = map(max, zip(*(scored(spec, options, unit) for options, unit in asked(spec, steps)), strict=True))
    return {
        "model": OF_A_PARAMETER * NUMBER * model.parameters,
        "dataset": pixels * (data.train + data.validation + data.test) + EVALUATED_AT_ONCE * looked_at,
        "batch_size": image * min(spec.batch_size or 0, data.train),
        "protocol_options.criteria": HELD * model.weights * compared(spec),
        "criterion": RECORDED * NUMBER * model.parameters * records(steps)
        + IN_DOUBLE * NUMBER * max(held(spec, options) for options, _ in asked(spec, steps)),
        "criterion_options.n_examples": NUMBER * pixels * examples,
        "criterion_options.scoring_batch": image * at_once,
        "criterion_options.per_sample_chunk": NUMBER * of_its_own,
        "protocol_options.images": IN_DOUBLE * NUMBER * pixels * getattr(spec.protocol_options, "images", 0),
    }


def compared(spec: RunSpec) -> int:
    """Criteria whose scores are held for a comparison."""
    options: Any = spec.protocol_options
    return len(options.criteria) if "agreement" in getattr(options, "measure", ()) else 0


def asked(spec: RunSpec, steps: Sequence[Step]) -> list[tuple[Options, Granularity | None]]:
    """Options of every criterion that the resolved spec asks, and what it ranks: its own, or those that are judged."""
    judging = [step.options for step in steps if isinstance(step, Measure) and "criterion" in step.options]
    judged = ((criteria[told["criterion"]].options.model_validate(told["options"]), told["unit"]) for told in judging)
    return [(spec.criterion_options, spec.granularity), *judged]


def held(spec: RunSpec, options: Options) -> int:
    """Numbers in double precision of a criterion's matrices."""
    return options.matrices(ranked(spec, options)) if isinstance(options, ScopeOptions) else 0


def too_many(spec: RunSpec, steps: Sequence[Step]) -> Problem | None:
    """Why a criterion of the resolved spec can't rank as many weights as the network has, in its words."""
    named = [criteria[name].options() for name in getattr(spec.protocol_options, "criteria", ())]
    field = "criterion_options.max_weights" if spec.criterion is not None else "protocol_options.criteria"
    for options in [*(options for options, _ in asked(spec, steps)), *named]:
        if isinstance(options, ScopeOptions) and (why := options.too_many(sum(layer.weights for layer in ranked(spec, options)))):
            return Problem(field, why)
    return None


def ranked(spec: RunSpec, options: ScopeOptions) -> list[Layer]:
    """The layers whose weights a criterion ranks."""
    return [layer for layer in spec.model_entry.layers if options.ranks(layer.name)]


def scored(spec: RunSpec, options: Options, unit: Granularity | None) -> tuple[int, int, int]:
    """(images that a scoring keeps, images in one pass, numbers of single images' own gradients); a channel's are one number an image."""
    if not isinstance(options, DataOptions):
        return 0, 0, 0
    examples = options.images(spec.dataset_entry)
    at_a_time = min(getattr(options, "per_sample_chunk", 0), examples) if unit == "weight" else 0
    return examples, min(options.scoring_batch, examples), at_a_time * options.gradients(ranked(spec, options))


def machine() -> int:
    """Bytes of this machine, or of the part of it that this process may use."""
    with suppress(OSError, ValueError):
        return min(psutil.virtual_memory().total, int(CGROUP.read_text()))
    return int(psutil.virtual_memory().total)


def allowed(there: int | None = None) -> float:
    """Bytes that one run may take: as configured, else nine tenths of the slots' share of the machine, or of `there`, a GPU's."""
    if settings().memory is not None:
        return 1e9 * settings().memory  # type: ignore[operator]
    return SHARE * (machine() / settings().slot_count if there is None else there)


def refusal(spec: RunSpec, limit: float) -> Problem | None:
    """Why the run must not begin, naming what takes most, the limit and how to raise it; None where it may."""
    spec = spec.resolved()
    steps = plan(spec)
    if problem := too_many(spec, steps):
        return problem
    parts = parts_of(spec, steps)
    total = sum(parts.values())
    if total <= limit:
        return None
    largest = max(parts, key=lambda field: parts[field])
    return Problem(
        largest,
        f"the run would take about {total / 1e9:,.1f} GB of memory, {parts[largest] / 1e9:,.1f} of them for this, and may take {limit / 1e9:,.1f}. "
        "Make it smaller, or set ESPALIER_MEMORY to more gigabytes.",
    )
