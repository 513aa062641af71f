"""What a worker may do with its run: append events, say how far it is, end it. Every write is fenced: it checks the attempt first."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from statistics import median_high
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, insert, select, update

from ..events import ENDINGS, LARGEST, Cancelled, Epoch, Event, Failed, Finished, Numbered, Progress, Started, from_json, to_json
from . import sweeps
from .files import AttemptFiles, tidy
from .records import AttemptOver, Environment, NoSuchRun, StoreError, Summary, now
from .tables import ATTEMPTS, EVENTS, RUNS

if TYPE_CHECKING:
    from .store import Store


class Attempt:
    """One try at a run, for its worker. Once the run is over or in other hands, every method raises AttemptOver and writes nothing."""

    def __init__(self, store: "Store", run_id: str, number: int) -> None:
        self.store, self.run_id, self.number = store, run_id, number
        self.files = AttemptFiles(self)

    def begin(self, host: str, pid: int, born: str) -> None:
        """Say which process this is, and clear away what earlier attempts left half written."""
        with self.writing() as connection:
            connection.execute(update(ATTEMPTS).where(self.mine).values(host=host, pid=pid, born=born, heartbeat=now()))
        tidy(self.store, self.run_id)

    def leave(self) -> None:
        """Clear away what was left half written, if the run is over: then nobody begins it again and does so."""
        if self.store.run(self.run_id).state in ENDINGS:
            tidy(self.store, self.run_id)

    def append(self, numbered: Numbered) -> None:
        """Store an event; it is on disk when this returns. An event that an earlier attempt has stored is skipped.

        The last event of a run takes the next free number and ends the run in the same transaction.
        """
        number, event = numbered
        ends = event.kind in ENDINGS
        with self.writing(changed=ends) as connection:
            next_event = next_number(connection, self.run_id)
            if ends:
                end(connection, self.run_id, self.number, event)
            elif number > next_event:
                raise StoreError(f"run {self.run_id}: event {number} came before event {next_event}.")
            elif number == next_event:
                add(connection, self.run_id, self.number, next_event, event)
        if ends:
            self.store.database.checkpoint()

    def fail(self, message: str) -> None:
        """End the run as failed, for a reason in words."""
        self.append(Numbered(-1, Failed(message=message)))

    def progress(self, progress: Progress) -> None:
        """Overwrite how far the run is."""
        with self.writing(changed=True) as connection:
            connection.execute(update(RUNS).where(RUNS.c.id == self.run_id).values(progress=json.dumps(progress)))

    def beat(self) -> bool:
        """Say that the worker lives; true if its run is to be cancelled."""
        with self.writing() as connection:
            connection.execute(update(ATTEMPTS).where(self.mine).values(beat=ATTEMPTS.c.beat + 1, heartbeat=now()))
            return bool(connection.scalar(select(RUNS.c.cancel_requested).where(RUNS.c.id == self.run_id)))

    def check(self) -> None:
        """AttemptOver if the run is not this attempt's any more: asked before a file is written, which nobody would know of."""
        mine = (RUNS.c.id == self.run_id) & (RUNS.c.state == "running") & (RUNS.c.attempt == self.number)
        with self.store.database.reading() as connection:
            if connection.execute(select(RUNS.c.id).where(mine)).first() is None:
                raise AttemptOver(f"run {self.run_id}: attempt {self.number} is over.")

    @contextmanager
    def writing(self, changed: bool = False, further: bool = False) -> Iterator[Connection]:
        """A transaction of this attempt: it holds the run's row, and fails if the run is not this attempt's any more."""
        with self.store.database.writing() as connection:
            hold(connection, self.run_id, self.number, changed)
            if further:
                connection.execute(update(ATTEMPTS).where(self.mine).values(further=True))
            yield connection

    @property
    def mine(self):  # type: ignore[no-untyped-def]  # SQLAlchemy has no short name for it
        return (ATTEMPTS.c.run == self.run_id) & (ATTEMPTS.c.number == self.number)


def hold(connection: Connection, run_id: str, attempt: int, changed: bool) -> None:
    """Lock the run's row for this transaction; AttemptOver unless it is running and in this attempt."""
    mine = (RUNS.c.id == run_id) & (RUNS.c.state == "running") & (RUNS.c.attempt == attempt)
    if connection.execute(update(RUNS).where(mine).values(version=RUNS.c.version + int(changed))).rowcount != 1:
        raise AttemptOver(f"run {run_id}: attempt {attempt} is over.")


def next_number(connection: Connection, run_id: str) -> int:
    number = connection.scalar(select(RUNS.c.next_event).where(RUNS.c.id == run_id))
    if number is None:
        raise NoSuchRun(run_id)
    return int(number)


def add(connection: Connection, run_id: str, attempt: int, number: int, event: Event) -> None:
    """Put an event that is new at the end of the run's."""
    data = to_json(event)
    if len(data.encode()) > LARGEST:
        raise StoreError(f"run {run_id}: event {number} ({event.kind}) has {len(data.encode()):,} bytes, at most {LARGEST:,} are kept.")
    connection.execute(insert(EVENTS).values(run=run_id, number=number, attempt=attempt, time=now(), kind=event.kind, data=data))
    place = Environment.of(event)._asdict() if isinstance(event, Started) else {}
    connection.execute(update(RUNS).where(RUNS.c.id == run_id).values(next_event=number + 1, version=RUNS.c.version + 1, **place))
    connection.execute(update(ATTEMPTS).where((ATTEMPTS.c.run == run_id) & (ATTEMPTS.c.number == attempt)).values(further=True))


def end(connection: Connection, run_id: str, attempt: int, event: Event) -> None:
    """The last event and the state it leads to, together."""
    add(connection, run_id, attempt, next_number(connection, run_id), event)
    facts: dict[str, Any] = {"state": event.kind, "ended": now(), "cancel_requested": False}
    if isinstance(event, Finished):
        facts |= {"summary": json.dumps(Summary.of(event)), "epoch_seconds": epoch_seconds(connection, run_id)}
    if isinstance(event, Failed):
        facts |= {"message": event.message}
    if isinstance(event, Cancelled | Failed | Finished):
        connection.execute(update(RUNS).where(RUNS.c.id == run_id).values(**facts))
        sweeps.parents_ended(connection, [run_id], event.kind)
    mine = (ATTEMPTS.c.run == run_id) & (ATTEMPTS.c.number == attempt) & ATTEMPTS.c.ended.is_(None)
    connection.execute(update(ATTEMPTS).where(mine).values(ended=now(), why=event.kind))


def epoch_seconds(connection: Connection, run_id: str) -> float | None:
    """Median duration of the run's last hundred epochs; None for a run without any. One that can't be read must not keep a run from its end."""
    query = select(EVENTS.c.data).where(EVENTS.c.run == run_id, EVENTS.c.kind == "epoch").order_by(EVENTS.c.number.desc()).limit(100)
    seconds = list[float]()
    for data in connection.scalars(query):
        with suppress(ValueError, TypeError):
            event = from_json(data)
            seconds += [event.seconds] if isinstance(event, Epoch) else []
    return median_high(seconds) if seconds else None
