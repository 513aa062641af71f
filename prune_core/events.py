"""What a run says while it goes, as frozen data with JSON in and out. Numbered from 0 in each run; each stays under 64 KB."""

import json
from math import prod
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import ConfigDict, Field, TypeAdapter, model_validator
from pydantic.dataclasses import dataclass

from .steps import Step

LARGEST = 64 * 1024
CONFIG = ConfigDict(extra="forbid", ser_json_inf_nan="strings")
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0, le=2**53)]


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class LayerKept:
    """One prunable tensor. `units` of it can be pruned (weights, or channels), `kept` are left; `dead` outputs have no input left."""

    name: str
    units: Count
    kept: Count
    dead: Count = 0


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Quality:
    """Loss (mean cross-entropy) and accuracy (0 to 1) on `n` examples, and the accuracy of each class (None: no example of it)."""

    loss: float
    accuracy: Share
    n: Count
    per_class: tuple[Share | None, ...] = ()


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class FirstLayer:
    """What is left of the first layer. Dense: kept weights of each input pixel, of `of` units. Convolution: kept weights of each filter.

    `pixels`: shape (height, width), counts row by row. `filters`: shape (filters, height, width), counts summed over input channels.
    """

    layout: Literal["pixels", "filters"]
    shape: tuple[Count, ...]
    of: Count
    counts: tuple[Count, ...]

    @model_validator(mode="after")
    def has_a_count_for_each_place(self) -> Self:
        if len(self.counts) != prod(self.shape) or len(self.shape) != {"pixels": 2, "filters": 3}[self.layout]:
            raise ValueError(f"{len(self.counts):,} counts do not fill a shape of {self.shape}")
        return self


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Histogram:
    """Scores of one layer: `counts[i]` non-zero scores lie in decade bin i between 10**edges[i] and 10**edges[i + 1]; `zeros` are exactly 0."""

    name: str
    edges: tuple[float, ...]
    counts: tuple[Count, ...]
    zeros: Count


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Started:
    """The resolved spec and what it is carried out with. `plan` is empty where it would not fit into an event: `plan(spec)` says it again."""

    spec: dict[str, Any]
    plan: tuple[Step, ...]
    parameters: tuple[tuple[str, tuple[int, ...], bool], ...]
    versions: dict[str, str]
    device: str
    threads: Count
    train: Count
    validation: Count
    test: Count
    kind: Literal["started"] = "started"


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Scored:
    """Scores were computed. `kept`: per sparsity asked, the kept units of each layer (for looking; empty before a pruning).

    Of a network with so many layers that they would not fit into an event, `kept` has one number for all of them.
    `scorings`: how often the criterion was asked until these scores, in rounds that each removed something.
    """

    epoch: Amount
    criterion: str
    options: dict[str, Any]
    seconds: Amount
    histograms: tuple[Histogram, ...]
    sparsities: tuple[float, ...] = ()
    kept: tuple[tuple[int, ...], ...] = ()
    layers: tuple[str, ...] = ()
    first_layer: FirstLayer | None = None
    file: str | None = None
    scorings: Count = 1
    kind: Literal["scored"] = "scored"


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Pruned:
    """Units were removed. Validation part and 5,000 fixed training images, before and after, the same examples both times.

    `effective`: weights left on some path from input to output. `masks_sha256`: of all masks, as `parents.mask_checksum` has it; the file has them.
    """

    epoch: Amount
    round: Count
    sparsity: Share
    granularity: Literal["weight", "channel"]
    layers: tuple[LayerKept, ...]
    kept: Count
    units: Count
    weights_kept: Count
    weights: Count
    threshold: float | None
    ties: Count
    collapsed: tuple[str, ...]
    before: Quality
    after: Quality
    train_before: Quality
    train_after: Quality
    first_layer: FirstLayer
    effective: Count | None = None
    masks_sha256: str | None = None
    file: str | None = None
    kind: Literal["pruned"] = "pruned"


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Removed:
    """One channel was removed: its place in its group as built. All removals of a run in their order give the network at any point of its curve.

    score: of the criterion; saved: what it cost, as a part of the whole network's cost (None where cost was not asked for). parameters, macs: left after it.
    """

    epoch: Amount
    number: Count
    group: str
    channel: Count
    score: float
    saved: float | None
    parameters: Count
    macs: Count
    kind: Literal["removed"] = "removed"


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Shrunk:
    """Removed channels were taken out. `groups`: channels of every group before and after.

    silent: groups that lost all their channels, of which one stays and is held at 0: a convolution without outputs can't be built.
    parameters, macs: (before, after), of the network and of one image. difference: the largest between the outputs of the masked and of the smaller
    network on `images` validation images, as a part of the largest output, in double precision; single: the same in single precision.
    """

    epoch: Amount
    groups: tuple[LayerKept, ...]
    silent: tuple[str, ...]
    parameters: tuple[Count, Count]
    macs: tuple[Count, Count]
    difference: Amount
    single: Amount
    images: Count
    kind: Literal["shrunk"] = "shrunk"


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Evaluated:
    epoch: Amount
    part: Literal["train", "validation", "test"]
    quality: Quality
    kind: Literal["evaluated"] = "evaluated"


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Epoch:
    """One epoch of training is over. `loss` and `accuracy` are running means in training mode over its examples."""

    epoch: Amount
    loss: float
    accuracy: Share
    lr: float
    seconds: Amount
    kind: Literal["epoch"] = "epoch"


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Measured:
    """A measurement that only reads."""

    epoch: Amount
    what: str
    values: dict[str, Any]
    kind: Literal["measured"] = "measured"


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Warned:
    """Something that the reader should know; the run goes on."""

    epoch: Amount
    message: str
    kind: Literal["warning"] = "warning"


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Finished:
    """The end. `test` and `validation` are None where nothing was trained or measured (a scoring run). `file` has the weights.

    `masks_sha256` is None where nothing was pruned. `parameters`: trainable numbers that were not removed; `macs`: multiply-adds of one image by weights
    that are left, zeros not counted; `latency`: median seconds of a pass of 1 and of 128 images, None where they were not measured.
    """

    epoch: Amount
    seconds: Amount
    test: Quality | None
    validation: Quality | None
    layers: tuple[LayerKept, ...]
    weights_kept: Count
    weights: Count
    at_chance: bool
    first_layer: FirstLayer
    weights_sha256: str
    effective: Count | None = None
    masks_sha256: str | None = None
    parameters: Count | None = None
    macs: Count | None = None
    latency: tuple[Amount, Amount] | None = None
    file: str | None = None
    kind: Literal["finished"] = "finished"


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Failed:
    """The run stopped by an error; the traceback is in its log."""

    message: str
    kind: Literal["failed"] = "failed"


@dataclass(frozen=True, kw_only=True, config=CONFIG)
class Cancelled:
    epoch: Amount
    kind: Literal["cancelled"] = "cancelled"


Event = Annotated[
    Started | Scored | Pruned | Removed | Shrunk | Evaluated | Epoch | Measured | Warned | Finished | Failed | Cancelled,
    Field(discriminator="kind"),
]
EVENT: TypeAdapter[Event] = TypeAdapter(Event, config=ConfigDict(ser_json_inf_nan="strings"))
ENDINGS = ("finished", "failed", "cancelled")


class Numbered(NamedTuple):
    """An event with its number in the run."""

    number: int
    event: Event

    def json(self) -> str:
        """One line of JSON: number and kind first, then the rest of the event."""
        return json.dumps({"number": self.number, "kind": self.event.kind, **json.loads(to_json(self.event))})


class Progress(NamedTuple):
    """Where a run is, overwritten in place: never an event. `done` of `total` are images of training and scoring seen."""

    epoch: float
    epochs: float
    done: int
    total: int
    doing: str


def to_json(event: Event) -> str:
    return EVENT.dump_json(event).decode()


def from_json(text: str | bytes) -> Event:
    """The event of a JSON text; raises pydantic.ValidationError on anything else."""
    return EVENT.validate_json(text)
