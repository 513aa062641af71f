"""What the store promises: states, order, fencing, durability. Real databases in temporary folders."""

import multiprocessing
import os
import stat
from datetime import UTC, datetime

import pytest

from prune_core.events import Cancelled, Epoch, Evaluated, Finished, FirstLayer, LayerKept, Numbered, Progress, Quality, Warned
from prune_core.spec import RunSpec
from prune_core.store import AttemptOver, NoSuchRun, Store, StoreError, queue
from prune_core.store.lease import Lease, LeaseLost, give_back, lease, release_if_idle, renew, take
from prune_core.wording import SpecError

SUPERVISOR = Lease("0" * 36, "here", 1, "then")


@pytest.fixture
def store(tmp_path):
    store = Store.open(tmp_path / "home")
    for run in store.runs():
        store.delete(run.id)
    assert take(store, SUPERVISOR, lease(store))
    return store


def begun(store, **fields):
    """A run that is under way, and its attempt."""
    run = store.submit(RunSpec(**fields))
    claimed = queue.claim(store, SUPERVISOR, threads=1)
    assert claimed is not None
    assert claimed.run.id == run.id
    return run.id, store.attempt(run.id, claimed.attempt)


def said(number: int, message: str = "x") -> Numbered:
    return Numbered(number, Warned(epoch=0.0, message=message))


def finished(accuracy: float = 0.9) -> Finished:
    quality = Quality(loss=0.1, accuracy=accuracy, n=100)
    return Finished(
        epoch=1.0, seconds=2.0, test=quality, validation=quality, layers=(LayerKept(name="a", units=4, kept=2),), weights_kept=2, weights=4,
        at_chance=False, first_layer=FirstLayer(layout="pixels", shape=(1, 1), of=4, counts=(2,)), weights_sha256="0" * 64,
    )  # fmt: skip


class TestStates:
    def test_a_new_run_is_queued_with_what_was_said_of_it(self, store):
        spec = RunSpec(sparsity=0.95)
        run = store.submit(spec, name="<b>first</b>", notes="why")
        assert (run.state, run.name, run.notes, run.spec, run.fingerprint, run.group) == (
            "queued", "<b>first</b>", "why", spec, spec.fingerprint, spec.group
        )  # fmt: skip
        assert run.title == "<b>first</b>"
        assert store.submit(spec).title == spec.title
        assert store.queue_length() == 2
        assert abs((datetime.now(UTC) - run.created).total_seconds()) < 60

    def test_the_oldest_queued_run_is_handed_out_first_and_only_once(self, store):
        first, second = store.submit(RunSpec(seed=1)), store.submit(RunSpec(seed=2))
        claims = [queue.claim(store, SUPERVISOR, 1) for _ in range(3)]
        assert [c and c.run.id for c in claims] == [first.id, second.id, None]
        assert store.run(first.id).state == "running"
        assert store.run(first.id).started is not None

    def test_the_last_event_and_the_state_come_together(self, store):
        run_id, attempt = begun(store)
        attempt.append(Numbered(0, Epoch(epoch=1.0, loss=1.0, accuracy=0.5, lr=0.1, seconds=0.25)))
        attempt.append(Numbered(1, finished()))
        run = store.run(run_id)
        assert run.state == "finished"
        assert run.summary is not None
        assert (run.summary.test_accuracy, run.summary.weights_kept, run.summary.seconds) == (0.9, 2, 2.0)
        assert store.history(run_id).finished is not None
        assert store.speeds() == {("lenet_300_100", "digits"): 0.25}
        assert [a.why for a in store.attempts(run_id)] == ["finished"]

    def test_a_failed_run_says_why(self, store):
        run_id, attempt = begun(store)
        attempt.fail("The loss is no longer a number.")
        assert (store.run(run_id).state, store.run(run_id).message) == ("failed", "The loss is no longer a number.")

    def test_a_queued_run_is_cancelled_at_once(self, store):
        run = store.submit(RunSpec())
        store.request_cancel(run.id)
        assert store.run(run.id).state == "cancelled"
        assert [e.kind for _, e in store.events(run.id)] == ["cancelled"]
        assert queue.claim(store, SUPERVISOR, 1) is None

    def test_a_running_run_is_marked_and_its_worker_ends_it(self, store):
        run_id, attempt = begun(store)
        assert not attempt.beat()
        store.request_cancel(run_id)
        store.request_cancel(run_id)
        assert store.run(run_id).cancel_requested
        assert attempt.beat()
        attempt.append(Numbered(0, Cancelled(epoch=0.5)))
        assert (store.run(run_id).state, store.run(run_id).cancel_requested) == ("cancelled", False)

    def test_a_run_that_is_over_stays_as_it_is(self, store):
        run_id, attempt = begun(store)
        attempt.append(Numbered(0, finished()))
        before = store.run(run_id)
        store.request_cancel(run_id)
        with pytest.raises(AttemptOver):
            attempt.fail("too late")
        with pytest.raises(AttemptOver):
            queue.requeue(store, run_id, 1, "gone")
        assert store.run(run_id) == before

    def test_a_run_that_lost_its_worker_is_queued_again_and_comes_first(self, store):
        run_id, attempt = begun(store)
        attempt.append(said(0))
        store.submit(RunSpec(seed=7))
        assert queue.requeue(store, run_id, 1, "its worker was killed") == "queued"
        claimed = queue.claim(store, SUPERVISOR, threads=4)
        assert claimed is not None
        assert (claimed.run.id, claimed.attempt, claimed.threads) == (run_id, 2, 1)
        assert [(a.number, a.from_event, a.why) for a in store.attempts(run_id)] == [(1, 0, "its worker was killed"), (2, 1, None)]

    def test_a_lost_run_that_was_to_be_cancelled_is_cancelled(self, store):
        run_id, attempt = begun(store)
        attempt.progress(Progress(1.5, 3.0, 1, 2, "Training"))
        store.request_cancel(run_id)
        assert queue.requeue(store, run_id, 1, "killed") == "cancelled"
        assert store.events(run_id) == [Numbered(0, Cancelled(epoch=1.5))]

    def test_three_attempts_in_a_row_that_get_no_further_are_enough(self, store):
        run_id, attempt = begun(store)
        attempt.append(said(0))
        states = [queue.requeue(store, run_id, 1, "killed")]
        for number in (2, 3, 4):
            queue.claim(store, SUPERVISOR, 1)
            store.attempt(run_id, number).append(said(0))
            states.append(queue.requeue(store, run_id, number, "killed"))
        assert states == ["queued", "queued", "queued", "failed"]
        assert "three attempts" in (store.run(run_id).message or "").replace("3", "three")

    def test_an_attempt_that_gets_further_starts_the_count_anew(self, store):
        run_id, _ = begun(store)
        for number in range(1, 6):
            if number % 2 == 0:
                store.attempt(run_id, number).append(said(number // 2 - 1))
            assert queue.requeue(store, run_id, number, "killed") == "queued"
            queue.claim(store, SUPERVISOR, 1)

    def test_every_change_makes_the_version_grow(self, store):
        run_id, attempt = begun(store)
        versions = [store.run(run_id).version]

        def grown() -> bool:
            versions.append(store.run(run_id).version)
            return versions[-1] > versions[-2]

        attempt.append(said(0))
        assert grown()
        attempt.progress(Progress(0.5, 1.0, 1, 2, "Training"))
        assert grown()
        store.rename(run_id, "new")
        assert grown()
        store.annotate(run_id, "notes")
        assert grown()
        store.request_cancel(run_id)
        assert grown()
        attempt.append(Numbered(1, Cancelled(epoch=0.0)))
        assert grown()

    def test_only_runs_that_are_over_can_be_deleted_and_nothing_of_them_stays(self, store):
        run_id, attempt = begun(store)
        attempt.files.save("weights.safetensors", {}, {})
        with pytest.raises(StoreError, match="Cancel it first"):
            store.delete(run_id)
        attempt.fail("x")
        store.delete(run_id)
        assert not store.folder(run_id).exists()
        for ask in (store.run, store.events, store.files, store.delete):
            with pytest.raises(NoSuchRun):
                ask(run_id)


class TestEvents:
    def test_events_come_back_in_order_and_after_a_number(self, store):
        run_id, attempt = begun(store)
        sent = [said(i, f"<b>{i}</b> ✂") for i in range(5)]
        for numbered in sent:
            attempt.append(numbered)
        assert store.events(run_id) == sent
        assert store.events(run_id, after=2) == sent[3:]
        assert store.events(run_id, after=4) == []

    def test_numbers_that_an_earlier_attempt_has_stored_are_skipped(self, store):
        run_id, attempt = begun(store)
        for i in range(3):
            attempt.append(said(i, "first"))
        queue.requeue(store, run_id, 1, "killed")
        queue.claim(store, SUPERVISOR, 1)
        again = store.attempt(run_id, 2)
        for i in range(1, 5):
            again.append(said(i, "second"))
        assert [(n, e.message) for n, e in store.events(run_id)] == [(0, "first"), (1, "first"), (2, "first"), (3, "second"), (4, "second")]

    def test_an_ending_counts_even_where_the_attempt_repeats_old_numbers(self, store):
        run_id, attempt = begun(store)
        for i in range(3):
            attempt.append(said(i))
        queue.requeue(store, run_id, 1, "killed")
        queue.claim(store, SUPERVISOR, 1)
        store.attempt(run_id, 2).append(Numbered(1, Cancelled(epoch=0.0)))
        assert [(n, e.kind) for n, e in store.events(run_id)][-1] == (3, "cancelled")

    def test_a_gap_is_refused(self, store):
        run_id, attempt = begun(store)
        with pytest.raises(StoreError, match="event 1 came before event 0"):
            attempt.append(said(1))
        assert store.events(run_id) == []

    def test_an_event_of_more_than_64_kb_is_refused(self, store):
        run_id, attempt = begun(store)
        with pytest.raises(StoreError, match="at most 65,536"):
            attempt.append(said(0, "x" * 70_000))
        assert store.events(run_id) == []

    def test_infinite_losses_come_back(self, store):
        run_id, attempt = begun(store)
        event = Evaluated(epoch=0.0, part="validation", quality=Quality(loss=float("inf"), accuracy=0.1, n=1))
        attempt.append(Numbered(0, event))
        assert store.events(run_id) == [Numbered(0, event)]

    def test_an_attempt_that_is_over_writes_nothing(self, store):
        run_id, old = begun(store)
        old.append(said(0))
        queue.requeue(store, run_id, 1, "thought dead")
        queue.claim(store, SUPERVISOR, 1)
        before = store.run(run_id)
        for write in (
            lambda: old.append(said(1)), lambda: old.progress(Progress(1, 1, 1, 1, "x")), lambda: old.fail("x"), old.beat,
            lambda: old.files.save("weights.safetensors", {}, {}),
            lambda: old.files.save_checkpoint(1, {}, {}), lambda: old.begin("h", 1, "b"),
        ):  # fmt: skip
            with pytest.raises(AttemptOver):
                write()
        assert store.run(run_id) == before
        assert store.files(run_id) == []
        assert len(store.events(run_id)) == 1

    def test_two_processes_that_write_at_once_lose_and_double_nothing(self, store):
        ids = [begun(store, seed=seed)[0] for seed in range(2)]
        context = multiprocessing.get_context("spawn")
        writers = [context.Process(target=write_many, args=(store.home, run_id, 150)) for run_id in ids]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert [writer.exitcode for writer in writers] == [0, 0]
        for run_id in ids:
            assert [n for n, _ in store.events(run_id)] == list(range(150))

    def test_two_workers_with_the_same_run_and_attempt_store_each_number_once(self, store):
        run_id, _ = begun(store)
        context = multiprocessing.get_context("spawn")
        writers = [context.Process(target=write_many, args=(store.home, run_id, 100)) for _ in range(2)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert [writer.exitcode for writer in writers] == [0, 0]
        assert [n for n, _ in store.events(run_id)] == list(range(100))

    def test_new_events_are_found_by_an_index_whatever_the_size(self, store):
        from sqlalchemy import text

        with store.database.reading() as connection:
            plan = connection.execute(
                text("EXPLAIN QUERY PLAN SELECT number, data FROM events WHERE run = 'x' AND number > 5 ORDER BY number")
            ).all()
        assert len(plan) == 1
        assert "USING INDEX" in plan[0][3]
        assert "run=? AND number>?" in plan[0][3]


def write_many(home, run_id, n):
    attempt = Store.open(home).attempt(run_id, 1)
    for i in range(n):
        attempt.append(said(i))


class TestLists:
    def test_newest_first_by_state_and_by_text(self, store):
        runs = [store.submit(RunSpec(seed=i), name=f"run {i}", notes="100 %" if i == 1 else "") for i in range(4)]
        store.request_cancel(runs[2].id)
        assert [r.id for r in store.runs()] == [r.id for r in reversed(runs)]
        assert [r.id for r in store.runs(limit=2)] == [runs[3].id, runs[2].id]
        assert [r.id for r in store.runs(states=["cancelled"])] == [runs[2].id]
        assert [r.id for r in store.runs(search="RUN 3")] == [runs[3].id]
        assert [r.id for r in store.runs(search="seed 1")] == [runs[1].id]
        assert [r.id for r in store.runs(search="0 %")] == [r.id for r in reversed(runs)]
        assert [r.id for r in store.runs(search="00 %")] == [runs[1].id]

    @pytest.mark.parametrize("search", ["_", "%_%", "'; DROP TABLE runs; --", "\\", "\0", "\ud800", "(" * 1000, "x" * 100_000])
    def test_a_search_is_plain_text(self, store, search):
        store.submit(RunSpec(), name="plain")
        assert store.runs(search=search) == []
        assert store.queue_length() == 1

    def test_the_furthest_run_of_a_fingerprint_is_found(self, store):
        spec = RunSpec(seed=3)
        assert store.find(spec.fingerprint) is None
        cancelled = store.submit(spec)
        store.request_cancel(cancelled.id)
        assert store.find(spec.fingerprint) is None
        run_id, attempt = begun(store, seed=3)
        later = store.submit(spec)
        assert store.find(spec.fingerprint).id == run_id
        attempt.append(Numbered(0, finished()))
        assert store.find(spec.fingerprint).id == run_id
        store.delete(run_id)
        assert store.find(spec.fingerprint).id == later.id

    def test_a_damaged_row_is_named_and_hides_no_other(self, store):
        from sqlalchemy import text

        good, bad = store.submit(RunSpec(seed=1)), store.submit(RunSpec(seed=2))
        with store.database.writing() as connection:
            connection.execute(text('UPDATE runs SET spec = \'{"model": "gone"}\' WHERE id = :id'), {"id": bad.id})
        assert [r.id for r in store.runs()] == [good.id]
        with pytest.raises(StoreError, match=bad.id):
            store.run(bad.id)
        queue.claim(store, SUPERVISOR, 1)
        assert queue.claim(store, SUPERVISOR, 1) is None
        assert store.queue_length() == 0


class TestWords:
    @pytest.mark.parametrize("name", ["x" * 81, "a\0b", "\ud800"])
    def test_a_name_that_can_not_be_kept_is_refused(self, store, name):
        run = store.submit(RunSpec(), name="as it was")
        with pytest.raises(SpecError, match=r"^name: must"):
            store.submit(RunSpec(), name=name)
        with pytest.raises(SpecError, match=r"^name: must"):
            store.rename(run.id, name)
        assert [r.name for r in store.runs()] == ["as it was"]

    def test_notes_are_up_to_2000_characters(self, store):
        run = store.submit(RunSpec(), notes="n" * 2000)
        with pytest.raises(SpecError, match=r"^notes: must have at most 2,000 characters, got 2,001"):
            store.annotate(run.id, "n" * 2001)
        assert store.run(run.id).notes == "n" * 2000

    def test_an_empty_name_is_no_name(self, store):
        assert store.submit(RunSpec(), name="  ").name is None

    @pytest.mark.parametrize(
        "run_id", ["", "x", "../../etc", "..%2f", "/etc/passwd", "C:\\x", "\0", "\ud800", "a" * 4096, "%", "0" * 36, "' OR 1=1 --", None, 7]
    )
    def test_what_is_no_id_is_no_run(self, store, run_id):
        store.submit(RunSpec())
        calls = (
            store.run,
            store.events,
            store.history,
            store.files,
            store.request_cancel,
            store.delete,
            store.log,
            store.folder,
            store.attempts,
        )
        for ask in calls[:-3] if run_id == "0" * 36 else calls:
            with pytest.raises(NoSuchRun):
                ask(run_id)
        for ask in (store.rename, store.annotate, store.path, store.tensors):
            with pytest.raises(NoSuchRun):
                ask(run_id, "x")
        with pytest.raises(NoSuchRun):
            store.attempt(run_id, 1)


class TestLease:
    def test_of_two_who_want_the_lease_one_gets_it(self, store):
        give_back(store, SUPERVISOR)
        other = SUPERVISOR._replace(owner="1" * 36)
        assert take(store, other, None)
        assert not take(store, SUPERVISOR, None)
        assert lease(store) == other

    def test_a_lease_that_moved_since_it_was_seen_is_not_taken(self, store):
        seen = lease(store)
        renew(store, SUPERVISOR)
        other = SUPERVISOR._replace(owner="1" * 36)
        assert not take(store, other, seen)
        assert take(store, other, lease(store))
        with pytest.raises(LeaseLost):
            renew(store, SUPERVISOR)

    def test_a_supervisor_without_the_lease_hands_out_nothing(self, store):
        run = store.submit(RunSpec())
        take(store, SUPERVISOR._replace(owner="1" * 36), lease(store))
        with pytest.raises(LeaseLost):
            queue.claim(store, SUPERVISOR, 1)
        assert store.run(run.id).state == "queued"

    def test_the_lease_is_not_given_back_while_a_run_waits(self, store):
        run = store.submit(RunSpec())
        assert not release_if_idle(store, SUPERVISOR)
        store.request_cancel(run.id)
        assert release_if_idle(store, SUPERVISOR)
        assert lease(store) is None


def test_only_the_owner_can_enter_or_read(tmp_path):
    store = Store.open(tmp_path / "deep" / "home")
    store.submit(RunSpec())
    claimed = take(store, SUPERVISOR, None) and queue.claim(store, SUPERVISOR, 1)
    assert claimed
    store.attempt(claimed.run.id, 1).files.save("weights.safetensors", {}, {})
    for folder, _, files in os.walk(store.home):
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
        for file in files:
            assert stat.S_IMODE(os.stat(os.path.join(folder, file)).st_mode) == 0o600, file


def test_a_home_that_can_not_be_made_is_refused_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"^home: .* Set ESPALIER_HOME") as refused:
        Store.open(tmp_path / "file" / "home")
    assert "\n" not in str(refused.value)


def test_a_database_that_can_not_be_used_is_refused_in_one_line(tmp_path):
    with pytest.raises(StoreError, match=r"^database_url: ") as refused:
        Store.open(tmp_path, url="nonsense://x")
    assert "\n" not in str(refused.value)
