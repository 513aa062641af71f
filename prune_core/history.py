"""Events folded into what people look at: curves, prunings, what is kept per layer."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from .events import (
    Cancelled,
    Epoch,
    Evaluated,
    Event,
    Failed,
    Finished,
    FirstLayer,
    LayerKept,
    Measured,
    Pruned,
    Removed,
    Scored,
    Shrunk,
    Started,
    Warned,
)
from .spec import RunSpec

E = TypeVar("E")


@dataclass(frozen=True)
class History:
    """A run as far as its events go, in their order. Any prefix of a run's events gives a history; the empty one has nothing in it."""

    events: tuple[Event, ...] = ()

    @classmethod
    def of(cls, events: Iterable[Event]) -> "History":
        return cls(tuple(events))

    def of_kind(self, kind: type[E]) -> tuple[E, ...]:
        return tuple(e for e in self.events if isinstance(e, kind))

    @cached_property
    def started(self) -> Started | None:
        return next(iter(self.of_kind(Started)), None)

    @cached_property
    def spec(self) -> RunSpec | None:
        """The resolved spec, as the run wrote it down at its start."""
        return RunSpec.model_validate(self.started.spec) if self.started else None

    @cached_property
    def validation(self) -> tuple[Evaluated, ...]:
        """Measurements on the validation part, in order of training."""
        return tuple(e for e in self.of_kind(Evaluated) if e.part == "validation")

    @cached_property
    def epochs(self) -> tuple[Epoch, ...]:
        return self.of_kind(Epoch)

    @cached_property
    def prunings(self) -> tuple[Pruned, ...]:
        return self.of_kind(Pruned)

    @cached_property
    def removals(self) -> tuple[Removed, ...]:
        return self.of_kind(Removed)

    @cached_property
    def shrunk(self) -> Shrunk | None:
        """The surgery that made the network smaller, if there was any."""
        return next(iter(self.of_kind(Shrunk)), None)

    @cached_property
    def scorings(self) -> tuple[Scored, ...]:
        return self.of_kind(Scored)

    @cached_property
    def measurements(self) -> tuple[Measured, ...]:
        return self.of_kind(Measured)

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        return tuple(e.message for e in self.of_kind(Warned))

    @cached_property
    def ending(self) -> Finished | Failed | Cancelled | None:
        """The last event, if the run is over."""
        last = self.events[-1] if self.events else None
        return last if isinstance(last, Finished | Failed | Cancelled) else None

    @cached_property
    def finished(self) -> Finished | None:
        return self.ending if isinstance(self.ending, Finished) else None

    @cached_property
    def layers(self) -> tuple[LayerKept, ...]:
        """What is left of every prunable layer now: from the last pruning, or the full layers before the first."""
        if self.finished:
            return self.finished.layers
        if self.prunings:
            return self.prunings[-1].layers
        if self.spec is None:
            return ()
        return tuple(LayerKept(name=layer.name, units=layer.weights, kept=layer.weights) for layer in self.spec.model_entry.layers)

    @cached_property
    def first_layer(self) -> FirstLayer | None:
        """What is left of the first layer now; None before anything was pruned or scored."""
        if self.finished:
            return self.finished.first_layer
        return self.prunings[-1].first_layer if self.prunings else None

    @property
    def weights_kept(self) -> int | None:
        """Prunable weights that are left; None where the run has not said anything yet."""
        if self.finished:
            return self.finished.weights_kept
        if self.prunings:
            return self.prunings[-1].weights_kept
        return self.spec.model_entry.weights if self.spec else None

    @property
    def weights(self) -> int | None:
        return self.spec.model_entry.weights if self.spec else None
