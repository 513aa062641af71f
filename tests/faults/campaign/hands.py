"""What the campaign starts in processes of their own, forked from the workers' warm server; every function can be found by name."""

import signal
import time
from datetime import datetime, timedelta
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from prune_core.service.worker import Job, work
from prune_core.store import Store, records


def started(function: Any, *arguments: Any) -> BaseProcess:
    """A process of the same fork server that workers come from."""
    process = get_context("forkserver").Process(target=function, args=arguments)
    process.start()
    return process


def struck(job: Job, seconds: float) -> None:
    """A worker whose main thread gets an exception out of the blue. By a signal, which no other thread can get by mistake."""

    def strike(*_: object) -> None:
        raise ZeroDivisionError

    signal.signal(signal.SIGALRM, strike)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-6))
    work(job)


def stepped(job: Job, seconds: float, by: float) -> None:
    """A worker whose clock is set by so many seconds after a while."""
    began = time.monotonic()

    class Stepped(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) + timedelta(seconds=by if time.monotonic() - began > seconds else 0)

    records.datetime = Stepped  # type: ignore[misc]
    work(job)


def open_store(home: Path) -> None:
    """Open a store, upgrading it if need be."""
    Store.open(home).close()


def import_bundle(home: Path, bundle: Path) -> None:
    Store.open(home).import_runs(bundle)
