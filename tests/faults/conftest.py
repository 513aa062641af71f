"""A store with real supervisors in processes of their own, which faults are injected into by signals."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import TypeVar

import pytest

from prune_core.service import processes
from prune_core.service.starting import environment
from prune_core.spec import RunSpec
from prune_core.store import Run, Store
from prune_core.store.lease import lease

T = TypeVar("T")
DEADLINE = 60.0


def until(ask: Callable[[], T], what: str, deadline: float = DEADLINE) -> T:
    """The first answer that counts as true; a failure in words if none comes in time."""
    end = time.monotonic() + deadline
    while not (answer := ask()):
        assert time.monotonic() < end, f"waited {deadline:.0f} s in vain: {what}"
        time.sleep(0.01)
    return answer


def freeze(database: Path, pid: int) -> None:
    """Stop a process between two transactions: one that holds the database's lock would stop everybody else with it.

    Raises ProcessLookupError if there is no such process any more.
    """
    while True:
        os.kill(pid, signal.SIGSTOP)
        until(lambda: has_stopped(pid), "the process to stop")
        try:
            with closing(sqlite3.connect(database, timeout=0.5, isolation_level=None)) as connection:
                connection.execute("BEGIN IMMEDIATE")
            return
        except sqlite3.OperationalError:
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.02)


def has_stopped(pid: int) -> bool:
    """Whether every thread of a process stands still, or is gone: a signal is on its way for a moment, in which a transaction may begin."""
    try:
        return all(
            stat.read_text(errors="replace").rpartition(")")[2].split()[0] in "TtZX" for stat in Path(f"/proc/{pid}/task").glob("*/stat")
        )
    except OSError:  # a thread went away meanwhile
        return False


class Service:
    """A store and the supervisors that were started for it."""

    def __init__(self, home: Path) -> None:
        self.store = Store.open(home)
        self.started: list[subprocess.Popen[bytes]] = []
        self.log = (home / "supervisors.log").open("ab")

    def supervise(self, *options: str) -> subprocess.Popen[bytes]:
        """One more supervisor; checkpoints come often, so that short runs have some."""
        command = [sys.executable, "-m", "prune_core", "supervise", "--idle", "60", "--checkpoint", "0.2", *options]
        env = {**environment(self.store), "ESPALIER_SLOTS": "2"}
        self.started.append(subprocess.Popen(command, env=env, stdout=self.log, stderr=self.log, start_new_session=True))
        return self.started[-1]

    def holder(self) -> subprocess.Popen[bytes] | None:
        """The supervisor that has the lease."""
        held = lease(self.store)
        return next((p for p in self.started if held and p.pid == held.pid and p.poll() is None), None)

    def freeze(self, pid: int) -> None:
        freeze(self.store.home / "espalier.db", pid)

    def worker(self, run: Run, attempt: int = 0) -> int | None:
        """The process of a running attempt (0: of any), once it is known and lives."""
        now = self.store.run(run.id)
        records = self.store.attempts(run.id)
        if now.state != "running" or not records or (attempt and now.attempt != attempt):
            return None
        last = records[-1]
        return last.pid if processes.alive(last.pid, last.born) else None

    def state(self, run: Run) -> str:
        return self.store.run(run.id).state

    def ended(self, run: Run, state: str = "finished", deadline: float = DEADLINE) -> Run:
        until(lambda: self.state(run) not in ("queued", "running"), f"{run.title} to end", deadline)
        over = self.store.run(run.id)
        assert over.state == state, (over.message, self.store.log(run.id)[-3000:])
        return over

    def beat(self) -> int:
        """How often the lease was renewed."""
        held = lease(self.store)
        return held.beat if held else 0

    def sha256(self, run: Run) -> str:
        finished = self.store.history(run.id).finished
        assert finished is not None
        return finished.weights_sha256

    def numbers(self, run: Run) -> list[int]:
        return [number for number, _ in self.store.events(run.id)]

    def has_events(self, run: Run, n: int) -> bool:
        return len(self.store.events(run.id)) >= n

    def stop(self) -> None:
        for process in self.started:
            with suppress(ProcessLookupError):
                process.kill()
                process.wait()
        for run in self.store.runs(states=["running"]):
            if (pid := self.worker(run)) is not None:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.log.close()


@pytest.fixture
def service(tmp_path) -> Iterator[Service]:
    service = Service(tmp_path / "home")
    yield service
    service.stop()


SPEC = RunSpec(model="lenet_300_100", dataset="digits", criterion="snip", sparsity=0.95, epochs=25)
LONG = SPEC.model_copy(update={"epochs": 2000})
