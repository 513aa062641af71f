"""Workers that are killed, stopped, cancelled: nothing that was acknowledged is lost, and the weights are the same."""

import errno
import os
import random
import signal
import time

import pytest

from prune_core.service.worker import is_out_of_memory
from prune_core.spec import RunSpec
from prune_core.store import queue

from .conftest import LONG, SPEC, until

VICTIMS = {
    "snip": SPEC,
    "iterative": RunSpec(criterion="magnitude", protocol="iterative", sparsity=0.9, epochs=40),
    "channels": RunSpec(model="small_conv", criterion="l2_norm", sparsity=0.5, epochs=6),
    "adam": SPEC.model_copy(update={"optimizer": "adam", "lr": 1e-3, "seed": 3}),
}
KILLS = 5


@pytest.mark.parametrize("victim", VICTIMS)
def test_a_run_that_is_killed_again_and_again_ends_in_the_same_weights(service, victim):
    """Five kills at random moments in each of four runs: twenty in all."""
    seed = random.SystemRandom().randrange(2**32)
    print("moments by seed", seed)
    chance, store = random.Random(seed), service.store
    service.supervise()
    untouched, run = store.submit(VICTIMS[victim]), store.submit(VICTIMS[victim])
    acknowledged: dict[int, object] = {}
    for attempt in range(1, KILLS + 1):
        pid = until(lambda n=attempt: service.worker(run, n), f"attempt {attempt}")
        moment = time.monotonic() + chance.uniform(0, 0.4)
        # Three kills in a row before anything new is stored would rightly end the run.
        third = [a.further for a in store.attempts(run.id)][-3:-1] == [False, False]
        until(lambda: time.monotonic() > moment and (not third or store.attempts(run.id)[-1].further), "the moment")  # noqa: B023
        acknowledged |= dict(store.events(run.id))
        os.kill(pid, signal.SIGKILL)
    service.ended(run)
    service.ended(untouched)
    assert [a.why for a in store.attempts(run.id)][:-1] == ["its worker was killed (signal 9; often there is too little memory)"] * KILLS
    assert service.sha256(run) == service.sha256(untouched)
    assert service.numbers(run) == service.numbers(untouched) == list(range(len(service.numbers(run))))
    assert [e.kind for _, e in store.events(run.id)] == [e.kind for _, e in store.events(untouched.id)]
    assert acknowledged.items() <= dict(store.events(run.id)).items()


def test_a_worker_that_is_asked_to_end_leaves_a_checkpoint_and_its_run_goes_on(service):
    service.supervise()
    untouched, run = service.store.submit(SPEC), service.store.submit(SPEC)
    pid = until(lambda: service.has_events(run, 6) and service.worker(run, 1), "a worker under way")
    os.kill(pid, signal.SIGTERM)
    service.ended(run)
    service.ended(untouched)
    assert [a.why for a in service.store.attempts(run.id)] == ["its worker was asked to end", "finished"]
    assert service.sha256(run) == service.sha256(untouched)


def test_a_running_run_and_a_queued_one_are_cancelled(service):
    service.supervise()
    runs = [service.store.submit(LONG.model_copy(update={"seed": seed})) for seed in range(3)]
    pid = until(lambda: service.has_events(runs[0], 6) and service.worker(runs[0]), "the first run under way")
    for run in (runs[2], runs[0]):
        service.store.request_cancel(run.id)
    assert service.state(runs[2]) == "cancelled"
    service.ended(runs[0], "cancelled")
    assert service.numbers(runs[0]) == list(range(len(service.numbers(runs[0]))))
    until(lambda: service.worker(runs[0]) is None and not os.path.exists(f"/proc/{pid}"), "its worker to be gone")
    assert service.state(runs[1]) == "running"


def test_a_cancelled_run_whose_worker_does_not_listen_is_ended_by_force(service):
    service.supervise()
    run = service.store.submit(LONG)
    pid = until(lambda: service.has_events(run, 6) and service.worker(run), "a worker under way")
    service.freeze(pid)
    service.store.request_cancel(run.id)
    service.ended(run, "cancelled")
    assert not os.path.exists(f"/proc/{pid}")


def test_a_worker_that_stands_still_is_not_declared_dead(service):
    supervisor = service.supervise()
    run = service.store.submit(SPEC)
    pid = until(lambda: service.has_events(run, 6) and service.worker(run), "a worker under way")
    service.freeze(pid)
    before = service.beat()
    until(lambda: service.beat() >= before + 3, "the supervisor to look many times")
    assert (service.state(run), service.store.run(run.id).attempt, service.worker(run)) == ("running", 1, pid)
    os.kill(pid, signal.SIGCONT)
    service.ended(run)
    assert len(service.store.attempts(run.id)) == 1
    assert supervisor.poll() is None


def test_a_worker_whose_attempt_is_over_wakes_up_and_changes_nothing(service):
    service.supervise()
    untouched, run = service.store.submit(SPEC), service.store.submit(SPEC)
    pid = until(lambda: service.has_events(run, 6) and service.worker(run, 1), "a worker under way")
    service.freeze(pid)
    queue.requeue(service.store, run.id, 1, "thought to be dead")
    until(lambda: service.store.run(run.id).attempt == 2 and service.has_events(run, 8), "another worker to go on")
    os.kill(pid, signal.SIGCONT)
    service.ended(run)
    service.ended(untouched)
    until(lambda: not os.path.exists(f"/proc/{pid}"), "the old worker to leave")
    assert service.sha256(run) == service.sha256(untouched)
    assert service.numbers(run) == list(range(len(service.numbers(untouched))))
    assert [a.number for a in service.store.attempts(run.id)] == [1, 2]


def test_a_run_that_gets_no_further_is_given_up(service):
    service.supervise()
    run = service.store.submit(SPEC)
    attempt = 0
    while service.state(run) in ("queued", "running"):
        attempt += 1
        pid = until(lambda n=attempt: service.worker(run, n) or service.state(run) == "failed", "the next attempt")
        if pid is not True:
            os.kill(pid, signal.SIGKILL)
            until(lambda n=attempt: service.store.attempts(run.id)[n - 1].ended, "the attempt to be over")
    over = service.ended(run, "failed")
    assert over.message is not None
    assert over.message.startswith("Gave up after 3 attempts in a row that got no further: its worker was killed")
    assert [a.further for a in service.store.attempts(run.id)][-3:] == [False, False, True]


def test_data_that_is_not_there_is_a_failed_run_in_words(service, monkeypatch, tmp_path):
    monkeypatch.setenv("ESPALIER_DATA", str(tmp_path / "no data"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    service.supervise()
    run = service.ended(service.store.submit(RunSpec(dataset="mnist", epochs=1)), "failed")
    assert run.message is not None
    assert "MNIST is not here" in run.message
    assert "Traceback" not in run.message
    assert "Traceback" in service.store.log(run.id)


def test_checkpoints_that_are_damaged_do_not_end_a_run(service):
    service.supervise()
    untouched, run = service.store.submit(SPEC), service.store.submit(SPEC)

    def checkpoints():
        return [file.name for file in service.store.files(run.id) if file.kind == "checkpoint"]

    pid = until(lambda: len(checkpoints()) == 2 and service.worker(run, 1), "two checkpoints")
    service.freeze(pid)
    newest = service.store.path(run.id, checkpoints()[-1])
    newest.write_bytes(newest.read_bytes()[:-100])
    os.kill(pid, signal.SIGKILL)
    service.ended(run)
    service.ended(untouched)
    assert service.sha256(run) == service.sha256(untouched)
    assert "is damaged" in service.store.log(run.id)


def test_a_supervisor_clears_away_what_a_worker_could_not(service):
    service.supervise()
    run = service.store.submit(SPEC)
    until(lambda: service.has_events(run, 3), "a run under way")
    folder = service.store.folder(run.id)
    stuck, half = (folder / f"weights-{name}.safetensors.part" for name in ("0123456789abcdef", "fedcba9876543210"))
    stuck.mkdir()  # which nobody can unlink, so that the supervisor comes again
    service.ended(run)
    half.write_bytes(b"half")
    until(lambda: not half.exists(), "the supervisor's next round")


@pytest.mark.parametrize(
    ("error", "is_lack"),
    [
        (MemoryError(), True), (OSError(errno.ENOMEM, "Cannot allocate memory"), True), (RuntimeError("can't start new thread"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"), True),
        (ImportError("libtorch.so: failed to map segment from shared object"), True),
        (OSError(errno.ENOSPC, "No space left on device"), False), (ZeroDivisionError("division by zero"), False),
    ],
)  # fmt: skip
def test_too_little_memory_is_known_however_it_is_said(error, is_lack):
    assert is_out_of_memory(error) == is_lack
