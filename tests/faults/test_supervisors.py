"""Supervisors that are killed, doubled, put to sleep: runs go on, and each is carried out once."""

import os
import signal

import psutil
import pytest

from prune_core.service import ensure_supervisor, submit
from prune_core.service.starting import launched
from prune_core.store import Store
from prune_core.store.lease import lease

from .conftest import LONG, SPEC, until


def test_a_run_goes_on_while_its_supervisor_is_killed_and_the_next_one_finds_it(service):
    first = service.supervise()
    run, waiting = service.store.submit(SPEC), service.store.submit(SPEC.model_copy(update={"seed": 1, "epochs": 1}))
    pid = until(lambda: service.has_events(run, 6) and service.worker(run), "a worker under way")
    first.kill()
    first.wait()
    n = len(service.numbers(run))
    until(lambda: service.has_events(run, n + 3), "further events without a supervisor")
    assert service.worker(run) == pid
    second = service.supervise()
    until(lambda: service.holder() is second, "the second supervisor to take over")
    service.ended(run)
    service.ended(waiting)
    assert len(service.store.attempts(run.id)) == 1
    assert service.numbers(run) == list(range(len(service.numbers(run))))


def test_a_worker_that_was_found_and_then_killed_is_noticed(service):
    first = service.supervise()
    run = service.store.submit(SPEC)
    pid = until(lambda: service.has_events(run, 6) and service.worker(run), "a worker under way")
    service.freeze(pid)
    first.kill()
    first.wait()
    second = service.supervise()
    until(lambda: service.holder() is second, "the second supervisor to take over")
    os.kill(pid, signal.SIGKILL)
    service.ended(run)
    assert [a.why for a in service.store.attempts(run.id)] == ["its worker was gone", "finished"]


def test_a_found_run_can_be_cancelled(service):
    first = service.supervise()
    run = service.store.submit(LONG)
    until(lambda: service.has_events(run, 6), "a run under way")
    first.kill()
    first.wait()
    service.supervise()
    service.store.request_cancel(run.id)
    service.ended(run, "cancelled")


def test_of_two_supervisors_one_stands_by_and_takes_over(service):
    supervisors = {service.supervise(), service.supervise()}
    runs = [service.store.submit(SPEC.model_copy(update={"seed": seed, "epochs": 10})) for seed in range(4)]
    holder = until(service.holder, "one to hold the lease")
    until(lambda: any(service.has_events(run, 6) for run in runs), "runs under way")
    assert service.holder() is holder
    assert all(supervisor.poll() is None for supervisor in supervisors)
    holder.kill()
    holder.wait()
    (other,) = supervisors - {holder}
    until(lambda: service.holder() is other, "the other to take over")
    for run in runs:
        service.ended(run)
        assert len(service.store.attempts(run.id)) == 1


def test_everything_killed_at_once_is_taken_up_again(service):
    first = service.supervise()
    untouched = service.store.submit(SPEC)
    service.ended(untouched)
    run = service.store.submit(SPEC)
    until(lambda: service.has_events(run, 10) and service.worker(run), "a worker under way")
    family = psutil.Process(first.pid).children(recursive=True)
    for process in [psutil.Process(first.pid), *family]:
        process.kill()
    psutil.wait_procs(family)
    first.wait()
    assert service.state(run) == "running"
    service.supervise()
    service.ended(run)
    assert service.sha256(run) == service.sha256(untouched)
    assert service.numbers(run) == service.numbers(untouched)


def test_a_supervisor_that_slept_through_its_lease_ends_when_it_wakes(service):
    sleeper = service.supervise()
    until(lambda: service.holder() is sleeper, "the first to hold the lease")
    service.freeze(sleeper.pid)
    other = service.supervise()
    run = service.store.submit(SPEC.model_copy(update={"epochs": 2}))
    until(lambda: service.holder() is other, "the other to take over")
    os.kill(sleeper.pid, signal.SIGCONT)
    assert sleeper.wait(timeout=30) == 0
    service.ended(run)
    assert service.holder() is other
    assert len(service.store.attempts(run.id)) == 1


def test_the_fork_server_killed_costs_no_run(service):
    supervisor = service.supervise()
    run, later = service.store.submit(SPEC), service.store.submit(SPEC.model_copy(update={"seed": 2, "epochs": 1}))
    until(lambda: service.has_events(run, 6) and service.worker(run), "a worker under way")
    (server,) = [p for p in psutil.Process(supervisor.pid).children() if "forkserver" in " ".join(p.cmdline())]
    server.kill()
    service.ended(run)
    service.ended(later)
    last = service.store.submit(SPEC.model_copy(update={"seed": 3, "epochs": 1}))
    service.ended(last)
    assert [len(service.store.attempts(r.id)) for r in (run, last)] == [1, 1]


def test_a_supervisor_without_work_ends_and_gives_its_lease_back(service):
    supervisor = service.supervise("--idle", "0.5")
    service.ended(service.store.submit(SPEC.model_copy(update={"epochs": 1})))
    assert supervisor.wait(timeout=30) == 0
    assert lease(service.store) is None


def test_asking_for_a_supervisor_again_and_again_starts_one(tmp_path):
    store = Store.open(tmp_path)
    try:
        for _ in range(5):
            ensure_supervisor(store)
        run = submit(store, SPEC.model_copy(update={"epochs": 1}))
        until(lambda: store.run(run.id).state == "finished", "the run to finish")
        held = lease(store)
        assert held is not None
        ensure_supervisor(store)
        assert held.pid == launched[store.home].process.pid
        assert (store.home / "logs" / "supervisor.log").read_text().count("Supervises") == 1
    finally:
        launched[store.home].process.kill()
        launched[store.home].process.wait()


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_supervisor_that_is_asked_to_end_leaves_its_runs_going(service, name):
    supervisor = service.supervise()
    run = service.store.submit(SPEC)
    pid = until(lambda: service.has_events(run, 6) and service.worker(run), "a worker under way")
    supervisor.send_signal(name)
    assert supervisor.wait(timeout=30) == 0
    assert lease(service.store) is None
    assert service.worker(run) == pid
    service.ended(run)
