"""One injection: a home of its own, a run to be hurt, a real supervisor beside it, and what a reader has seen meanwhile."""

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from threading import Thread

import psutil
from sqlalchemy import create_engine

from prune_core.service import processes
from prune_core.service.executor import Executor, LocalExecutor
from prune_core.service.starting import environment
from prune_core.service.supervisor import Supervisor
from prune_core.settings import cores
from prune_core.spec import RunSpec
from prune_core.store import Run, Store
from prune_core.store.upgrade import migrate

from ..conftest import freeze, until
from .ground import CHECKPOINT_SECONDS, PLAN, VICTIMS, Ground, said

__all__ = ["DEADLINE", "Missed", "NotHere", "Scene", "until"]

DEADLINE = 90.0
ROOT = Path(__file__).parents[3]
FIRST_SCHEMA = "0001"


def patience(seconds: float) -> float:
    """So many seconds on a machine with nothing else to do; as much longer on another as it is overloaded."""
    return seconds * max(1.0, os.getloadavg()[0] / cores()) if hasattr(os, "getloadavg") else seconds


class Missed(Exception):  # noqa: N818
    """The moment was over before the fault could be injected; the driver tries another."""


class NotHere(Exception):  # noqa: N818
    """This machine can't have such a fault, for the reason given."""


class Scene:
    """A copy of the ground, with one supervisor at work in a thread of this process and workers in processes of their own.

    A fault says through the attributes what it makes legitimate: `ends` (states in which a run may end), `damaged` (ids of runs that may give
    named errors), `attempts` (how many of them a run may have had). `long` is true in the long campaign.
    """

    def __init__(self, ground: Ground, home: Path, chance: Random, long: bool) -> None:
        self.ground, self.home, self.chance, self.long = ground, home, chance, long
        ground.copy(home)
        self.store = Store.open(home)
        self.supervisor: Supervisor | None = None
        self.thread: Thread | None = None
        self.runs: list[Run] = []
        self.seen: dict[str, dict[int, str]] = {}
        self.states: dict[str, list[str]] = {}
        self.ends, self.damaged, self.words = {"finished"}, set[str](), ""
        self.attempts: int | None = None
        self.noticed: float | None = None
        self.found: list[str] = []
        self.note = ""
        self.specs = VICTIMS
        self.cleanup = contextlib.ExitStack()

    # ---- who is at work

    def supervise(self, executor: Callable[[], Executor] = LocalExecutor) -> None:
        """A supervisor at work on the store from now on."""
        self.supervisor = Supervisor(self.store, executor, PLAN)
        self.thread = Thread(target=self.work, args=(self.supervisor,), daemon=True)
        self.thread.start()

    def work(self, supervisor: Supervisor) -> None:
        self.watched(supervisor.run)

    def work_on(self, supervisor: Supervisor) -> None:
        """The supervisor's daily round, for one that has the lease already."""

        def rounds() -> None:
            while not supervisor.stop.is_set():
                supervisor.look()
                supervisor.executor.wait(0.05)

        self.watched(rounds)

    def watched(self, supervise: Callable[[], None]) -> None:
        try:
            supervise()
        except Exception as error:
            self.found.append(f"the supervisor died of {type(error).__name__}: {error}")

    def rest(self) -> None:
        """The supervisor ends as if it was asked to; workers go on."""
        if self.supervisor is not None and self.thread is not None:
            self.supervisor.stop.set()
            self.thread.join(DEADLINE)
            self.supervisor = None

    def submit(self, spec: RunSpec | None = None) -> Run:
        self.runs.append(self.store.submit(spec or self.chance.choice(VICTIMS)))
        return self.runs[-1]

    def start(self, executor: Callable[[], Executor] = LocalExecutor) -> Run:
        """A run that is about to be carried out."""
        run = self.submit()
        self.supervise(executor)
        return run

    def launch(self) -> "subprocess.Popen[bytes]":
        """A supervisor in a process of its own, with a fork server of its own."""
        command = [sys.executable, "-m", "prune_core", "supervise", "--idle", "60", "--checkpoint", str(CHECKPOINT_SECONDS)]
        with (self.home / "supervisors.log").open("ab") as log:
            return subprocess.Popen(command, env=self.environment(), stdout=log, stderr=log, start_new_session=True)

    def environment(self) -> dict[str, str]:
        """For processes that start supervisors: each run has one thread, as the reference runs had."""
        return {**environment(self.store), "ESPALIER_SLOTS": str(cores()), "OMP_NUM_THREADS": "1"}

    def owns(self, process: psutil.Process) -> bool:
        """Whether a process was started for this home, by whoever."""
        try:
            return process.pid != os.getpid() and process.environ().get("ESPALIER_HOME") == str(self.home)
        except (psutil.Error, OSError):
            return False

    def worker(self, run: Run) -> int | None:
        """The process that carries the run out, if it lives."""
        records = self.store.attempts(run.id)
        alive = records and records[-1].ended is None and processes.alive(records[-1].pid, records[-1].born)
        return records[-1].pid if alive else None

    def at_random(self, run: Run, latest: float = 0.9) -> int:
        """Wait for a random moment in the life of the run; returns its worker. Raises Missed if the run was faster."""
        untouched = self.ground.references.get(run.spec.fingerprint)
        length = len(untouched.events) if untouched else 10
        wanted = self.chance.randrange(int(latest * length))
        until(lambda: (len(self.look(run)) >= wanted and self.worker(run)) or self.over(run), "a worker under way", DEADLINE)
        end = time.monotonic() + self.chance.uniform(0, 0.02)
        while time.monotonic() < end:
            self.look(run)
        pid = self.worker(run)
        if pid is None:
            raise Missed
        return pid

    # ---- what a reader sees

    def look(self, run: Run) -> dict[int, str]:
        """What is stored of the run by now, as a page would see it; remembered, since it must never go again."""
        seen = self.seen.setdefault(run.id, {})
        for number, event in self.store.events(run.id, max(seen, default=-1)):
            seen[number] = said(event)
        state = self.store.run(run.id).state
        states = self.states.setdefault(run.id, [])
        if not states or states[-1] != state:
            states.append(state)
        return seen

    def over(self, run: Run) -> bool:
        return self.store.run(run.id).state not in ("queued", "running")

    def settle(self) -> None:
        """Wait until every run is over."""
        for run in self.runs:
            self.look(run)
            until(lambda run=run: self.ended(run), f"{run.title} to end", DEADLINE)

    def ended(self, run: Run) -> bool:
        """Whether the run is over and its worker gone; asked without haste, since everybody's processor is busy with runs."""
        time.sleep(0.03)
        self.look(run)
        last = self.store.attempts(run.id)[-1:]
        return self.over(run) and not any(processes.alive(attempt.pid, attempt.born) for attempt in last)

    def notice(self, run: Run, attempt: int = 1) -> None:
        """How long it takes until the loss of a worker shows."""
        began = time.monotonic()
        until(lambda: (now := self.store.run(run.id)).state != "running" or now.attempt != attempt, "the loss to be noticed", DEADLINE)
        self.noticed = time.monotonic() - began

    # ---- faults in the making

    def wait(self, long: float, short: float) -> None:
        """Let time pass, and readers read."""
        end = time.monotonic() + (long if self.long else short)
        while time.monotonic() < end:
            for run in self.runs:
                self.look(run)
            time.sleep(0.02)

    def kill(self, pid: int) -> None:
        """SIGKILL, and it is gone when this returns."""
        born = processes.born(pid)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        until(lambda: not processes.alive(pid, born), "the process to be gone", DEADLINE)

    def mount(self, *options: str, at: Path) -> None:
        """Mount a file system until the scene is over. Raises NotHere where that is not allowed."""
        try:
            done = subprocess.run(["mount", *options, str(at)], capture_output=True, text=True, check=False)
        except OSError as error:
            raise NotHere(f"there is no mount ({error.strerror})") from None
        if "busy" in done.stderr:
            raise Missed
        if done.returncode != 0:
            raise NotHere(f"nothing can be mounted here ({done.stderr.strip()})")
        self.cleanup.callback(subprocess.run, ["umount", "-l", str(at)], capture_output=True, check=False)

    def signal(self, pid: int, number: int) -> None:
        """Raises Missed if there is no such process any more."""
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            raise Missed from None

    def freeze(self, pid: int) -> None:
        """Stop a process between two transactions. Raises Missed if there is no such process any more."""
        try:
            freeze(self.home / "espalier.db", pid)
        except ProcessLookupError:
            raise Missed from None

    def move_to_small_disk(self) -> None:
        """The home lies on a file system of 48 MB from now on."""
        place = self.home.parent / f"{self.home.name}-small"
        place.mkdir()
        self.mount("-t", "tmpfs", "-o", "size=48m", "tmpfs", at=place)
        self.store.close()
        self.home = place / "home"
        self.ground.copy(self.home)
        self.store = Store.open(self.home)

    @contextlib.contextmanager
    def left_open(self) -> Iterator[None]:
        """Everybody was killed, and nobody has closed the database: its log of writes lies beside it. Nobody has it open inside."""
        self.rest()
        self.end_workers()
        place, aside = self.home / "espalier.db", self.home / "aside"
        aside.mkdir()
        # By another process: closing a file takes away the locks that this one has on it.
        subprocess.run(["cp", place, place.with_name("espalier.db-wal"), aside], check=False, capture_output=True)
        self.store.close()
        for file in aside.iterdir():
            file.replace(self.home / file.name)
        place.with_name("espalier.db-shm").unlink(missing_ok=True)
        aside.rmdir()
        yield

    def make_old(self) -> None:
        """The database is one of the first version from now on, with the same rows."""
        place, present = self.home / "espalier.db", self.home / "present.db"
        with contextlib.closing(sqlite3.connect(place)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.move(place, present)
        engine = create_engine(f"sqlite:///{place}")
        with engine.begin() as connection:
            migrate(connection, FIRST_SCHEMA)
        engine.dispose()
        with contextlib.closing(sqlite3.connect(place, isolation_level=None)) as database:
            database.execute(f"ATTACH '{present}' AS present")
            for (table,) in database.execute(
                "SELECT name FROM main.sqlite_master WHERE type = 'table' AND name NOT LIKE '%version'"
            ).fetchall():
                columns = ", ".join(f'"{row[1]}"' for row in database.execute(f"PRAGMA main.table_info({table})"))
                with contextlib.suppress(sqlite3.IntegrityError):
                    database.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM present.{table}")
        present.unlink()

    def untouched(self, run: Run) -> None:
        """Whatever is damaged of the run, what it said and how it ended is what an untouched one says."""
        said_now = [said(event) for _, event in self.store.events(run.id)]
        if said_now != list(self.ground.references[run.spec.fingerprint].events) or self.store.run(run.id).state != "finished":
            self.found.append(f"what is left of {run.title} is not what it said")

    def end_workers(self) -> None:
        for run in self.runs:
            pid = self.worker(run)
            if pid is not None:
                self.kill(pid)

    def end(self) -> None:
        """Leave nothing behind."""
        with contextlib.suppress(Exception):
            self.rest()
        for process in filter(self.owns, psutil.process_iter()):
            with contextlib.suppress(psutil.Error):
                process.kill()
        with contextlib.suppress(Exception):
            self.end_workers()
        self.store.close()
        self.cleanup.close()
