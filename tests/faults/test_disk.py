"""A disk that is full and a database that is locked: what was acknowledged stays, and work goes on afterwards."""

import os
import sqlite3
import subprocess
import time
from contextlib import closing, suppress

import pytest

from .conftest import SPEC, Service, until


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 MB, where one may be mounted."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(place)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(path):
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            with suppress(OSError):
                while True:
                    file.write(b"\0" * size)
    assert os.statvfs(path).f_bavail == 0


def test_a_disk_that_fills_up_loses_nothing_that_was_acknowledged(small_disk):
    service = Service(small_disk / "home")
    try:
        service.supervise()
        run = service.store.submit(SPEC.model_copy(update={"epochs": 60}))
        until(lambda: service.has_events(run, 10), "a run under way")
        acknowledged = service.store.events(run.id)
        fill(small_disk / "filler")
        until(lambda: service.worker(run, 1) is None, "the worker to give up")
        assert service.store.events(run.id)[: len(acknowledged)] == acknowledged
        os.unlink(small_disk / "filler")
        until(lambda: service.state(run) in ("finished", "failed"), "the run to end")
        events = service.store.events(run.id)
        assert events[: len(acknowledged)] == acknowledged
        assert [number for number, _ in events] == list(range(len(events)))
        assert events[-1].event.kind == service.state(run)
        service.ended(service.store.submit(SPEC.model_copy(update={"epochs": 1})))
    finally:
        service.stop()
        service.store.close()


def test_a_database_that_is_locked_for_a_while_holds_runs_up_and_no_more(service):
    supervisor = service.supervise()
    run = service.store.submit(SPEC)
    until(lambda: service.has_events(run, 6), "a run under way")
    with closing(sqlite3.connect(service.store.home / "espalier.db", timeout=30, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        n = len(service.store.events(run.id))
        free_at = time.monotonic() + 12
        until(lambda: time.monotonic() > free_at, "longer than a supervisor waits for one write")
        assert len(service.store.events(run.id)) == n
        assert service.state(run) == "running"
    service.ended(run)
    assert len(service.store.attempts(run.id)) == 1
    assert supervisor.poll() is None
