"""A damaged database: named, set aside, and every run in it that can be read is kept."""

import shutil
import sqlite3
from contextlib import closing

import numpy as np
import pytest

from prune_core import RunSpec, run
from prune_core.service import processes
from prune_core.store import Damaged, Store, StoreError, queue
from prune_core.store.lease import Lease, give_back, lease, take
from prune_core.store.repair import LOST, repair

SUPERVISOR = Lease("0" * 36, "elsewhere", 1, "then")
SPEC = RunSpec(epochs=1)
PAGE = 4096


def nobody(*_: object) -> bool:
    return False


@pytest.fixture(scope="module")
def events():
    return list(run(SPEC))


@pytest.fixture
def home(tmp_path, made):
    """A closed store with three finished runs and one that is queued, oldest first."""
    return shutil.copytree(made, tmp_path, dirs_exist_ok=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory, events):
    place = tmp_path_factory.mktemp("made")
    store = Store.open(place)
    for example in store.runs(limit=None):
        store.delete(example.id)
    assert take(store, SUPERVISOR, None)
    for seed in range(3):
        submitted = store.submit(SPEC.model_copy(update={"seed": seed}), name=f"run {seed}")
        claimed = queue.claim(store, SUPERVISOR, 1)
        assert claimed is not None
        attempt = store.attempt(submitted.id, claimed.attempt)
        attempt.files.save_checkpoint(0, {"w": np.full(2, seed)}, {})
        attempt.files.save("weights.safetensors", {"w": np.full(3, seed)}, {})
        for event in events:
            attempt.append(event)
    store.submit(SPEC.model_copy(update={"seed": 3}), notes="waits")
    give_back(store, SUPERVISOR)
    store.close()
    with closing(sqlite3.connect(place / "espalier.db", isolation_level=None)) as database:
        database.execute("VACUUM")  # without the pages that the examples had
    return place


def told(store):
    return [(r.id, r.name, r.notes, r.state, store.events(r.id), store.files(r.id), store.attempts(r.id)) for r in reversed(store.runs())]


def overwrite(home, start, data):
    with (home / "espalier.db").open("r+b") as file:
        file.seek(start)
        file.write(data)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.unlink(),
        lambda path: path.write_bytes(path.read_bytes()[: 5 * PAGE]),
        lambda path: path.write_bytes(b"nothing of the kind" * 1000),
    ],
    ids=["emptied", "gone", "cut", "overwritten"],
)
def test_a_damaged_database_is_never_taken_for_a_new_one_and_works_again_after_the_repair(home, damage):
    damage(home / "espalier.db")
    was_there = (home / "espalier.db").exists()
    for _ in range(2):
        with pytest.raises(Damaged, match="python -m prune_core repair"):
            Store.open(home)
    done = repair(home, nobody)
    assert len(done.whole) + len(done.hurt) + len(done.gone) >= 3
    assert (done.aside is not None) == (was_there or (home / "espalier.db.damaged-1").exists())
    store = Store.open(home)
    assert store.submit(SPEC).state == "queued"


def test_a_whole_database_comes_out_of_a_repair_as_it_was(home):
    store = Store.open(home)
    before = told(store)
    store.close()
    done = repair(home, nobody)
    assert (len(done.whole), done.hurt, done.gone) == (4, [], [])
    assert told(Store.open(home)) == before
    assert done.aside == home / "espalier.db.damaged-1"
    assert repair(home, nobody).aside == home / "espalier.db.damaged-2"


def test_every_single_page_may_be_damaged_and_no_run_that_is_kept_says_anything_false(home):
    store = Store.open(home)
    before = {row[0]: row for row in told(store)}
    store.close()
    pages = (home / "espalier.db").stat().st_size // PAGE
    whole = 0
    for page in range(pages):
        copy = home.parent / f"page {page}"
        shutil.copytree(home, copy)
        data = (copy / "espalier.db").read_bytes()[PAGE * page : PAGE * (page + 1)]
        overwrite(copy, PAGE * page, bytes(255 - byte for byte in data))
        done = repair(copy, nobody)
        store = Store.open(copy)
        after = {row[0]: row for row in told(store)}
        assert set(after) == {*done.whole, *done.hurt}
        assert set(before) <= {*done.whole, *done.hurt, *done.gone} | ({row[0] for row in before.values() if row[3] == "queued"})
        for run_id in done.whole:
            assert after[run_id][:6] == before[run_id][:6]
        for run_id in done.hurt:
            kept = [event for event in after[run_id][4] if event.event.kind != "failed"]
            assert kept == before[run_id][4][: len(kept)]
        store.close()
        whole += len(done.whole)
        shutil.rmtree(copy)
    assert whole > 2 * pages


def test_a_run_that_lost_events_is_failed_and_says_so(home):
    store = Store.open(home)
    victim = store.runs()[-1]
    store.close()
    with closing(sqlite3.connect(home / "espalier.db", isolation_level=None)) as database:
        database.execute("UPDATE events SET data = 'nonsense' WHERE run = ? AND number = 3", (victim.id,))
    done = repair(home, nobody)
    assert done.hurt == [victim.id]
    hurt = Store.open(home).run(victim.id)
    assert (hurt.state, hurt.message, hurt.name) == ("failed", LOST, "run 0")
    assert [number for number, _ in Store.open(home).events(victim.id)] == [0, 1, 2, 3]


def test_a_run_whose_row_is_lost_is_told_again_from_its_events(home, events):
    store = Store.open(home)
    victim = store.runs()[-1]
    store.close()
    with closing(sqlite3.connect(home / "espalier.db", isolation_level=None)) as database:
        database.execute("UPDATE runs SET spec = 'nonsense' WHERE id = ?", (victim.id,))
    done = repair(home, nobody)
    store = Store.open(home)
    again = store.run(victim.id)
    assert done.hurt == [victim.id]
    assert (again.state, again.summary, again.name) == ("finished", victim.summary, None)
    assert store.events(victim.id) == events


def test_files_that_the_list_has_lost_are_found_by_the_checksum_in_their_name(home):
    store = Store.open(home)
    before = {r.id: store.files(r.id) for r in store.runs()}
    store.close()
    with closing(sqlite3.connect(home / "espalier.db", isolation_level=None)) as database:
        database.execute("DELETE FROM files")
    repair(home, nobody)
    store = Store.open(home)
    assert {r.id: store.files(r.id) for r in store.runs()} == before
    assert sum(len(files) for files in before.values()) == 6, "weights and a checkpoint of each"


def test_nothing_is_repaired_while_a_supervisor_is_at_work(home):
    store = Store.open(home)
    assert take(store, Lease("1" * 36, *processes.me()), lease(store))
    store.close()
    before = (home / "espalier.db").read_bytes()
    with pytest.raises(StoreError, match="is at work on this store"):
        repair(home, processes.at_work)
    assert (home / "espalier.db").read_bytes() == before


def test_a_repair_that_was_broken_off_between_its_two_renamings_is_finished_by_the_next(home):
    store = Store.open(home)
    before = told(store)
    store.close()
    (home / "espalier.db").replace(home / "espalier.db.new")
    repair(home, nobody)
    assert told(Store.open(home)) == before


def test_a_connection_to_a_database_that_was_set_aside_writes_nowhere(home):
    store = Store.open(home)
    assert len(store.runs()) == 4
    repair(home, nobody)
    kept = store.submit(SPEC)
    assert Store.open(home).run(kept.id).state == "queued"
