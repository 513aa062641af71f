"""What the supervisor does with runs: hands them out, takes back those that lost their worker, ends those to be cancelled."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, func, insert, select, update
from sqlalchemy.exc import OperationalError, StatementError

from ..events import Cancelled, Failed, Progress, to_json
from ..settings import settings
from ..wording import shown
from .attempts import end, hold
from .lease import Lease, renewed
from .records import AttemptRecord, NoSuchRun, Run, StoreError, now, run_of
from .sweeps import chunks, parents_ended
from .tables import ATTEMPTS, EVENTS, RUNS

if TYPE_CHECKING:
    from .store import Store

log = logging.getLogger(__name__)

TRIES = 3
UNDER_WAY = (
    select(
        RUNS.c.id,
        RUNS.c.attempt,
        RUNS.c.cancel_requested,
        ATTEMPTS.c.host,
        ATTEMPTS.c.pid,
        ATTEMPTS.c.born,
        ATTEMPTS.c.beat,
    )
    .outerjoin(ATTEMPTS, (ATTEMPTS.c.run == RUNS.c.id) & (ATTEMPTS.c.number == RUNS.c.attempt))
    .where(RUNS.c.state == "running")
)
WAITING = select(RUNS.c.id).where(RUNS.c.state == "queued").limit(1)


class QueueFull(StoreError):  # noqa: N818
    """So many runs wait that no more are taken."""

    def __init__(self, waiting: int, wanted: int, limit: int) -> None:
        more = "one more" if wanted == 1 else f"{wanted:,} more"
        super().__init__(
            f"queue: {waiting:,} runs wait already, and {more} would be over the limit of {limit:,}. "
            "Wait, cancel some, or start Espalier with ESPALIER_QUEUE set to a larger number."
        )


class Claim(NamedTuple):
    """A run that was handed out: this attempt of it is to be carried out with so many threads."""

    run: Run
    attempt: int
    threads: int


class Running(NamedTuple):
    """A run that is under way, with what is known of its worker. `beat` grows while the worker lives."""

    run_id: str
    attempt: int
    cancel_requested: bool
    host: str | None
    pid: int | None
    born: str | None
    beat: int


def make_room(connection: Connection, wanted: int = 1) -> None:
    """Part of the transaction that queues so many runs. Raises QueueFull where that would be too many."""
    waiting, limit = connection.scalar(select(func.count()).where(RUNS.c.state == "queued")) or 0, settings().queue
    if waiting + wanted > limit:
        raise QueueFull(waiting, wanted, limit)


def claim(store: "Store", lease: Lease, threads: int) -> Claim | None:
    """Hand out the oldest queued run; None if there is none. A resumed run keeps the threads it began with.

    Raises LeaseLost if the supervisor that asks is not the store's any more.
    """
    with store.database.writing() as connection:
        renewed(connection, lease)
        row = connection.execute(select(RUNS).where(RUNS.c.state == "queued").order_by(RUNS.c.position).limit(1)).first()
        if row is None:
            return None
        with given_up_if_damaged(connection, row):
            return handed_out(connection, row, threads)
        return None


def handed_out(connection: Connection, row: Row[Any], threads: int) -> Claim | None:
    """The queued run of the row, under way from now on; None if it is not to be carried out, for what it says itself."""
    before = connection.scalar(select(ATTEMPTS.c.threads).where(ATTEMPTS.c.run == row.id).order_by(ATTEMPTS.c.number.desc()).limit(1))
    threads, number = before or threads, row.attempt + 1
    facts = {"state": "running", "attempt": number, "started": row.started or now(), "version": row.version + 1}
    connection.execute(update(RUNS).where(RUNS.c.id == row.id, RUNS.c.state == "queued").values(**facts))
    connection.execute(insert(ATTEMPTS).values(run=row.id, number=number, started=now(), from_event=row.next_event, threads=threads))
    claimed = connection.execute(select(RUNS).where(RUNS.c.id == row.id)).one()
    try:
        return Claim(run_of(claimed), number, threads)
    except StoreError as error:
        end(connection, row.id, number, Failed(message=str(error)))
        return None


@contextmanager
def given_up_if_damaged(connection: Connection, row: Row[Any]) -> Iterator[None]:
    """A row that nothing can be done with, not even end it in good order, fails its run and holds up no other."""
    try:
        with connection.begin_nested():
            yield
    except (StoreError, StatementError, TypeError, ValueError) as error:
        if isinstance(error, OperationalError):
            raise
        message = f"What the database says of this run is damaged, so it can't go on ({shown(' '.join(str(error).split()))})."
        log.warning("Run %s: %s", row.id, message)
        facts = {"state": "failed", "ended": now(), "message": message, "cancel_requested": False}
        connection.execute(update(RUNS).where(RUNS.c.position == row.position).values(**facts))
        connection.execute(update(ATTEMPTS).where(ATTEMPTS.c.run == row.id, ATTEMPTS.c.ended.is_(None)).values(ended=now(), why="failed"))
        parents_ended(connection, [row.id], "failed")


def register(store: "Store", run_id: str, attempt: int, host: str, pid: int, born: str) -> None:
    """Note which process carries out an attempt, so that another supervisor finds it."""
    with store.database.writing() as connection:
        mine = (ATTEMPTS.c.run == run_id) & (ATTEMPTS.c.number == attempt)
        connection.execute(update(ATTEMPTS).where(mine).values(host=host, pid=pid, born=born))


def under_way(store: "Store") -> tuple[bool, list[Running]]:
    """Whether any run is queued, and those that are running."""
    with store.database.reading() as connection:
        waiting = connection.execute(WAITING).first() is not None
        rows = connection.execute(UNDER_WAY).all()
    return waiting, [Running(r.id, r.attempt, r.cancel_requested, r.host, r.pid, r.born, r.beat or 0) for r in rows]


def requeue(store: "Store", run_id: str, attempt: int, why: str) -> str:
    """Take back a run whose worker is gone: queued again, cancelled if that was asked, failed after three attempts that got no further.

    Returns the state it is in now; raises AttemptOver if the attempt had ended by itself.
    """
    with store.database.writing() as connection:
        hold(connection, run_id, attempt, changed=True)
        row = connection.execute(select(RUNS).where(RUNS.c.id == run_id)).one()
        with given_up_if_damaged(connection, row):
            return taken_back(connection, row, attempt, why)
        return "failed"


def taken_back(connection: Connection, row: Row[Any], attempt: int, why: str) -> str:
    """The state that a run without a worker is in from now on."""
    if row.cancel_requested:
        end(connection, row.id, attempt, cancelled(row.progress))
        return "cancelled"
    if barren(connection, row.id) >= TRIES:
        message = f"Gave up after {TRIES} attempts in a row that got no further: {why}. The log says more."
        end(connection, row.id, attempt, Failed(message=message))
        return "failed"
    connection.execute(update(RUNS).where(RUNS.c.id == row.id).values(state="queued"))
    connection.execute(update(ATTEMPTS).where(ATTEMPTS.c.run == row.id, ATTEMPTS.c.number == attempt).values(ended=now(), why=why))
    return "queued"


def barren(connection: Connection, run_id: str) -> int:
    """Attempts since the last one that stored something new, the present one counted too."""
    query = select(ATTEMPTS.c.further).where(ATTEMPTS.c.run == run_id).order_by(ATTEMPTS.c.number.desc()).limit(TRIES)
    count = 0
    for further in connection.scalars(query):
        if further:
            break
        count += 1
    return count


def request_cancel(store: "Store", run_id: str) -> None:
    """A queued run is cancelled at once, a running one is marked for the supervisor, one that is over stays as it is."""
    with store.database.writing() as connection:
        state = connection.scalar(select(RUNS.c.state).where(RUNS.c.id == run_id).with_for_update())
        if state is None:
            raise NoSuchRun(run_id)
        cancel_all(connection, RUNS.c.id == run_id)


def cancel_all(connection: Connection, which: ColumnElement[bool]) -> None:
    """End those of the runs that are queued, mark those that are running. In few statements: a sweep may have a thousand."""
    columns = (RUNS.c.id, RUNS.c.state, RUNS.c.attempt, RUNS.c.next_event, RUNS.c.progress)
    query = select(*columns).where(which, RUNS.c.state.in_(("queued", "running"))).order_by(RUNS.c.position).with_for_update()
    rows, moment = connection.execute(query).all(), now()
    queued = [row for row in rows if row.state == "queued"]
    if queued:
        common = {"time": moment, "kind": "cancelled"}
        last = [
            common | {"run": row.id, "number": row.next_event, "attempt": row.attempt, "data": to_json(cancelled(row.progress))}
            for row in queued
        ]
        connection.execute(insert(EVENTS), last)
    for ids in chunks([row.id for row in queued]):
        facts = {"state": "cancelled", "ended": moment, "cancel_requested": False, "message": None}
        ended = facts | {"next_event": RUNS.c.next_event + 1, "version": RUNS.c.version + 1}
        connection.execute(update(RUNS).where(RUNS.c.id.in_(ids)).values(ended))
        connection.execute(
            update(ATTEMPTS).where(ATTEMPTS.c.run.in_(ids), ATTEMPTS.c.ended.is_(None)).values(ended=moment, why="cancelled")
        )
        parents_ended(connection, ids, "cancelled")
    for ids in chunks([row.id for row in rows if row.state == "running"]):
        marked = RUNS.c.id.in_(ids) & RUNS.c.cancel_requested.is_(False)
        connection.execute(update(RUNS).where(marked).values(cancel_requested=True, version=RUNS.c.version + 1))


def cancelled(progress: str | None) -> Cancelled:
    return Cancelled(epoch=Progress(*json.loads(progress)).epoch if progress else 0.0)


def attempts(store: "Store", run_id: str) -> list[AttemptRecord]:
    """Every try at the run, the first one first."""
    columns = [ATTEMPTS.c[field] for field in AttemptRecord._fields]
    with store.database.reading() as connection:
        return [
            AttemptRecord(*row) for row in connection.execute(select(*columns).where(ATTEMPTS.c.run == run_id).order_by(ATTEMPTS.c.number))
        ]
