"""A worker: the process that carries out one attempt at one run. torch is imported here, and nowhere above."""

import errno
import logging
import os
import signal
import sys
from _thread import start_new_thread
from functools import partial
from pathlib import Path
from threading import Event
from typing import NamedTuple

from ..events import Cancelled, Progress
from ..places import log_to_stderr
from ..store import Attempt, AttemptOver, Store, StoreError
from ..store.queue import requeue
from . import processes

PATIENCE = 60.0
CHECKPOINT_SECONDS = 30.0
PROGRESS_SECONDS = 0.25
BEATS = 4
THREAD_SECONDS = 20.0
NO_MEMORY = "There was not enough memory. Try a smaller batch size, or fewer runs at the same time."
# Errors of torch on a CPU, of the loader of libraries and of Python that have no class of their own.
ALLOCATION = ("can't allocate memory", "failed to map segment", "can't start new thread")

log = logging.getLogger(__name__)


class Job(NamedTuple):
    """What a worker is told: which attempt at which run of which store, with how many threads, on which GPU (None: as the spec says)."""

    home: Path
    url: str | None
    run_id: str
    attempt: int
    threads: int
    device: str
    checkpoint_seconds: float = CHECKPOINT_SECONDS
    gpu: str | None = None


def work(job: Job) -> None:
    """Carry out the job. Ends with status 0 unless the store can't be written; everything else is in the store by then."""
    os.umask(0o077)
    stopping = Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "setsid"):
        os.setsid()
    if job.gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = job.gpu
    try:
        store = Store.open(job.home, job.url, patience=PATIENCE)
        write_to(store.log_path(job.run_id))
    except (StoreError, OSError) as error:
        sys.exit(f"Run {job.run_id}: {error}")
    log.info("Attempt %d begins in process %d.", job.attempt, os.getpid())
    attempt = store.attempt(job.run_id, job.attempt)
    try:
        attempt.begin(*processes.me())
        pulse = Pulse(attempt, stopping)
        try:
            carry_out(store, attempt, job, stopping, pulse)
        finally:
            pulse.end()
        attempt.leave()
    except AttemptOver as over:
        log.info("%s", over)
    except StoreError:
        log.exception("The store can't be written; the supervisor decides what happens.")
        sys.exit(1)
    log.info("Attempt %d ends.", job.attempt)


def carry_out(store: Store, attempt: Attempt, job: Job, stopping: Event, pulse: "Pulse") -> None:
    """Append every event as it comes. What stops the run becomes its last event, in words; the traceback goes to the log."""
    from ..engine.errors import RunError
    from ..engine.execute import execute
    from ..store.inheritance import inherited

    spec = store.run(job.run_id).spec
    try:
        pulse.start()
        events = execute(
            spec,
            files=attempt.files,
            parents=partial(inherited, store),
            threads=job.threads,
            stop=stopping.is_set,
            report=pulse.report,
            checkpoint_seconds=job.checkpoint_seconds,
        )
        for numbered in events:
            if isinstance(numbered.event, Cancelled) and not store.run(job.run_id).cancel_requested:
                requeue(store, job.run_id, job.attempt, "its worker was asked to end")
                return
            attempt.append(numbered)
    except (AttemptOver, StoreError):
        raise
    except RunError as error:
        log.info("Failed: %s", error, exc_info=True)
        attempt.fail(str(error))
    except Exception as error:
        log.exception("An error that nobody expected.")
        unexpected = f"Stopped by an error that should not happen ({type(error).__name__}). The log has the details."
        attempt.fail(NO_MEMORY if is_out_of_memory(error) else unexpected)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether there was too little memory, in any of the ways that it is said."""
    told = isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
    return told or any(words in str(error) for words in ALLOCATION)


class Pulse:
    """Writes how far the run is, a few times a second, and that its worker lives; the training loop never waits for either."""

    def __init__(self, attempt: Attempt, stopping: Event) -> None:
        self.attempt, self.stopping = attempt, stopping
        self.begun, self.ended, self.over = Event(), Event(), Event()
        self.latest: Progress | None = None

    def report(self, progress: Progress) -> None:
        self.latest = progress

    def start(self) -> None:
        """Begin, in a thread of its own. Raises MemoryError where there is no room for one: threading.Thread would wait for it for ever."""
        start_new_thread(self.run, ())
        if not self.begun.wait(THREAD_SECONDS):
            raise MemoryError("no thread could be started")

    def end(self) -> None:
        self.ended.set()
        if self.begun.is_set():
            self.over.wait(PATIENCE)

    def run(self) -> None:
        self.begun.set()
        try:
            self.write()
        finally:
            self.over.set()

    def write(self) -> None:
        written, beats = None, 0
        while not self.ended.wait(PROGRESS_SECONDS):
            beats += 1
            try:
                if self.latest != written:
                    written = self.latest
                    if written is not None:
                        self.attempt.progress(written)
                if beats % BEATS == 0 and self.attempt.beat():
                    self.stopping.set()
            except AttemptOver:
                self.stopping.set()
                return
            except StoreError as error:
                log.warning("%s", error)


def write_to(path: Path) -> None:
    """From now on everything that this process and its libraries print goes to the end of the file."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    log_to_stderr()
