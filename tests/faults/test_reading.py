"""Readers and writers of one store: nobody who reads holds up one who writes, and what is read is never half of something."""

import statistics
import time
from multiprocessing import get_context
from pathlib import Path
from threading import Event, Thread

import pytest
from sqlalchemy import text

from prune_core.events import Numbered, Warned
from prune_core.spec import RunSpec
from prune_core.store import Attempt, Store, queue
from prune_core.store.lease import Lease, take

SUPERVISOR = Lease("0" * 36, "here", 1, "then")
READERS, EVENTS = 4, 200


@pytest.fixture
def attempt(tmp_path) -> Attempt:
    store = Store.open(tmp_path)
    for example in store.runs(limit=None):
        store.delete(example.id)
    assert take(store, SUPERVISOR, None)
    run = store.submit(RunSpec())
    assert queue.claim(store, SUPERVISOR, 1)
    return store.attempt(run.id, 1)


def read_on(home: Path, run_id: str, ready, enough) -> None:
    """All that a live page asks for, again and again. Ends with status 1 if a sequence of events ever has a gap or gets shorter."""
    store, seen = Store.open(home), 0
    ready.release()
    while not enough.is_set():
        store.runs()
        store.run(run_id)
        store.files(run_id)
        numbers = [number for number, _ in store.events(run_id)]
        if numbers != list(range(len(numbers))) or len(numbers) < seen:
            raise SystemExit(1)
        seen = len(numbers)


def written(attempt: Attempt, first: int) -> list[float]:
    """Seconds that each of many events takes to be on disk."""
    seconds = []
    for number in range(first, first + EVENTS):
        began = time.perf_counter()
        attempt.append(Numbered(number, Warned(epoch=0.0, message=f"event {number}")))
        seconds.append(time.perf_counter() - began)
    return seconds


def test_writes_go_on_beside_readers_who_never_see_half_of_them(attempt):
    alone = written(attempt, 0)
    fresh = get_context("spawn")
    ready, enough = fresh.Semaphore(0), fresh.Event()
    readers = [fresh.Process(target=read_on, args=(attempt.store.home, attempt.run_id, ready, enough)) for _ in range(READERS)]
    for reader in readers:
        reader.start()
    for _ in readers:
        ready.acquire()
    beside = written(attempt, EVENTS)
    enough.set()
    for reader in readers:
        reader.join()
    assert [reader.exitcode for reader in readers] == [0] * READERS
    assert [number for number, _ in attempt.store.events(attempt.run_id)] == list(range(2 * EVENTS))
    for name, seconds in (("alone", alone), ("beside four readers", beside)):
        ranked = sorted(seconds)
        print(
            f"{name}: median {1000 * statistics.median(ranked):.1f} ms, 99 % {1000 * ranked[-3]:.1f} ms, longest {1000 * ranked[-1]:.1f} ms"
        )


def test_a_reader_who_stays_for_long_holds_up_no_writer(attempt):
    """Writes come and are durable while a view of the store is held open; that view stays the one it was."""
    count = text("SELECT count(*) FROM events")
    with attempt.store.database.reading() as connection:
        assert connection.execute(count).scalar() == 0
        done = Event()
        writer = Thread(target=lambda: (written(attempt, 0), done.set()))
        writer.start()
        assert done.wait(60)
        assert connection.execute(count).scalar() == 0
    assert len(attempt.store.events(attempt.run_id)) == EVENTS
