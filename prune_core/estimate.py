"""How long a plan will take: from speeds measured here, else from the model's reference."""

from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from statistics import median
from typing import Any, NamedTuple

from .catalogue import criteria
from .catalogue.criteria.options import DataOptions
from .events import Progress
from .memory import ranked
from .planning import plan, records
from .protocols.judge import sizes
from .spec import RunSpec
from .steps import Evaluate, Inherit, Measure, Prune, Remove, Score, Shrink, Step, Train

FORWARD = 1 / 3  # of a training step's time: a backward pass costs about two forward passes
IN_DOUBLE = 2  # measured: a pass in float64 takes 1.2 to 2 times one in float32, on one core
SOLVED = (
    5e9  # multiply-adds a second of products and factors of matrices in double precision; measured: 4 to 10 thousand million on one core
)
FIXED_TRAINING_IMAGES = 5_000  # measured before and after every pruning, beside the validation part
RECORDING = 2.5e-9  # seconds: measured, what a training step that records takes longer for each parameter, on one core
BATCH = 128  # images of a pass whose time is measured
LATENCY_PASSES = 60  # of the full network, the masked one and the smaller one, in turns; slow networks take fewer, fast ones more
RUNTIME_PASSES = 45  # what layers at several widths come to, in passes of the full network
OVERHEAD = 0.02  # seconds of a step, and of a scoring, beside its images: ranking, masks, files, events

Speeds = Mapping[tuple[str, str], float]


class Estimate(NamedTuple):
    """Seconds of every step of `plan(spec)`, in its order. `measured`: from runs of this model and data set here."""

    steps: tuple[float, ...]
    measured: bool

    @property
    def seconds(self) -> float:
        return sum(self.steps)


def estimate(spec: RunSpec, speeds: Speeds) -> Estimate:
    """What a run of the spec will take. `speeds`: (network, data set) -> measured seconds per epoch here."""
    image = epoch_seconds(spec, speeds) / spec.dataset_entry.train
    steps = plan(spec)
    noting = RECORDING * spec.model_entry.parameters if records(steps) else 0.0
    asked = (step.scorings if isinstance(step, Score) else 1 for step in steps)
    each = zip(steps, asked, parts_left(steps), strict=True)
    return Estimate(
        tuple(
            OVERHEAD * n + image * images(spec, step) + noting * iterations(spec, step) + solving(spec, step, left)
            for step, n, left in each
        ),
        (spec.network, spec.data) in speeds,
    )


def parts_left(steps: Sequence[Step]) -> Iterator[float]:
    """The part of the weights that is left at each step; at a pruning, after it."""
    left = 1.0
    for step in steps:
        left = 1 - step.sparsity if isinstance(step, Prune) else left
        yield left


def epoch_seconds(spec: RunSpec, speeds: Speeds) -> float:
    """Seconds of one pass over the training images."""
    return speeds.get((spec.network, spec.data)) or spec.model_entry.reference_seconds * spec.dataset_entry.train / 1000


def iterations(spec: RunSpec, step: Step) -> float:
    """Training steps, in all."""
    if not isinstance(step, Train):
        return 0.0
    return (step.until - step.start) * ceil(spec.dataset_entry.train / (spec.resolved().batch_size or 1))


def images(spec: RunSpec, step: Step) -> float:
    """The work of a step, in images trained on."""
    data = spec.dataset_entry
    match step:
        case Train():
            return (step.until - step.start) * data.train
        case Score():
            return step.scorings * scored(spec, step.criterion, step.options)
        case Measure(what="latency"):
            return FORWARD * BATCH * LATENCY_PASSES
        case Measure(what="runtime"):
            return FORWARD * BATCH * RUNTIME_PASSES
        case Shrink():
            return FORWARD * BATCH * (1 + IN_DOUBLE)
        case Measure(what="removal"):
            return FORWARD * IN_DOUBLE * step.options["images"] * (step.options["count"] + 1)
        case Measure(what="prediction"):
            return scored(spec, step.options["criterion"], step.options["options"])
        case Measure(what="sensitivity"):
            looks = FORWARD * data.validation * (len(step.options["sparsities"]) + 1)
            return looks + (scored(spec, step.options["criterion"], step.options["options"]) if asks(spec, step) else 0.0)
        case Inherit(what="start"):
            return 0.0
        case Prune() | Inherit():
            looks = 2 * FORWARD * (data.validation + min(FIXED_TRAINING_IMAGES, data.train))
            return looks + (scored(spec, *adjusting(spec)) if isinstance(step, Prune) and step.adjusts else 0.0)
        case Remove():
            return 2 * FORWARD * (data.validation + min(FIXED_TRAINING_IMAGES, data.train)) if step.looks else 0.0
        case Evaluate():
            return FORWARD * {"train": data.train, "validation": data.validation, "test": data.test}[step.part]
        case _:
            return 0.0


def scored(spec: RunSpec, criterion: str, told: Mapping[str, Any]) -> float:
    """The work of asking a criterion once."""
    options, data = criteria[criterion].options.model_validate(told), spec.dataset_entry
    if not isinstance(options, DataOptions):
        return 0.0
    return float(options.images(data) * options.passes(len(data.classes), ranked(spec, options)))


def asks(spec: RunSpec, step: Measure) -> bool:
    """Whether a measurement asks its criterion: of the layers that are cut one after another, the first asks for all."""
    return step.what == "prediction" or step.options["layer"] == next(iter(sizes(spec)))


def adjusting(spec: RunSpec) -> tuple[str, dict[str, Any]]:
    """The criterion that is asked once more where a pruning adjusts what is left."""
    assert spec.criterion is not None
    return spec.criterion, spec.criterion_options.model_dump()


def solving(spec: RunSpec, step: Step, left: float) -> float:
    """Seconds that a criterion's matrices take, with this part of the weights left."""
    match step:
        case Score():
            return matrices(spec, step.criterion, step.options, left)
        case Prune(adjusts=True):
            return matrices(spec, *adjusting(spec), left)
        case Measure(what="prediction" | "sensitivity") if asks(spec, step):
            return matrices(spec, step.options["criterion"], step.options["options"], 1.0)
        case _:
            return 0.0


def matrices(spec: RunSpec, criterion: str, told: Mapping[str, Any], left: float) -> float:
    """Seconds of a criterion's matrices for one asking."""
    options, data = criteria[criterion].options.model_validate(told), spec.dataset_entry
    if not isinstance(options, DataOptions):
        return 0.0
    return options.solving(ranked(spec, options), options.images(data), len(data.classes), left) / SOLVED


def seconds_left(spec: RunSpec, progress: Progress, epochs: Sequence[float], speeds: Speeds) -> float:
    """What a running run still needs. `epochs`: seconds of the epochs that it has trained, in order; the last few count."""
    each = median(epochs[-5:]) if epochs else epoch_seconds(spec, speeds)
    return each * max(0, progress.total - progress.done) / spec.dataset_entry.train
