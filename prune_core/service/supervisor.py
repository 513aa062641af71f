"""The supervisor: hands queued runs to an executor, notices lost workers, ends cancelled runs. One a store, by lease."""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Event
from typing import NamedTuple
from uuid import uuid4

from ..store import AttemptOver, Damaged, NoSuchRun, Store, StoreError, Unreadable
from ..store.files import sweep_up, tidy
from ..store.lease import Lease, LeaseLost, give_back, lease, release_if_idle, renew, take
from ..store.queue import Running, claim, register, requeue, under_way
from ..store.records import ENDED
from . import processes
from .executor import Executor
from .following import advance
from .worker import CHECKPOINT_SECONDS, Job

IDLE_SECONDS = 600.0
BUSY_WAIT, QUIET_WAIT, STANDBY_WAIT = 0.05, 0.1, 0.5
BUSY_AFTER = 3.0
RENEW_SECONDS = 2.0
TAKEOVER_SECONDS = 10.0
KILL_SECONDS = 5.0
TIDY_SECONDS = 1.0
TIDIED = 100

log = logging.getLogger(__name__)


class Plan(NamedTuple):
    """How to supervise: runs at the same time, threads of each, seconds between checkpoints, seconds without a run after which to end."""

    slots: int
    threads: int
    checkpoint_seconds: float = CHECKPOINT_SECONDS
    idle_seconds: float = IDLE_SECONDS


class Supervisor:
    """Works from `run()` until the store has been idle for long enough, the lease is lost, or `stop` is set.

    Runs go on when it ends: the next supervisor finds their workers by process number.
    """

    def __init__(self, store: Store, new_executor: Callable[[], Executor], plan: Plan) -> None:
        self.store, self.new_executor, self.plan = store, new_executor, plan
        self.lease = Lease(str(uuid4()), *processes.me())
        self.stop = Event()
        self.renewed = self.active = time.monotonic()
        self.asked: dict[tuple[str, int], float] = {}
        self.at_work: set[str] = set()
        self.untidy: set[str] = set()
        self.tidied = 0.0

    def run(self) -> None:
        if not self.wait_for_lease():
            return
        self.executor = self.new_executor()
        log.info("Supervises as process %d with %d slots.", self.lease.pid, self.plan.slots)
        self.active = time.monotonic()
        with suppress(StoreError, OSError):
            sweep_up(self.store)
            self.untidy = {run.id for run in self.store.runs(states=ENDED, limit=TIDIED)}
        while not self.stop.is_set():
            try:
                self.look()
                if time.monotonic() - self.active > self.plan.idle_seconds and release_if_idle(self.store, self.lease):
                    log.info("Nothing to do for %.0f seconds: ends.", self.plan.idle_seconds)
                    return
            except LeaseLost as lost:
                log.warning("%s This one ends.", lost)
                return
            except Damaged as damaged:
                log.error("%s This one ends.", damaged)
                return
            except StoreError as error:
                log.warning("%s", error)
                self.stop.wait(1.0)
            self.executor.wait(BUSY_WAIT if time.monotonic() - self.active < BUSY_AFTER else QUIET_WAIT)
        with suppress(StoreError):
            give_back(self.store, self.lease)

    def wait_for_lease(self) -> bool:
        """Stand by until the lease is free or its holder gone. False if there was nothing to stand by for any more."""
        seen, since = None, time.monotonic()
        while not self.stop.is_set():
            try:
                held = lease(self.store)
                if held != seen:
                    seen, since = held, time.monotonic()
                gone = held is not None and held.host == self.lease.host and not processes.alive(held.pid, held.born)
                if (held is None or gone or time.monotonic() - since > TAKEOVER_SECONDS) and take(self.store, self.lease, held):
                    return True
                if self.store.is_busy():
                    self.active = time.monotonic()
            except Damaged as damaged:
                log.error("%s This one ends.", damaged)
                return False
            except StoreError as error:
                log.warning("%s", error)
            if time.monotonic() - self.active > self.plan.idle_seconds:
                return False
            self.stop.wait(STANDBY_WAIT)
        return False

    def look(self) -> None:
        """One look at the store: everything that has to be done now."""
        if time.monotonic() - self.renewed > RENEW_SECONDS:
            renew(self.store, self.lease)
            self.renewed = time.monotonic()
        owed = advance(self.store, self.lease)
        waiting, running = under_way(self.store)
        self.executor.tidy(running)
        self.asked = {key: at for key, at in self.asked.items() if key in {(r.run_id, r.attempt) for r in running}}
        if waiting or running or owed:
            self.active = time.monotonic()
        now = {r.run_id for r in running}
        self.untidy |= self.at_work - now
        self.at_work = now
        if self.untidy and time.monotonic() - self.tidied > TIDY_SECONDS:
            self.tidy()
        busy = sum(not self.is_lost(r) for r in running)
        while waiting and busy < self.plan.slots and self.executor.ready() and self.start_next():
            busy += 1

    def start_next(self) -> bool:
        """Hand out the oldest queued run; false if there is none after all."""
        claimed = claim(self.store, self.lease, self.plan.threads)
        if claimed is None:
            return False
        run = claimed.run
        job = Job(self.store.home, self.store.url, run.id, claimed.attempt, claimed.threads, run.spec.device, self.plan.checkpoint_seconds)
        try:
            pid = self.executor.start(job)
        except (OSError, EOFError) as error:
            self.take_back(run.id, claimed.attempt, f"no process could be started ({error})")
            return False
        born = processes.born(pid) if pid else None
        if pid and born:
            register(self.store, run.id, claimed.attempt, processes.host(), pid, born)
        self.at_work.add(run.id)  # it may be over before the next look
        log.info("Run %s: attempt %d in process %s.", run.id, claimed.attempt, pid)
        return True

    def is_lost(self, running: Running) -> bool:
        """Look after one running run; true if its worker is gone, and the run taken back."""
        key = (running.run_id, running.attempt)
        why = self.executor.lost(running)
        if why is not None:
            self.take_back(*key, why)
            return True
        if running.cancel_requested:
            if key not in self.asked:
                self.asked[key] = time.monotonic()
                self.executor.stop(running, force=False)
            elif time.monotonic() - self.asked[key] > KILL_SECONDS:
                self.executor.stop(running, force=True)
        return False

    def take_back(self, run_id: str, attempt: int, why: str) -> None:
        try:
            state = requeue(self.store, run_id, attempt, why)
        except AttemptOver:
            return
        log.warning("Run %s: %s. It is %s now.", run_id, why, state)

    def tidy(self) -> None:
        """Look after the folders of runs that are over: a worker may have been lost, or a folder not writable, just when it was to do so."""
        self.tidied = time.monotonic()
        for run_id in sorted(self.untidy):
            if self.is_tidy(run_id):
                self.untidy.discard(run_id)

    def is_tidy(self, run_id: str) -> bool:
        """Whether nothing is left to clear away; of a run that is not over its next worker sees to that."""
        try:
            return self.store.run(run_id).state not in ENDED or tidy(self.store, run_id)
        except (NoSuchRun, Unreadable):
            return True
        except OSError:
            return False
