"""Sweeps in the store: one transaction each, whatever is here already taken as it is, follow-ups queued once and only then."""

import shutil

import pytest
from test_store import SUPERVISOR, finished, said

from prune_core.events import Numbered, Started
from prune_core.spec import RunSpec
from prune_core.store import Environment, NoSuchSweep, Store, queue, sweeps
from prune_core.store.lease import LeaseLost, lease, release_if_idle, take
from prune_core.store.sweeps import Asked

HERE = Environment("0.1.0", "2.13", "cpu")
ELSEWHERE = HERE._replace(torch="2.12")


@pytest.fixture
def store(empty_store):
    """A store whose supervisor is this test: nothing runs by itself."""
    assert take(empty_store, SUPERVISOR, lease(empty_store))
    return empty_store


def started(spec: RunSpec, place: Environment = HERE) -> Started:
    return Started(
        spec=spec.resolved().model_dump(mode="json"), plan=(), parameters=(), versions={"espalier": place.code, "torch": place.torch},
        device=place.device, threads=1, train=1, validation=1, test=1,
    )  # fmt: skip


def run_one(store, place: Environment = HERE, ending: str = "finished"):
    """Carry out the oldest queued run, as a worker would."""
    claimed = queue.claim(store, SUPERVISOR, 1)
    assert claimed is not None
    attempt = store.attempt(claimed.run.id, claimed.attempt)
    attempt.append(Numbered(0, started(claimed.run.spec, place)))
    if ending == "finished":
        attempt.append(Numbered(1, finished()))
    elif ending == "failed":
        attempt.fail("The loss is no longer a number.")
    return store.run(claimed.run.id)


def asked(*seeds: int, twins: tuple[str, ...] = (), environment: Environment | None = HERE) -> list[Asked]:
    return [Asked(RunSpec(seed=seed), environment, twins) for seed in seeds]


def members(store, sweep_id):
    return {run.spec.seed: run.state for run in store.runs(sweep=sweep_id)}


class TestMembers:
    def test_a_sweep_queues_its_runs_in_the_order_asked(self, store):
        first = sweeps.create(store, asked(2, 0, 1), "three seeds", {"over": {"seed": [2, 0, 1]}})
        sweep = store.sweep(first)
        assert (sweep.name, sweep.counts, sweep.own, sweep.waiting, sweep.cancelled) == ("three seeds", {"queued": 3}, 3, 0, False)
        assert sweep.definition == {"over": {"seed": [2, 0, 1]}}
        assert [run.sweep for run in store.runs()] == [first] * 3
        assert [run_one(store).spec.seed for _ in range(3)] == [2, 0, 1]
        assert store.sweep(first).counts == {"finished": 3}
        assert not store.sweep(first).under_way

    def test_the_same_sweep_again_runs_nothing_again(self, store):
        one = sweeps.create(store, asked(0, 1), "one", {})
        run_one(store)
        two = sweeps.create(store, asked(0, 1, 2), "two", {})
        assert store.sweep(two).counts == {"finished": 1, "queued": 2}
        assert (store.sweep(one).own, store.sweep(two).own) == (2, 1)
        assert len(store.runs()) == 3
        assert {run.id for run in store.runs(sweep=one)} < {run.id for run in store.runs(sweep=two)}

    def test_a_spec_that_is_named_twice_runs_once(self, store):
        sweep_id = sweeps.create(store, asked(0, 0, 1), "", {})
        assert members(store, sweep_id) == {0: "queued", 1: "queued"}

    def test_a_run_of_another_environment_does_not_count_as_run(self, store):
        store.submit(RunSpec(seed=0))
        run_one(store, ELSEWHERE)
        sweep_id = sweeps.create(store, asked(0), "", {})
        assert store.sweep(sweep_id).counts == {"queued": 1}
        assert store.find(RunSpec(seed=0).fingerprint).state == "finished"
        assert store.find(RunSpec(seed=0).fingerprint, HERE).state == "queued"
        assert store.find(RunSpec(seed=0).fingerprint, ELSEWHERE).state == "finished"

    def test_a_finished_run_that_does_not_say_where_counts_nowhere(self, store):
        run = store.submit(RunSpec(seed=0))
        queue.claim(store, SUPERVISOR, 1)
        store.attempt(run.id, 1).append(Numbered(0, finished()))
        assert store.find(run.fingerprint) == store.run(run.id)
        assert store.find(run.fingerprint, HERE) is None
        assert store.sweep(sweeps.create(store, asked(0), "", {})).counts == {"queued": 1}

    def test_what_failed_or_was_cancelled_is_run_anew(self, store):
        sweep_id = sweeps.create(store, asked(0, 1), "", {})
        run_one(store, ending="failed")
        store.cancel_sweep(sweep_id)
        assert store.sweep(sweep_id).counts == {"failed": 1, "cancelled": 1}
        assert store.sweep(sweeps.create(store, asked(0, 1), "", {})).counts == {"queued": 2}

    def test_again_means_again(self, store):
        sweeps.create(store, asked(0), "", {})
        assert store.sweep(sweeps.create(store, asked(0, environment=None), "", {})).own == 1
        assert len(store.runs()) == 2

    def test_no_id_but_a_sweeps_finds_one(self, store):
        for wrong in ("", "../..", "0" * 36, RunSpec().fingerprint, "'; DROP TABLE sweeps; --"):
            with pytest.raises(NoSuchSweep):
                store.sweep(wrong)
            assert store.runs(sweep=wrong) == []

    def test_a_sweep_without_runs_left_is_not_listed(self, store):
        sweep_id = sweeps.create(store, asked(0), "", {})
        store.cancel_sweep(sweep_id)
        for run in store.runs():
            store.delete(run.id)
        assert store.sweeps() == []


class TestCancelling:
    def test_all_that_a_sweep_queued_is_cancelled_and_what_others_asked_for_goes_on(self, store):
        other = store.submit(RunSpec(seed=0))
        sweep_id = sweeps.create(store, asked(0, 1, 2, twins=("scratch_e",)), "", {})
        queue.claim(store, SUPERVISOR, 1)
        queue.claim(store, SUPERVISOR, 1)
        store.cancel_sweep(sweep_id)
        assert members(store, sweep_id) == {0: "running", 1: "running", 2: "cancelled"}
        assert [run.spec.seed for run in store.runs(states=["running"]) if run.cancel_requested] == [1]
        sweep = store.sweep(sweep_id)
        assert (sweep.cancelled, sweep.waiting, sweep.dropped) == (True, 0, {"The sweep was cancelled.": 3})
        assert store.run(other.id).state == "running"

    def test_one_run_is_cancelled_and_the_others_go_on(self, store):
        sweep_id = sweeps.create(store, asked(0, 1, twins=("scratch_e",)), "", {})
        store.request_cancel(store.runs(sweep=sweep_id)[0].id)
        sweep = store.sweep(sweep_id)
        assert sweep.counts == {"queued": 1, "cancelled": 1}
        assert (sweep.waiting, sweep.dropped) == (1, {"The run that it follows was cancelled.": 1})


class TestFollowUps:
    def test_they_are_due_when_their_parent_has_finished_and_queued_once(self, store):
        sweep_id = sweeps.create(store, asked(0, twins=("dense", "scratch_e")), "", {})
        assert sweeps.due(store) == []
        assert store.sweep(sweep_id).waiting == 2
        parent = run_one(store)
        dense, scratch = sweeps.due(store)
        assert [(d.parent, d.twin) for d in (dense, scratch)] == [(parent.id, "dense"), (parent.id, "scratch_e")]
        for _ in range(2):
            sweeps.follow(store, SUPERVISOR, dense, Asked(RunSpec(seed=7), HERE))
        assert members(store, sweep_id) == {0: "finished", 7: "queued"}
        sweeps.drop(store, SUPERVISOR, scratch, "It has no masks.")
        assert sweeps.due(store) == []
        assert store.sweep(sweep_id).dropped == {"It has no masks.": 1}
        assert store.runs(sweep=sweep_id)[0].sweep == sweep_id

    def test_one_that_is_here_already_is_taken_as_it_is(self, store):
        store.submit(RunSpec(seed=7))
        run_one(store)
        sweep_id = sweeps.create(store, asked(0, twins=("dense",)), "", {})
        run_one(store)
        sweeps.follow(store, SUPERVISOR, sweeps.due(store)[0], Asked(RunSpec(seed=7), HERE))
        assert store.sweep(sweep_id).counts == {"finished": 2}
        assert len(store.runs()) == 2

    @pytest.mark.parametrize("ending", ["failed", "cancelled"])
    def test_a_parent_that_did_not_finish_is_followed_by_nothing_and_the_sweep_says_why(self, store, ending):
        sweep_id = sweeps.create(store, asked(0, twins=("dense",)), "", {})
        if ending == "cancelled":
            store.request_cancel(store.runs()[0].id)
        else:
            run_one(store, ending=ending)
        assert sweeps.due(store) == []
        assert store.sweep(sweep_id).dropped == {f"The run that it follows {'was ' * (ending == 'cancelled')}{ending}.": 1}
        assert not store.sweep(sweep_id).under_way

    def test_a_parent_that_had_finished_before_is_followed_at_once(self, store):
        store.submit(RunSpec(seed=0))
        parent = run_one(store)
        sweeps.create(store, asked(0, twins=("dense",)), "", {})
        assert [d.parent for d in sweeps.due(store)] == [parent.id]

    def test_a_supervisor_that_was_replaced_queues_nothing(self, store):
        sweeps.create(store, asked(0, twins=("dense",)), "", {})
        run_one(store)
        owed = sweeps.due(store)[0]
        assert take(store, SUPERVISOR._replace(owner="1" * 36), lease(store))
        with pytest.raises(LeaseLost):
            sweeps.follow(store, SUPERVISOR, owed, Asked(RunSpec(seed=7), HERE))
        assert (len(store.runs()), len(sweeps.due(store))) == (1, 1)

    def test_what_is_owed_keeps_a_supervisor_at_work(self, store):
        sweeps.create(store, asked(0, twins=("dense",)), "", {})
        run_one(store)
        assert store.is_busy()
        assert not release_if_idle(store, SUPERVISOR)
        sweeps.drop(store, SUPERVISOR, sweeps.due(store)[0], "x")
        assert not store.is_busy()
        assert release_if_idle(store, SUPERVISOR)


class TestColumns:
    def test_a_run_says_where_it_was_started_once_it_was(self, store):
        run = store.submit(RunSpec())
        assert run.environment is None
        assert run_one(store).environment == HERE

    def test_the_first_start_stands_whatever_a_later_attempt_says(self, store):
        run = store.submit(RunSpec())
        queue.claim(store, SUPERVISOR, 1)
        store.attempt(run.id, 1).append(Numbered(0, started(run.spec)))
        queue.requeue(store, run.id, 1, "killed")
        queue.claim(store, SUPERVISOR, 1)
        store.attempt(run.id, 2).append(Numbered(0, started(run.spec, ELSEWHERE)))
        store.attempt(run.id, 2).append(said(1))
        assert store.run(run.id).environment == HERE

    def test_a_bundle_brings_where_its_runs_were_started(self, store, empty_home, tmp_path):
        run = store.submit(RunSpec())
        run_one(store, ELSEWHERE)
        store.export_runs([run.id], tmp_path / "runs.zip")
        (came,) = Store.open(shutil.copytree(empty_home, tmp_path / "other")).import_runs(tmp_path / "runs.zip")
        assert came.environment == ELSEWHERE

    def test_the_filters_leave_what_they_name(self, store):
        specs = [RunSpec(seed=1), RunSpec(model="lenet_5", dataset="mnist"), RunSpec(protocol="dense"), RunSpec(seed=2)]
        one, two, three, four = (store.submit(spec) for spec in specs)
        assert [r.id for r in store.runs(model="lenet_5")] == [two.id]
        assert [r.id for r in store.runs(dataset="digits", protocols=["prune_at_init"])] == [four.id, one.id]
        assert [r.id for r in store.runs(group=one.group)] == [four.id, one.id]
        assert [r.id for r in store.runs(protocols=["dense"], states=["queued"], search="dense")] == [three.id]
        assert store.runs(parent=one.fingerprint) == store.runs(model="%") == []

    @pytest.mark.parametrize("filters", [{"model": "m", "dataset": "d"}, {"protocols": ["p"]}, {"parent": "f"}, {"group": "g"}])
    def test_a_filter_is_answered_by_an_index(self, store, filters):
        seen = []
        from sqlalchemy import event

        event.listen(
            store.database.engine,
            "before_cursor_execute",
            lambda c, cursor, statement, parameters, *_: seen.append((statement, parameters)),
        )
        store.runs(**filters)
        statement, parameters = seen[-1]
        with store.database.reading() as connection:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
        assert "USING INDEX" in plan[0][3]
        assert "=?" in plan[0][3]
