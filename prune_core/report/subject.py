"""What a report is about: a run with everything that it said, as plain values."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from ..history import History
from ..results import Result, result

Scores = Mapping[str, Mapping[str, np.ndarray]]


class Subject(NamedTuple):
    """A run. `scores`: the arrays of its score files, by name, where it only scored; `weights_bytes`: size of the file of its final weights."""

    result: Result
    history: History
    name: str | None = None
    notes: str = ""
    message: str | None = None
    started: datetime | None = None
    ended: datetime | None = None
    attempts: int = 1
    scores: Scores = MappingProxyType({})
    weights_bytes: int | None = None

    @property
    def title(self) -> str:
        return self.result.title

    @property
    def trains(self) -> bool:
        return "training" in self.result.spec.protocol_entry.uses

    @property
    def prunes(self) -> bool:
        return "criterion" in self.result.spec.protocol_entry.uses and bool(self.history.prunings)


def subject(run: Any, history: History, scores: Scores | None = None, weights_bytes: int | None = None) -> Subject:
    """The subject of a stored run. run: anything with the fields of the store's Run."""
    return Subject(
        result(run), history, run.name, run.notes, run.message, run.started, run.ended, max(1, run.attempt), scores or {}, weights_bytes
    )
