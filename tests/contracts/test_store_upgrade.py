"""A store that an earlier version made is opened by this one: nothing is lost, and its runs are found as if they had been made today."""

import gzip
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from prune_core.spec import RunSpec
from prune_core.store import Environment, Store, upgrade

OLD = Path(__file__).with_name("store-0001.sql.gz")  # four runs that Espalier 0.1.0 finished on digits, and one that it queued
SPECS = (
    RunSpec(epochs=1, sparsity=0.95),
    RunSpec(protocol="iterative", criterion="magnitude", epochs=2, protocol_options={"rounds": 2}),
    RunSpec(protocol="dense", epochs=1),
    RunSpec(protocol="score", epochs=0),
    RunSpec(seed=3),
)


@pytest.fixture
def home(tmp_path):
    with closing(sqlite3.connect(tmp_path / "espalier.db")) as database:
        database.executescript(gzip.decompress(OLD.read_bytes()).decode())
    return tmp_path


def table(home, query):
    with closing(sqlite3.connect(home / "espalier.db")) as database:
        return database.execute(query).fetchall()


def test_every_run_of_an_older_store_is_there_with_its_events_and_found_by_its_spec(home):
    before = table(home, "SELECT id, state, name, created, summary FROM runs ORDER BY position")
    events = table(home, "SELECT run, number, data FROM events ORDER BY run, number")
    store = Store.open(home)
    assert table(home, "SELECT id, state, name, created, summary FROM runs ORDER BY position") == before
    assert table(home, "SELECT run, number, data FROM events ORDER BY run, number") == events
    runs = store.runs()[::-1]
    assert [run.spec.resolved() for run in runs] == [spec.resolved() for spec in SPECS]
    for run in runs:
        assert store.find(run.spec.fingerprint) == run
        assert (run.fingerprint, run.group) == (run.spec.fingerprint, run.spec.group)
        assert run.summary is None or run.summary.effective is None


def test_its_runs_are_filtered_by_what_they_are_and_say_where_they_ran(home):
    store = Store.open(home)
    assert {run.environment for run in store.runs(states=["finished"])} == {Environment("0.1.0", "2.13.0+cpu", "cpu")}
    assert [run.environment for run in store.runs(states=["queued"])] == [None]
    assert [run.spec.protocol for run in store.runs(protocols=["dense", "score"])] == ["score", "dense"]
    assert len(store.runs(model="lenet_300_100", dataset="digits")) == 5
    assert store.runs(model="lenet_5") == store.runs(parent="0" * 64) == []
    assert [c for (c,) in table(home, "SELECT criterion FROM runs ORDER BY position")] == ["snip", "magnitude", None, None, "snip"]


@pytest.mark.parametrize("damaged", ["", "null", "[]", '{"model": {"a": 1}}', "[" * 100_000, '{"model": "gone", "protocol": "dense"}'])
def test_a_damaged_row_stops_no_upgrade(home, damaged):
    with closing(sqlite3.connect(home / "espalier.db")) as database, database:
        database.execute("UPDATE runs SET spec = ? WHERE name = 'named'", [damaged])
        database.execute("UPDATE events SET data = ? WHERE kind = 'started'", [damaged])
    store = Store.open(home)
    assert [run.spec.resolved() for run in store.runs()[::-1]] == [spec.resolved() for spec in SPECS[1:]]
    assert {run.environment for run in store.runs()} == {None}


def test_a_large_store_is_filled_in_batch_by_batch(home, monkeypatch):
    with closing(sqlite3.connect(home / "espalier.db")) as database, database:
        (columns,) = [[name for _, name, *_ in database.execute("PRAGMA table_info(runs)") if name not in ("position", "id")]]
        told = ", ".join(columns)
        many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)"
        database.execute(f"INSERT INTO runs (id, {told}) {many} SELECT printf('%036d', i), {told} FROM runs, n WHERE name = 'named'")
    store = Store.open(home)
    assert len(store.runs(limit=None, model="lenet_300_100")) == 1205


def test_an_upgrade_that_breaks_off_half_way_leaves_the_old_store_and_is_made_anew(home, monkeypatch):
    tables = table(home, "SELECT sql FROM sqlite_master ORDER BY name")

    def broken(*_: object) -> None:
        raise InterruptedError

    with monkeypatch.context() as patch:
        patch.setattr(json, "loads", broken)
        with pytest.raises(InterruptedError):
            Store.open(home)
    assert table(home, "SELECT sql FROM sqlite_master ORDER BY name") == tables
    with Store.open(home).database.reading() as connection:
        assert upgrade.version(connection) == upgrade.HEAD
