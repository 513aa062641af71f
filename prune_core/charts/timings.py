"""What runs say of measured times, read from their events; whatever does not read like one is none."""

from collections.abc import Iterator
from typing import TypeVar

from pydantic import BaseModel, Field, ValidationError

from ..history import History

M = TypeVar("M", bound=BaseModel)


class Took(BaseModel):
    """Seconds of a pass of `n` images: median and quartiles over `rounds` passes."""

    median: float = Field(gt=0)
    low: float = Field(ge=0)
    high: float = Field(ge=0)
    rounds: int = Field(ge=1)
    n: int = Field(ge=1)


class Both(BaseModel):
    """A network's times for one image and for many."""

    batch_1: Took
    batch_128: Took


class Latency(Both):
    """Of the run's network; `whole` and `masked` of those beside it. bytes, memory: by network; layers: seconds by network and layer."""

    threads: int = 1
    bytes: dict[str, int] = {}
    memory: dict[str, int] = {}
    layers: dict[str, dict[str, float]] = {}
    whole: Both | None = None
    masked: Both | None = None


class Point(BaseModel):
    """A timing of a layer, and what the model says of it."""

    layer: str
    rows: int
    columns: int
    measured: float = Field(gt=0)
    predicted: float = Field(ge=0)
    held: bool


class Runtime(BaseModel):
    """A model of what layers take, and the timings that it was fitted to or tried on."""

    images: int
    coefficients: dict[str, tuple[float, float, float, float]]
    points: tuple[Point, ...]


def latency_of(history: History) -> Latency | None:
    """The last measurement of time; None where there is none."""
    return next(read(history, "latency", Latency), None)


def runtime_of(history: History) -> Runtime | None:
    """The model that was fitted; None where there is none."""
    return next(read(history, "runtime", Runtime), None)


def read(history: History, what: str, kind: type[M]) -> Iterator[M]:
    for event in reversed(history.measurements):
        if event.what == what:
            try:
                yield kind.model_validate(event.values)
            except ValidationError:
                continue
