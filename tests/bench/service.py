"""The service: start of a run, two slots beside one, cancel, and a worker that is killed.

    python -m tests.bench.service              # four minutes; needs MNIST in ESPALIER_DATA

A real supervisor with a warm fork server over a store of its own; times by the store's own clock where a run says them.
"""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
from sqlalchemy import select

from prune_core import RunSpec
from prune_core.service import ensure_supervisor, submit
from prune_core.settings import settings
from prune_core.store import Run, Store, StoreError
from prune_core.store.lease import lease
from prune_core.store.tables import EVENTS

from .measuring import Figure, keep, load, until

TIMES = 7
PAIRS = 5
RUNS = 6
SMALL = {"dataset": "mnist", "epochs": 2, "sparsity": 0.95}


class Service:
    """A supervisor of its own over a store of its own, warm."""

    def __init__(self, slots: int) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="espalier-bench-")) / "home"
        self.store, self.slots = Store.open(self.home), slots
        self.seed = 0
        self.supervised()
        self.run(dataset="mnist", epochs=1)

    def supervised(self) -> None:
        """A supervisor takes its settings from the environment that it is started in."""
        os.environ |= {"ESPALIER_SLOTS": str(self.slots), "ESPALIER_DATA": str(settings().data_folder.absolute()), "OMP_NUM_THREADS": "1"}
        ensure_supervisor(self.store)

    def queue(self, **fields: object) -> Run:
        self.seed += 1
        return submit(self.store, RunSpec(seed=self.seed, **fields))

    def run(self, **fields: object) -> Run:
        """A run from the queue to its end."""
        run = self.queue(**fields)
        return self.ended(run)

    def ended(self, run: Run) -> Run:
        until(lambda: self.store.run(run.id).state not in ("queued", "running"), f"{run.title} to end")
        return self.store.run(run.id)

    def training(self) -> tuple[Run, int]:
        """A long run that is under way, and its worker."""
        run = self.queue(dataset="mnist", epochs=500, protocol="dense")
        until(lambda: (p := self.store.run(run.id).progress) and p.done > 0, "the run to train")
        return run, self.store.attempts(run.id)[-1].pid or 0

    def stop(self) -> None:
        for run in self.store.runs(states=["queued", "running"]):
            self.store.request_cancel(run.id)
        until(lambda: not self.store.runs(states=["queued", "running"], limit=1), "the runs to be cancelled")
        if (held := lease(self.store)) is not None:
            psutil.Process(held.pid).terminate()
        shutil.rmtree(self.home.parent, ignore_errors=True)


def until_first_steps(service: Service) -> float:
    """Seconds from handing a run out to the measurement after its first three training steps (a quarter of an epoch of the digits)."""
    run = service.run(epochs=1, protocol="dense", batch_size=431)
    began = service.store.attempts(run.id)[0].started
    query = select(EVENTS.c.time).where(EVENTS.c.run == run.id, EVENTS.c.kind == "evaluated").order_by(EVENTS.c.number).limit(1)
    with service.store.database.reading() as connection:
        return (connection.scalar(query) - began).total_seconds()


def until_handed_out(service: Service) -> float:
    """Seconds from submitting to the claim by the supervisor."""
    run = service.run(epochs=0, protocol="dense")
    return (service.store.attempts(run.id)[0].started - run.created).total_seconds()


def until_cancelled(service: Service) -> float:
    run, _ = service.training()
    began = time.perf_counter()
    service.store.request_cancel(run.id)
    service.ended(run)
    return time.perf_counter() - began


def until_known_as_lost(service: Service) -> float:
    """Seconds from SIGKILL to the store knowing that the worker is gone."""
    run, pid = service.training()
    began = time.perf_counter()
    os.kill(pid, signal.SIGKILL)
    until(lambda: service.store.attempts(run.id)[0].ended, "the attempt to be over")
    took = time.perf_counter() - began
    service.store.request_cancel(run.id)
    service.ended(run)
    return took


def together(service: Service) -> float:
    """Seconds for so many runs, queued at once."""
    began = time.perf_counter()
    runs = [service.queue(**SMALL) for _ in range(RUNS)]
    for run in runs:
        service.ended(run)
    return time.perf_counter() - began


def one_by_one(service: Service) -> float:
    """Seconds for as many, each queued when the one before has ended: one slot, and the same one thread as in `together`."""
    began = time.perf_counter()
    for _ in range(RUNS):
        service.run(**SMALL)
    return time.perf_counter() - began


def times(measure: Callable[[Service], float], service: Service) -> tuple[float, ...]:
    """The first one warms caches and is left out."""
    return tuple(measure(service) for _ in range(TIMES + 1))[1:]


def main() -> None:
    before = load()
    service = Service(2)
    try:
        pairs = [(one_by_one(service), together(service)) for _ in range(PAIRS)]
        figures = [
            Figure("start to first training step, warm: from handing out to the measurement after three steps", times(until_first_steps, service), "s", 0.1),
            Figure("submit to handing out", times(until_handed_out, service), "s", 0.3),
            Figure(
                "two slots beside one, throughput", tuple(a / b for a, b in pairs), "x", 1.6, at_least=True,
                note=f"{RUNS} runs of two epochs, SNIP 95 %, LeNet-300-100, MNIST; one thread each",
            ),
            Figure("cancel: from asking to cancelled", times(until_cancelled, service), "s", 1.0),
            Figure("worker killed by SIGKILL to recorded as lost", times(until_known_as_lost, service), "s", 2.0),
        ]  # fmt: skip
    finally:
        with suppress(StoreError, psutil.Error):
            service.stop()
    keep("service", "The service, warm", figures, before)


if __name__ == "__main__":
    main()
