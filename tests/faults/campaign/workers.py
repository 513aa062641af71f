"""Faults of workers: killed, stopped, starved, struck; two for one run; one that wakes up when its attempt is over."""

import os
import resource
import signal
import time
from contextlib import suppress
from pathlib import Path

from prune_core.service import processes
from prune_core.service.worker import NO_MEMORY, Job
from prune_core.store import AttemptOver, queue
from prune_core.store.lease import Lease, give_back, lease, take

from . import hands
from .ground import CHECKPOINT_SECONDS
from .scene import DEADLINE, Missed, Scene, until


def killed(scene: Scene) -> None:
    """SIGKILL, once or twice."""
    run = scene.start()
    for attempt in range(1, scene.chance.choice((2, 2, 3))):
        pid = scene.at_random(run)
        if scene.store.run(run.id).attempt != attempt:
            return
        scene.kill(pid)
        scene.notice(run, attempt)


def asked_to_end(scene: Scene) -> None:
    """SIGTERM: it leaves a checkpoint and another worker goes on."""
    run = scene.start()
    scene.signal(scene.at_random(run), signal.SIGTERM)


def stopped(scene: Scene) -> None:
    """SIGSTOP for a minute, in the midst of whatever it did: it is not dead, and nobody says so."""
    run = scene.start()
    pid = scene.at_random(run)
    scene.signal(pid, signal.SIGSTOP)
    try:
        scene.wait(long=60.0, short=1.5)
        if not scene.over(run) and (scene.store.run(run.id).state, scene.worker(run)) != ("running", pid):
            scene.found.append(f"a stopped worker was declared dead: {scene.store.attempts(run.id)}")
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    scene.attempts = 1


def out_of_memory(scene: Scene) -> None:
    """Its address space may not grow any more."""
    scene.ends, scene.words = {"finished", "failed"}, NO_MEMORY
    run = scene.start()
    pid = scene.at_random(run)
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + scene.chance.choice((0, 0, 100_000, 1_000_000))
        resource.prlimit(pid, resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    except (OSError, IndexError):
        raise Missed from None


def exception(scene: Scene) -> None:
    """An exception that nobody expected, at any line."""
    scene.ends, scene.words = {"finished", "failed"}, "Stopped by an error that should not happen (ZeroDivisionError)"
    by_hand(scene, hands.struck, scene.chance.uniform(0.0, 0.6))


def clock_stepped(scene: Scene) -> None:
    """The clock is set by an hour, forward or back, under a worker; then it is killed, and the next one has the old clock."""
    by = scene.chance.choice((-3600.0, 3600.0))
    run = by_hand(scene, hands.stepped, scene.chance.uniform(0.0, 0.2), by)
    if scene.chance.random() < 0.7:
        scene.kill(scene.at_random(run))


def by_hand(scene: Scene, target: object, *arguments: float):  # type: ignore[no-untyped-def]
    """A run whose first worker is one of ours; the supervisor comes later and finds it."""
    run = scene.submit()
    first = Lease("first", *processes.me())
    assert take(scene.store, first, lease(scene.store))
    claimed = queue.claim(scene.store, first, 1)
    assert claimed is not None
    job = Job(scene.home, None, run.id, claimed.attempt, 1, "cpu", CHECKPOINT_SECONDS)
    process = hands.started(target, job, *arguments)
    pid = process.pid or 0
    queue.register(scene.store, run.id, claimed.attempt, processes.host(), pid, processes.born(pid) or "gone")
    give_back(scene.store, first)
    scene.supervise()
    return run


def not_a_number(scene: Scene) -> None:
    """A learning rate at which the loss is soon no longer a number."""
    scene.ends, scene.words = {"failed"}, "the loss is no longer a number"
    rate = scene.chance.uniform(50, 100)
    run = scene.submit(scene.specs[0].model_copy(update={"lr": rate, "momentum": 0.95, "seed": scene.chance.randrange(1000)}))
    scene.supervise()
    if scene.chance.random() < 0.3:
        scene.kill(scene.at_random(run, 0.3))
    scene.settle()
    if scene.store.run(run.id).state == "finished":
        raise Missed


def two_for_one_run(scene: Scene) -> None:
    """Two workers are started for the same attempt, and a second supervisor claims what the first one has."""
    run = scene.start()
    scene.at_random(run, 0.5)
    number = scene.store.run(run.id).attempt
    twin = hands.started(hands.work, Job(scene.home, None, run.id, number, 1, "cpu", CHECKPOINT_SECONDS))
    scene.settle()
    twin.join(DEADLINE)
    if twin.is_alive():
        twin.kill()
        scene.found.append("of two workers for one attempt one never ended")


def late_worker(scene: Scene) -> None:
    """A worker sleeps until its run was given to another, and wakes up at a random moment."""
    run = scene.start()
    pid = scene.at_random(run, 0.6)
    number = scene.store.run(run.id).attempt
    scene.freeze(pid)
    try:
        queue.requeue(scene.store, run.id, number, "thought to be dead")
        until(lambda: scene.store.run(run.id).attempt > number, "another attempt", DEADLINE)
        moment = time.monotonic() + scene.chance.uniform(0, 0.5)
        while time.monotonic() < moment:
            scene.look(run)
    except AttemptOver:
        raise Missed from None
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    born = processes.born(pid)
    scene.settle()
    until(lambda: born is None or not processes.alive(pid, born), "the late worker to leave", DEADLINE)
