"""What the store hands out: runs, summaries, files, attempts, as frozen values, and the errors it raises."""

import json
import logging
import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal, NamedTuple, get_args

from pydantic import ValidationError
from sqlalchemy import Row

from ..events import Finished, Progress, Started
from ..spec import RunSpec
from ..wording import Problem, SpecError, shown

State = Literal["queued", "running", "finished", "failed", "cancelled"]
STATES: tuple[State, ...] = get_args(State)
ENDED: tuple[State, ...] = ("finished", "failed", "cancelled")
LONGEST_NAME, LONGEST_NOTES = 80, 2_000

log = logging.getLogger(__name__)


class StoreError(Exception):
    """Something about the store is wrong or refused, in one line for a person."""


class Unreadable(StoreError):  # noqa: N818
    """Something that was stored is damaged: asking again will not help."""


WAY_OUT = "If the database is damaged, stop Espalier and run `python -m prune_core repair`: it keeps all that can be read."


class Damaged(StoreError):  # noqa: N818
    """The database itself is damaged; `python -m prune_core repair` is the way out."""

    def __init__(self, how: str) -> None:
        super().__init__(
            f"The database is damaged ({how}). Stop Espalier and run `python -m prune_core repair`: it sets the damaged file aside and keeps "
            "every run that can be read."
        )


class NoSuchRun(StoreError):  # noqa: N818
    """There is no run of that id."""

    def __init__(self, run_id: object) -> None:
        super().__init__(f"run: there is no {shown(run_id)} in this store.")


class AttemptOver(Exception):  # noqa: N818
    """The attempt that wanted to write is over: the run has ended, or another attempt has taken it up. Nothing was written."""


class Summary(NamedTuple):
    """What a finished run came to. Accuracies are fractions, None where nothing was measured; `seconds` is its whole duration.

    `effective`: weights on some path from input to output; None for runs of versions that did not count them, as the fields after it.
    parameters: trainable numbers that were not removed; macs: multiply-adds of weights that are left; latency, latency_128: median seconds of a pass of
    one and of 128 images, None where they were not measured.
    """

    test_accuracy: float | None
    validation_accuracy: float | None
    weights_kept: int
    weights: int
    seconds: float
    at_chance: bool
    effective: int | None = None
    parameters: int | None = None
    macs: int | None = None
    latency: float | None = None
    latency_128: float | None = None

    @classmethod
    def of(cls, end: Finished) -> "Summary":
        test, validation = (None if quality is None else quality.accuracy for quality in (end.test, end.validation))
        effective = getattr(end, "effective", None)
        return cls(
            test, validation, end.weights_kept, end.weights, end.seconds, end.at_chance, effective, end.parameters, end.macs,
            *(end.latency or (None, None)),
        )  # fmt: skip


class Environment(NamedTuple):
    """What carries runs out: version of this software and of torch, and the device ("cpu", or a GPU's name). Equal ones repeat a run bit for bit."""

    code: str
    torch: str
    device: str

    @classmethod
    def of(cls, start: Started) -> "Environment":
        return cls(*(str(told)[:200] for told in (start.versions.get("espalier", "?"), start.versions.get("torch", "?"), start.device)))


class Run(NamedTuple):
    """A stored run at one moment. `version` grows with every change of it: an event, progress, its state, its name.

    `sweep`: the id of the one that queued it. `environment`: where it was started, None before. `parent`: the fingerprint of the run it starts from.
    """

    id: str
    spec: RunSpec
    name: str | None
    notes: str
    state: State
    example: bool
    created: datetime
    started: datetime | None
    ended: datetime | None
    attempt: int
    cancel_requested: bool
    version: int
    progress: Progress | None
    summary: Summary | None
    message: str | None
    fingerprint: str
    group: str
    sweep: str | None = None
    environment: Environment | None = None
    parent: str | None = None

    @property
    def title(self) -> str:
        return self.name or self.spec.title


class StoredFile(NamedTuple):
    """A file of a run: `name` as events call it, `kind` (masks, scores, weights, checkpoint, file), size and SHA-256."""

    name: str
    kind: str
    bytes: int
    sha256: str


class AttemptRecord(NamedTuple):
    """One try at a run. `further`: it stored an event or a checkpoint that was not there before."""

    number: int
    started: datetime
    ended: datetime | None
    why: str | None
    from_event: int
    further: bool
    threads: int
    host: str | None
    pid: int | None
    born: str | None
    beat: int
    heartbeat: datetime | None


# What a run's fields may be, in their order: SQLite keeps anything in any column.
TEXT, TIME = (str, type(None)), (datetime, type(None))
KINDS: tuple[type | tuple[type, ...], ...] = (
    str, RunSpec, TEXT, str, str, bool, datetime, TIME, TIME, int, bool, int, (Progress, type(None)), (Summary, type(None)), TEXT, str, str, TEXT,
    (Environment, type(None)), TEXT,
)  # fmt: skip


def run_of(row: Row[Any]) -> Run:
    """The run of a row of RUNS; Unreadable if the row is damaged."""
    try:
        run = Run(
            id=row.id, spec=spec_of(row.spec), name=row.name, notes=row.notes, state=row.state, example=row.example,
            created=row.created, started=row.started, ended=row.ended, attempt=row.attempt,
            cancel_requested=row.cancel_requested, version=row.version,
            progress=Progress(*json.loads(row.progress)) if row.progress else None,
            summary=Summary(*json.loads(row.summary)) if row.summary else None,
            message=row.message, fingerprint=row.fingerprint, group=row.family, sweep=row.sweep, parent=row.parent,
            environment=None if row.code is None else Environment(row.code, row.torch or "?", row.device or "?"),
        )  # fmt: skip
    except (SpecError, ValidationError, ValueError, TypeError, RecursionError) as error:
        raise Unreadable(f"run {row.id}: its row can't be read ({shown(str(error))}). {WAY_OUT}") from error
    if run.state not in STATES or not all(map(isinstance, run, KINDS)):
        wrong = [name for name, value, kinds in zip(Run._fields, run, KINDS, strict=True) if not isinstance(value, kinds)]
        raise Unreadable(f"run {row.id}: its row can't be read ({', '.join(wrong) or 'state'}: nothing that was ever written). {WAY_OUT}")
    return run


def readable(rows: list[Row[Any]]) -> list[Run]:
    """The runs of the rows that can be read; a damaged row is logged and hides no other."""
    runs = []
    for row in rows:
        try:
            runs.append(run_of(row))
        except StoreError as error:
            log.warning("%s", error)
    return runs


@lru_cache(maxsize=16_384)
def spec_of(text: str) -> RunSpec:
    """Specs are frozen, and a list of 500 runs is read again and again: parsed once for each text."""
    return RunSpec.model_validate(json.loads(text))


def facts_of(spec: RunSpec) -> dict[str, Any]:
    """The columns of a run that follow from its spec."""
    return {
        "spec": spec.model_dump_json(), "title": spec.title, "fingerprint": spec.fingerprint, "family": spec.group,
        "model": spec.network, "dataset": spec.data, "protocol": spec.protocol, "criterion": spec.resolved().criterion,
        "parent": spec.parent.fingerprint if spec.parent else None,
    }  # fmt: skip


def is_id(run_id: object) -> bool:
    """Whether it looks like an id of ours at all: a UUID in its usual spelling."""
    return isinstance(run_id, str) and re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", run_id) is not None


def checked_text(field: str, text: str, longest: int) -> str:
    """The text as it came, if a database can hold it; SpecError if not."""
    if len(text) > longest:
        raise SpecError([Problem(field, f"must have at most {longest:,} characters, got {len(text):,}.")])
    if "\0" in text or any("\ud800" <= c <= "\udfff" for c in text):
        raise SpecError([Problem(field, f"must be text without NUL and lone surrogates, got {shown(text)}.")])
    return text


def now() -> datetime:
    return datetime.now(UTC)
