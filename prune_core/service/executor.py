"""Where runs are carried out: the interface, and the local way to do it."""

import multiprocessing
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread
from typing import NamedTuple, Protocol

from ..environment import gpus
from ..store.queue import Running
from . import processes
from .worker import Job, work

WARM = "prune_core.service.warm"
UNKNOWN_SECONDS = 15.0
SILENT_SECONDS = 60.0
LINGER_SECONDS = 10.0
FORKSERVER_LOST = 255


class Executor(Protocol):
    """Carries out runs somewhere. The supervisor owns the queue and every state; an executor only starts, watches and stops."""

    def ready(self) -> bool:
        """Whether a run would start at once."""

    def start(self, job: Job) -> int | None:
        """Begin to carry out a job; its process number where there is one."""

    def lost(self, running: Running) -> str | None:
        """Why the worker of the run is gone, in words; None while it lives or may live."""

    def stop(self, running: Running, force: bool) -> None:
        """Ask the worker to end, or end it with everything that it has started."""

    def tidy(self, running: Iterable[Running]) -> None:
        """Forget workers whose runs are over."""

    def wait(self, seconds: float) -> None:
        """Wait so long, or until a worker ends."""


class Child(NamedTuple):
    process: BaseProcess
    born: str | None
    gpu: str | None


class LocalExecutor:
    """One process a run: forked from a server that has torch imported and warm; spawned where there is no such server."""

    def __init__(self) -> None:
        self.children: dict[tuple[str, int], Child] = {}
        self.since: dict[tuple[str, int, int], float] = {}
        self.over: dict[tuple[str, int], float] = {}
        if sys.platform == "linux":
            self.context: multiprocessing.context.BaseContext = multiprocessing.get_context("forkserver")
            self.context.set_forkserver_preload([WARM])
            # The server looks modules up by itself, before it is told this process's path.
            package, paths = str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "").split(os.pathsep)
            os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(filter(None, (package, *paths))))
            self.warming = Thread(target=self.warm, daemon=True)
            self.warming.start()
        else:
            self.context = multiprocessing.get_context("spawn")
            self.warming = Thread()

    def warm(self) -> None:
        """The first process that the server forks ends at once: afterwards the server is known to be ready."""
        first = self.context.Process(target=nothing)  # type: ignore[attr-defined]
        first.start()
        first.join()

    def ready(self) -> bool:
        return not self.warming.is_alive()

    def start(self, job: Job) -> int | None:
        gpu = self.freest_gpu() if job.device == "auto" else None
        process = self.context.Process(target=work, args=(job._replace(gpu=gpu),), name=f"run {job.run_id}")  # type: ignore[attr-defined]
        process.start()
        self.children[job.run_id, job.attempt] = Child(process, processes.born(process.pid or 0), gpu)
        return process.pid

    def freest_gpu(self) -> str | None:
        used = Counter(child.gpu for child in self.children.values())
        return min(gpus(), key=lambda name: used[name], default=None)

    def lost(self, running: Running) -> str | None:
        child = self.children.get((running.run_id, running.attempt))
        if child is not None:
            code = child.process.exitcode
            if code is None or (code == FORKSERVER_LOST and processes.alive(child.process.pid, child.born)):
                return None
            return in_words(code)
        if running.host == processes.host():
            return None if processes.alive(running.pid, running.born) else "its worker was gone"
        silent = time.monotonic() - self.since.setdefault((running.run_id, running.attempt, running.beat), time.monotonic())
        if running.host is None:
            return "its worker never began" if silent > UNKNOWN_SECONDS else None
        return f"its worker on {running.host} gave no sign for {SILENT_SECONDS:.0f} seconds" if silent > SILENT_SECONDS else None

    def stop(self, running: Running, force: bool) -> None:
        child = self.children.get((running.run_id, running.attempt))
        pid, since = (child.process.pid, child.born) if child else (running.pid, running.born)
        if pid is None or (child is None and running.host != processes.host()) or not processes.alive(pid, since):
            return
        end(pid, force)

    def tidy(self, running: Iterable[Running]) -> None:
        wanted = {(r.run_id, r.attempt) for r in running}
        for key in [key for key in self.children if key not in wanted]:
            process = self.children[key].process
            if process.exitcode is not None:
                process.join()
                del self.children[key]
                self.over.pop(key, None)
            elif time.monotonic() - self.over.setdefault(key, time.monotonic()) > LINGER_SECONDS:
                process.kill()
        self.since = {key: at for key, at in self.since.items() if key[:2] in wanted}

    def wait(self, seconds: float) -> None:
        sentinels = [child.process.sentinel for child in self.children.values() if child.process.exitcode is None]
        if sentinels:
            wait(sentinels, seconds)
        else:
            time.sleep(seconds)


def nothing() -> None: ...


def end(pid: int, force: bool) -> None:
    """Ask a process to end, or end it with everything that it has started."""
    with suppress(ProcessLookupError, PermissionError):
        if not force:
            os.kill(pid, signal.SIGTERM)
        elif os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)


def in_words(code: int) -> str:
    if code == -signal.SIGKILL:
        return "its worker was killed (signal 9; often there is too little memory)"
    return f"its worker was ended by signal {-code}" if code < 0 else f"its worker ended with status {code}"
