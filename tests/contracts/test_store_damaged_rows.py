"""A row of nonsense, in any column: the run that it is of is held up by it, and no other; reading gives the truth or an error of ours."""

from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import text

from prune_core.events import Epoch, Finished, FirstLayer, LayerKept, Numbered
from prune_core.spec import RunSpec
from prune_core.store import AttemptOver, StoreError, overview, queue, sweeps
from prune_core.store.lease import Lease, lease, take
from prune_core.store.sweeps import Asked

SUPERVISOR = Lease("0" * 36, "here", 1, "then")
COLUMNS = {
    "runs": (
        "spec", "title", "fingerprint", "family", "name", "notes", "created", "started", "attempt", "next_event", "progress", "summary", "message",
        "epoch_seconds", "cancel_requested", "version", "sweep", "parent",
    ),
    "attempts": ("number", "started", "ended", "why", "from_event", "further", "threads", "host", "pid", "born", "beat"),
}  # fmt: skip
READ = {
    "runs": (*COLUMNS["runs"], "state", "example", "ended", "model", "dataset", "protocol", "criterion", "code", "torch", "device"),
    "events": ("number", "attempt", "time", "kind", "data"),
    "attempts": (*COLUMNS["attempts"], "heartbeat"),
    "files": ("name", "stored", "kind", "bytes", "sha256"),
}
BUNDLE = Path(__file__).parents[2] / "assets" / "examples" / "snip-95-mnist.zip"
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


@pytest.mark.parametrize("value", NONSENSE)
def test_an_epoch_that_cannot_be_read_keeps_no_run_from_its_end(empty_store, value):
    """Its duration goes into a median that only estimates need."""
    store = empty_store
    assert take(store, SUPERVISOR, lease(store))
    run = store.submit(RunSpec())
    job = queue.claim(store, SUPERVISOR, 1)
    attempt = store.attempt(run.id, job.attempt)
    for number, seconds in enumerate((1.0, 2.0, 9.0)):
        attempt.append(Numbered(number, Epoch(epoch=number + 1.0, loss=1.0, accuracy=0.5, lr=0.1, seconds=seconds)))
    with suppress(StoreError), store.database.writing() as connection:
        connection.execute(text("UPDATE events SET data = :value WHERE number = 2"), {"value": value})
    end = Finished(
        epoch=3.0, seconds=12.0, test=None, validation=None, layers=(LayerKept(name="a", units=4, kept=2),), weights_kept=2, weights=4,
        at_chance=False, first_layer=FirstLayer(layout="pixels", shape=(1, 1), of=4, counts=(2,)), weights_sha256="0" * 64,
    )  # fmt: skip
    attempt.append(Numbered(3, end))
    assert store.run(run.id).state == "finished"
    with store.database.reading() as connection:
        assert connection.execute(text("SELECT epoch_seconds FROM runs")).scalar() == 2.0


def test_what_waits_for_a_run_of_a_damaged_row_does_not_wait_for_ever(empty_store):
    store = empty_store
    assert take(store, SUPERVISOR, lease(store))
    sweep = sweeps.create(store, [Asked(RunSpec(), None, ("equal_pipeline",))], "one and what follows it", {})
    [run] = store.runs(sweep=sweep)
    assert store.sweep(sweep).waiting == 1
    hurt(store, "runs", "next_event", "nonsense", run.id)
    work_through(store)
    assert (store.sweep(sweep).waiting, states(store)) == (0, {run.id: "failed"})


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


def complaint(ask) -> str:
    """The error of ours that comes of asking, if any."""
    try:
        ask()
    except StoreError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(("table", "column"), [(table, column) for table, columns in READ.items() for column in columns])
def test_reading_a_row_of_nonsense_gives_the_truth_or_one_line(empty_store, tmp_path, table, column):
    store = empty_store
    [run] = store.import_runs(BUNDLE)
    other = store.submit(RunSpec())
    key = "id" if table == "runs" else "run"
    with store.database.reading() as connection:
        was = connection.execute(text(f"SELECT rowid AS row, {column} AS value FROM {table} WHERE {key} = :run"), {"run": run.id}).first()
    asks = {
        "run": lambda: store.run(run.id), "events": lambda: store.events(run.id), "history": lambda: store.history(run.id),
        "attempts": lambda: store.attempts(run.id), "log": lambda: store.log(run.id), "children": lambda: store.children([run.fingerprint]),
        "files": lambda: [store.tensors(run.id, file.name) for file in store.files(run.id)],
        "find": lambda: store.find(run.fingerprint),
        "runs": lambda: store.runs(limit=None), "speeds": store.speeds, "subjects": lambda: overview.subjects(store),
        "outcomes": lambda: overview.outcomes(store, run.spec.model, run.spec.dataset),
    }  # fmt: skip
    if table == "files":
        asks["export"] = lambda: store.export_runs([run.id], tmp_path / "export.zip")
    for value in ("", "nonsense", -1, 1.5, b"\xff\xfe\x00"):
        with suppress(StoreError), store.database.writing() as connection:
            connection.execute(text(f"UPDATE {table} SET {column} = :value WHERE rowid = :row"), {"value": value, "row": was.row})
        said = {name: complaint(ask) for name, ask in asks.items()}
        assert [name for name, words in said.items() if "\n" in words] == []
        assert other.id in {found.id for found in store.runs(limit=None)}
