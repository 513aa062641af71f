"""Makes sure that a supervisor is at work."""

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from .. import memory
from ..environment import here
from ..spec import RunSpec
from ..store import Run, Store, Sweep, sweeps
from ..store.lease import Lease, lease
from ..store.sweeps import Asked
from ..sweeps import asked_for, checked_follow, words_of
from ..wording import SpecError
from . import processes

PATIENCE = 10.0
STARTING = 30.0
LONGEST_LOG = 1 << 20


class Launched(NamedTuple):
    """A supervisor that this process has started, and when; it holds no lease before it has read its code."""

    process: subprocess.Popen[bytes]
    at: float


class Seen(NamedTuple):
    """The last change of another machine's lease that was seen here, and when."""

    lease: Lease
    at: float


launched: dict[Path, Launched] = {}
seen: dict[Path, Seen] = {}


def submit(store: Store, spec: RunSpec, name: str | None = None, notes: str = "") -> Run:
    """Queue a run and make sure that someone carries it out.

    Raises SpecError for a name or notes that are too long, or for a run that needs more memory than it may take here; QueueFull where too many wait.
    """
    fits_here([spec])
    run = store.submit(spec, name, notes)
    ensure_supervisor(store)
    return run


def submit_sweep(
    store: Store, specs: Sequence[RunSpec], name: str | None = None, follow: Iterable[str] = (), *, again: bool = False
) -> Sweep:
    """Queue a sweep, whole or not at all, and make sure that someone carries it out.

    Runs that are here already, of the same code, torch and device, become part of it as they are, unless `again`; asked twice, it runs once.
    follow: names of prune_core.twins, queued for every run that prunes as soon as it has finished (the dense ones at once).
    Raises SpecError for no runs, too many, unknown names, a name of more than 80 characters, or a run that needs more memory than it may take here;
    QueueFull where too many would wait.
    """
    asked = asked_for(specs, follow)
    fits_here([spec for spec, _ in asked])
    definition = {
        "models": sorted({spec.network for spec in specs}), "datasets": sorted({spec.data for spec in specs}),
        "follow": checked_follow(follow), "again": again,
    }  # fmt: skip
    rows = [Asked(spec, None if again else here(spec.device), twins) for spec, twins in asked]
    sweep_id = sweeps.create(store, rows, (name or "").strip() or words_of(specs), definition)
    ensure_supervisor(store)
    return store.sweep(sweep_id)


def fits_here(specs: Iterable[RunSpec]) -> None:
    """Refuse runs that would need more memory than this machine gives them, before they wait in vain. GPUs are asked when a run begins on one."""
    limit = memory.allowed()
    on_cpu = (spec for spec in specs if spec.device == "cpu" or (spec.device == "auto" and not processes.gpus()))
    if problem := next(filter(None, (memory.refusal(spec, limit) for spec in on_cpu)), None):
        raise SpecError([problem])


def ensure_supervisor(store: Store) -> None:
    """Start a supervisor for the store, apart from this process, unless one is at work. Cheap; may be called at any time."""
    held = lease(store)
    if held is not None and at_work(store.home, held):
        return
    last = launched.get(store.home)
    if last is not None and last.process.poll() is None and time.monotonic() - last.at < STARTING:
        return
    launched[store.home] = Launched(start(store), time.monotonic())


def at_work(home: Path, held: Lease) -> bool:
    """Whether the lease's holder lives: its process here, or on another machine its counter between two looks."""
    if held.host == processes.host():
        return processes.alive(held.pid, held.born)
    last = seen.get(home)
    if last is None or last.lease != held:
        seen[home] = Seen(held, time.monotonic())
        return True
    return time.monotonic() - last.at < PATIENCE


def start(store: Store) -> subprocess.Popen[bytes]:
    """`python -m prune_core supervise` in a session of its own, with this process's environment, writing to a log."""
    path = log_path(store)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    fresh = os.O_TRUNC if path.exists() and path.stat().st_size > LONGEST_LOG else 0
    with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | fresh, 0o600), "wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "prune_core", "supervise"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment(store), start_new_session=True,
        )  # fmt: skip


def log_path(store: Store) -> Path:
    return store.home / "logs" / "supervisor.log"


def environment(store: Store) -> dict[str, str]:
    """This process's environment, with the store named and this very package to be found."""
    package = str(Path(__file__).parents[2])
    paths = [package, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    named = {"ESPALIER_HOME": str(store.home), "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}
    return {**os.environ, **named, **({"ESPALIER_DATABASE_URL": store.url} if store.url else {})}
