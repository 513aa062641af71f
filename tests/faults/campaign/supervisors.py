"""Faults of supervisors and of the web server: killed, doubled, asleep; everything at once."""

import os
import signal
import threading
from contextlib import suppress

import psutil

from prune_core.service.executor import LocalExecutor
from prune_core.service.supervisor import Supervisor
from prune_core.store import queue
from prune_core.store.lease import Lease, LeaseLost, give_back, lease, renew, take

from .ground import PLAN
from .scene import DEADLINE, Scene
from .web import Server, Visitor


def killed(scene: Scene) -> None:
    """SIGKILL of the supervisor's process while a run goes on; the next one finds its worker."""
    first = scene.launch()
    run, waiting = scene.submit(), scene.submit()
    scene.at_random(run, 0.5)
    first.kill()
    first.wait()
    scene.look(waiting)
    scene.launch()
    scene.attempts = 1


def two_at_once(scene: Scene) -> None:
    """Two from the start; the one with the lease is killed and the other takes over."""
    both = [scene.launch(), scene.launch()]
    run, _ = scene.submit(), scene.submit()
    scene.at_random(run, 0.5)
    held = lease(scene.store)
    for process in both:
        if held is not None and process.pid == held.pid:
            process.kill()
            process.wait()
    scene.attempts = 1


def late_lease(scene: Scene) -> None:
    """A supervisor sleeps while another one takes its lease; when it wakes up it writes nothing and ends."""
    awake = threading.Event()
    asleep = threading.Event()

    class Sleeper(LocalExecutor):
        def wait(self, seconds: float) -> None:
            if scene.chance.random() < 0.2:
                asleep.set()
                awake.wait(DEADLINE)
            super().wait(seconds)

    run = scene.start(Sleeper)
    assert asleep.wait(DEADLINE)
    first, thread = scene.supervisor, scene.thread
    assert first is not None
    assert thread is not None
    second = Supervisor(scene.store, LocalExecutor, PLAN)
    assert take(scene.store, second.lease, lease(scene.store))
    for write in (lambda: renew(scene.store, first.lease), lambda: queue.claim(scene.store, first.lease, 1)):
        with suppress(LeaseLost):
            write()
            scene.found.append("a supervisor without the lease could write")
    second.executor = LocalExecutor()
    looking = threading.Thread(target=scene.work_on, args=(second,), daemon=True)
    looking.start()
    scene.supervisor, scene.thread = second, looking
    wake = threading.Timer(scene.chance.uniform(0, 0.6), awake.set)
    wake.start()
    scene.settle()
    awake.set()
    thread.join(DEADLINE)
    if thread.is_alive():
        scene.found.append("a supervisor without the lease goes on")
    scene.look(run)
    scene.attempts = 1


def leases_raced_for(scene: Scene) -> None:
    """Many want the lease and the queued run at the same moment; each is had once."""
    run = scene.submit()
    wanted = [Lease(f"racer {n}", "elsewhere", n, "then") for n in range(6)]
    held, claims, barrier = list[Lease](), list[object](), threading.Barrier(len(wanted))

    def race(mine: Lease) -> None:
        seen = lease(scene.store)
        barrier.wait()
        if take(scene.store, mine, seen):
            held.append(mine)
        with suppress(LeaseLost):
            if claimed := queue.claim(scene.store, mine, 1):
                claims.append(claimed)

    threads = [threading.Thread(target=race, args=(mine,)) for mine in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(held) != 1 or len(claims) != 1:
        scene.found.append(f"{len(held)} of {len(wanted)} had the lease and {len(claims)} the run")
    queue.requeue(scene.store, run.id, 1, "a race")
    give_back(scene.store, held[0])
    scene.supervise()


def web_server_killed(scene: Scene) -> None:
    """SIGKILL of the web server while a run goes on; a restarted one shows the true state at once."""
    server = Server(scene)
    run = scene.submit()
    scene.at_random(run, 0.6)
    server.kill()
    scene.look(run)
    server.start()
    server.shows_the_truth(run)
    scene.attempts = 1


def browser_closed(scene: Scene) -> None:
    """The browser goes in the midst of a live page; the run does not care."""
    server = Server(scene)
    run = scene.submit()
    with Visitor(server, f"/run?run={run.id}") as visitor:
        scene.at_random(run, 0.6)
        visitor.drop()
    scene.attempts = 1


def everything_killed(scene: Scene) -> None:
    """SIGKILL of supervisor, fork server, workers and web server at once."""
    server = Server(scene)
    run, _ = scene.submit(), scene.submit()
    scene.at_random(run, 0.7)
    family = [p for p in psutil.process_iter() if scene.owns(p)]
    for process in family:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    psutil.wait_procs(family, timeout=DEADLINE)
    scene.end_workers()
    server.start()
    server.shows_the_truth(run)
