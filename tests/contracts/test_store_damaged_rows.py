"""A row of nonsense, in any column: the run that it is of is held up by it, and no other."""

from contextlib import suppress

import pytest
from sqlalchemy import text

from prune_core.spec import RunSpec
from prune_core.store import AttemptOver, StoreError, queue
from prune_core.store.lease import Lease, lease, take

SUPERVISOR = Lease("0" * 36, "here", 1, "then")
COLUMNS = {
    "runs": (
        "spec", "title", "fingerprint", "family", "name", "notes", "created", "started", "attempt", "next_event", "progress", "summary", "message",
        "epoch_seconds", "cancel_requested", "version", "sweep", "parent",
    ),
    "attempts": ("number", "started", "ended", "why", "from_event", "further", "threads", "host", "pid", "born", "beat"),
}  # fmt: skip
NONSENSE = ("", "{", "nonsense", "null", "[]", "-1", -1, 0, 2, 10**12, 1.5, b"\xff\xfe\x00", None)


def hurt(store, table: str, column: str, value: object, run_id: str) -> None:
    """Put the value there, if the database takes it at all."""
    key = "id" if table == "runs" else "run"
    with suppress(StoreError), store.database.writing() as connection:
        connection.execute(text(f"UPDATE {table} SET {column} = :value WHERE {key} = :run"), {"value": value, "run": run_id})


def work_through(store) -> None:
    """What a supervisor does whose workers are all lost at once: every run is handed out until it is given up."""
    for _ in range(200):
        queue.claim(store, SUPERVISOR, 1)
        waiting, running = queue.under_way(store)
        if not waiting and not running:
            return
        for lost in running:
            with suppress(AttemptOver):
                queue.requeue(store, lost.run_id, lost.attempt, "its worker was gone")


def states(store) -> dict[str, str]:
    with store.database.reading() as connection:
        return {row.id: row.state for row in connection.execute(text("SELECT id, state FROM runs"))}


@pytest.mark.parametrize(("table", "column"), [(table, column) for table, columns in COLUMNS.items() for column in columns])
def test_nonsense_in_a_row_holds_up_no_other_run(empty_store, table, column):
    store = empty_store
    assert take(store, SUPERVISOR, lease(store))
    begun = [store.submit(RunSpec(seed=seed)) for seed in range(len(NONSENSE))]
    assert [queue.claim(store, SUPERVISOR, 1).run.id for _ in begun] == [run.id for run in begun]
    waiting = [store.submit(RunSpec(seed=100 + seed)) for seed in range(len(NONSENSE))]
    healthy = store.submit(RunSpec(seed=1000))
    for runs in (begun, waiting):
        for run, value in zip(runs, NONSENSE, strict=True):
            hurt(store, table, column, value, run.id)
    work_through(store)
    assert [attempt.why for attempt in store.attempts(healthy.id)] == ["its worker was gone", "its worker was gone", "failed"]
    assert set(states(store).values()) <= {"failed", "cancelled"}
