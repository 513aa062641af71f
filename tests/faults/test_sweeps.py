"""A sweep whose processes are all killed, at any moment, ends complete, and nothing of it has run twice."""

import multiprocessing
import os
import random
import signal
import time
from collections import Counter

import psutil

from prune_core import service as services
from prune_core.spec import RunSpec
from prune_core.store import Store, sweeps
from prune_core.store.sweeps import Asked
from prune_core.sweeps import expand

from .conftest import until

KILLS = 2


def kill_everything(home):
    """SIGKILL to whatever works for the store: supervisor, fork server, workers."""
    killed = 0
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get("ESPALIER_HOME") == str(home):
                process.kill()
                killed += 1
        except psutil.Error:
            continue
    return killed


def test_a_sweep_that_is_killed_as_a_whole_again_and_again_ends_complete_and_runs_nothing_twice(service, monkeypatch):
    monkeypatch.setattr(services.starting, "ensure_supervisor", lambda store: None)
    seed = random.SystemRandom().randrange(2**32)
    print("moments by seed", seed)
    chance, store = random.Random(seed), service.store
    specs = expand({"epochs": 4}, {"criterion": ["snip", "random"], "sparsity": [0.9, 0.95]}, 2)
    sweep = services.submit_sweep(store, specs, follow=["dense", "shuffled"])
    twice = services.submit_sweep(store, specs, follow=["dense", "shuffled"])
    for kill in range(KILLS):
        service.supervise()
        wanted = 2 + 5 * kill
        until(lambda n=wanted: store.sweep(sweep.id).over >= n, f"{wanted} runs to be over")
        moment = time.monotonic() + chance.uniform(0, 0.5)
        until(lambda at=moment: time.monotonic() > at, "the moment")
        assert kill_everything(store.home) >= 2
    service.supervise()
    until(lambda: not store.is_busy(), "the sweep to end")
    for each in (sweep, twice):
        done = store.sweep(each.id)
        assert (done.counts, done.waiting, done.dropped) == ({"finished": 8 + 2 + 8}, 0, {})
    runs = [run for run in store.runs(limit=None) if not run.example]
    assert set(Counter(run.fingerprint for run in runs).values()) == {1}
    assert Counter(run.spec.protocol for run in runs) == {"prune_at_init": 8, "dense": 2, "mask_control": 8}
    for run in runs:
        assert service.numbers(run) == list(range(len(service.numbers(run))))
        assert [e.kind for _, e in store.events(run.id)].count("finished") == 1


def test_a_submission_that_is_killed_has_queued_the_whole_sweep_or_nothing(service):
    store, context = service.store, multiprocessing.get_context("spawn")
    before = len(store.runs(limit=None))
    for kill in range(3):
        submitter = context.Process(target=submit_for_ever, args=(store.home, kill))
        submitter.start()
        there = len(store.sweeps())
        until(lambda n=there: len(store.sweeps()) > n + 1, "a few sweeps")
        os.kill(submitter.pid, signal.SIGKILL)
        submitter.join()
    found = store.sweeps(limit=10_000)
    assert {(sweep.counts["queued"], sweep.waiting) for sweep in found} == {(100, 100)}
    assert len(store.runs(limit=None)) - before == 100 * len(found)


def submit_for_ever(home, kill):
    store, n = Store.open(home), kill * 100_000
    while True:
        sweeps.create(store, [Asked(RunSpec(seed=(n := n + 1)), None, ("shuffled",)) for _ in range(100)], "many", {})
