"""Sweeps: every combination once, what is here already not again, what follows when its parent has finished."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_store import SUPERVISOR

from prune_core import RunSpec, SpecError, run, service
from prune_core.environment import here
from prune_core.service import following
from prune_core.store import queue, sweeps
from prune_core.store.lease import lease, take
from prune_core.sweeps import FOLLOWS, LARGEST, asked_for, dense_twin, expand, makespan, plan_sweep, words_of
from prune_core.twins import twins

BASE = {"epochs": 1}
BOTH = {"criterion": ["snip", "random"], "sparsity": [0.9, 0.95]}


@pytest.fixture
def store(empty_store):
    """A store whose supervisor is this test: nothing runs by itself."""
    assert take(empty_store, SUPERVISOR, lease(empty_store))
    return empty_store


@pytest.fixture(autouse=True)
def no_supervisor(monkeypatch):
    monkeypatch.setattr(service.starting, "ensure_supervisor", lambda store: None)


def work(store):
    """Carry out the oldest queued run for real; what it was."""
    claimed = queue.claim(store, SUPERVISOR, 1)
    assert claimed is not None
    attempt = store.attempt(claimed.run.id, claimed.attempt)
    from prune_core.engine.execute import execute
    from prune_core.store.inheritance import inherited

    for numbered in execute(claimed.run.spec, files=attempt.files, threads=1, parents=lambda parent: inherited(store, parent)):
        attempt.append(numbered)
    return store.run(claimed.run.id)


class TestExpansion:
    def test_every_combination_once_seed_by_seed(self):
        specs = expand(BASE, BOTH, 2)
        assert [(s.seed, s.criterion, s.sparsity) for s in specs] == [
            (0, "snip", 0.9), (0, "snip", 0.95), (0, "random", 0.9), (0, "random", 0.95),
            (1, "snip", 0.9), (1, "snip", 0.95), (1, "random", 0.9), (1, "random", 0.95),
        ]  # fmt: skip
        assert all(s.epochs == 1 for s in specs)

    @pytest.mark.parametrize(
        ("seeds", "numbers"), [(1, [4]), (3, [4, 5, 6]), ([7, 1, 7], [7, 1]), (["3"], [3])]
    )  # fmt: skip
    def test_seeds_are_counted_from_the_bases_own_or_named(self, seeds, numbers):
        assert [s.seed for s in expand({"seed": 4}, {}, seeds)] == numbers

    def test_seeds_may_be_named_as_any_other_field(self):
        assert [s.seed for s in expand({}, {"seed": ["2", "5"]})] == [2, 5]

    def test_texts_and_options_are_read_as_everywhere(self):
        specs = expand({"sparsity": "0.5"}, {"criterion_options.n_examples": ["10", "50"], "protocol_options.rounds": ["2"]})
        assert [s.criterion_options.n_examples for s in specs] == [10, 50]
        assert {s.protocol_options.rounds for s in specs} == {2}

    def test_values_that_come_to_the_same_run_are_one_run(self):
        assert len(expand({}, {"sparsity": ["0.9", "0.90", 0.9]})) == 1
        assert len(expand({"protocol": "dense"}, {"sparsity": [0.5, 0.9], "criterion": ["snip", "random"]}, 2)) == 2

    @given(
        over=st.dictionaries(
            st.sampled_from(["sparsity", "lr", "momentum"]), st.lists(st.sampled_from([0.1, 0.5, 0.75]), min_size=1, max_size=3)
        ),
        seeds=st.integers(1, 4),
    )
    def test_no_two_specs_of_a_sweep_are_equal_and_none_is_missing(self, over, seeds):
        specs = expand({}, over, seeds)
        assert len({s.fingerprint for s in specs}) == len(specs)
        for field, values in over.items():
            assert {getattr(s, field) for s in specs} == set(values)

    @pytest.mark.parametrize(
        ("base", "over", "seeds", "said"),
        [
            ({}, {"sparsity": [0.9, 1.5]}, 1, "sparsity: must be at least 0 and below 1, got 1.5. In the run sparsity=1.5."),
            ({}, {"criterion": ["snip", "l2_norm"], "epochs": [1, 2]}, 1, "Models that have: lenet_5, small_conv. In the run criterion=l2_norm, epochs=1."),
            ({}, {"criterion": ["snipp"]}, 1, "criterion: there is no 'snipp'. Did you mean 'snip'?"),
            ({}, {"spasity": [0.9]}, 1, "Did you mean 'sparsity'?"),
            ({"sparsity": 0.9}, {"sparsity": [0.95]}, 1, "sparsity: is set to one value and varied as well."),
            ({}, {"sparsity": []}, 1, "sparsity: needs at least one value to vary over."),
            ({}, {"seed": [1, 2]}, 3, "seed: is varied twice"),
            ({"seed": 3}, {"seed": [1, 2]}, 1, "seed: is set to one value and varied as well."),
            ({}, {}, 0, "seeds: must be between 1 and 2,000, got 0."),
            ({}, {}, 10**9, "seeds: must be between 1 and 2,000, got 1,000,000,000."),
            ({"seed": "x"}, {}, 2, "seed: must be a whole number, got 'x'."),
            ({}, {"sparsity": [i / 10_000 for i in range(5_000)]}, 5, f"sweep: must have at most {LARGEST:,} runs, got 25,000."),
            ({}, {"lr": [10.0**-i for i in range(30)], "momentum": [i / 30 for i in range(30)], "sparsity": [i / 30 for i in range(30)]}, 1, "got 27,000."),
        ],
    )  # fmt: skip
    def test_a_bad_value_is_one_line_that_names_the_run(self, base, over, seeds, said):
        with pytest.raises(SpecError) as refused:
            expand(base, over, seeds)
        assert len(refused.value.problems) == 1
        assert said in str(refused.value)

    @pytest.mark.parametrize(
        ("over", "seeds", "said"),
        [
            (BOTH, 3, "2 criteria × 2 sparsities × 3 seeds · LeNet-300-100 · digits"),
            ({"sparsity": [0.5, 0.9]}, 1, "2 sparsities · LeNet-300-100 · digits"),
            ({}, 5, "SNIP 90 % · 5 seeds · LeNet-300-100 · digits"),
            ({"lr": [0.1, 0.2], "criterion_options.n_examples": [5, 6]}, 1, "SNIP 90 % · 2 values of learning rate × 2 settings of criterion"),
            ({"model": ["lenet_300_100", "small_conv"]}, 1, "SNIP 90 % · 2 networks · digits"),
        ],
    )  # fmt: skip
    def test_a_sweep_is_called_by_what_it_varies(self, over, seeds, said):
        assert words_of(expand({}, over, seeds)).lower().startswith(said.lower())


class TestFollowing:
    def test_dense_references_come_along_each_once(self):
        asked = asked_for(expand(BASE, BOTH, 2), ["dense"])
        assert len(asked) == 8 + 2
        assert [s.protocol for s, _ in asked[8:]] == ["dense", "dense"]
        assert [s.seed for s, _ in asked[8:]] == [0, 1]

    def test_a_dense_run_has_nothing_that_follows(self):
        assert [twins for _, twins in asked_for([RunSpec(protocol="dense")], FOLLOWS)] == [()]

    def test_before_training_both_scratch_twins_are_one_run_and_in_steps_two(self):
        both = ["equal_pipeline", "scratch_e"]
        assert [t for _, t in asked_for([RunSpec()], both)] == [("scratch_e",)]
        assert [t for _, t in asked_for([RunSpec(protocol="iterative")], both)] == [("scratch_e", "equal_pipeline")]

    @pytest.mark.parametrize("protocol", ["prune_at_init", "iterative"])
    @pytest.mark.parametrize("name", ["dense", "dense_longer"])
    def test_the_dense_run_that_is_known_beforehand_is_the_one_that_a_twin_is(self, store, protocol, name):
        spec = RunSpec(protocol=protocol, epochs=2, lr=0.07)
        store.submit(spec)
        history = store.history(work(store).id)
        assert dense_twin(spec, name).fingerprint == twins(history)[name].spec.fingerprint

    @pytest.mark.parametrize("names", [["sparse"], ["dense", "../x"], ["Shuffled"]])
    def test_other_names_are_refused_with_the_choices(self, names):
        with pytest.raises(
            SpecError,
            match="Choices: bottleneck, bottleneck_b, copy_double, copy_half, dense, dense_longer, equal_pipeline, inverted, random, scratch_b, ",
        ):
            asked_for([RunSpec()], names)

    def test_too_many_with_those_that_follow_are_refused(self):
        specs = expand(BASE, {"lr": [0.001 * i for i in range(1, 335)]})  # each with a dense run, three masks, and two from scratch
        with pytest.raises(SpecError, match=r"got 2,338\. Leave out"):
            asked_for(specs, FOLLOWS)

    def test_what_follows_is_queued_when_its_parent_has_finished_and_runs_once(self, store):
        specs = expand(BASE, {"sparsity": [0.9]}, 2)
        sweep = service.submit_sweep(store, specs, follow=["dense", "shuffled", "scratch_e"])
        assert (sweep.counts, sweep.waiting) == ({"queued": 4}, 4)
        assert following.advance(store, SUPERVISOR) == 0
        first = work(store)
        assert following.advance(store, SUPERVISOR) == 2
        assert following.advance(store, SUPERVISOR) == 0
        assert store.sweep(sweep.id).counts == {"queued": 5, "finished": 1}
        assert [r.spec.seed for r in store.runs(parent=first.fingerprint)] == [0, 0]
        while store.is_busy():
            if not following.advance(store, SUPERVISOR):
                work(store)
        done = store.sweep(sweep.id)
        assert (done.counts, done.waiting, done.dropped) == ({"finished": 8}, 0, {})
        assert len(store.runs()) == 8
        assert all(len(store.attempts(r.id)) == 1 for r in store.runs())
        again = service.submit_sweep(store, specs, follow=["dense", "shuffled", "scratch_e"])
        assert following.advance(store, SUPERVISOR) == 4
        assert store.sweep(again.id).counts == {"finished": 8}
        assert len(store.runs()) == 8
        plan = plan_sweep(store, specs, ["dense", "shuffled", "scratch_e"], slots=2)
        assert (plan.new, plan.follow, plan.seconds, len(plan.already)) == ([], [], 0, 8)

    def test_networks_as_small_as_surgery_left_follow_and_are_found_again(self, store):
        spec = RunSpec(model="small_conv", criterion="l2_norm", sparsity=0.6, epochs=1)
        wanted = ["scratch_b", "width_multiplier", "width_multiplier_b", "bottleneck", "copy_half", "copy_double"]
        sweep = service.submit_sweep(store, [spec], follow=wanted)
        assert sweep.waiting == 5  # a network without residual streams has no bottlenecks
        parent = work(store)
        while store.is_busy():
            if not following.advance(store, SUPERVISOR):
                work(store)
        assert store.sweep(sweep.id).counts == {"finished": 6}
        history = store.history(parent.id)
        found = twins(history)
        left = history.shrunk.parameters[1]
        sizes = {name: found[name].spec.model_entry.parameters for name in ("width_multiplier", "copy_half", "copy_double")}
        assert sizes["width_multiplier"] <= left
        assert sizes["copy_half"] <= left / 2
        assert left < sizes["copy_double"] <= 2 * left
        compute = {name: found[name].spec.epochs * found[name].spec.model_entry.macs for name in ("width_multiplier_b",)}
        assert spec.model_entry.macs - compute["width_multiplier_b"] < found["width_multiplier_b"].spec.model_entry.macs  # to an epoch
        plan = plan_sweep(store, [spec], wanted, slots=1)
        assert (plan.new, plan.follow, len(plan.already)) == ([], [], 6)

    def test_where_weights_were_removed_none_of_them_follows(self):
        wanted = ["width_multiplier", "bottleneck_b", "copy_half"]
        assert [t for _, t in asked_for([RunSpec()], wanted)] == [()]
        blocks = RunSpec(model="resnet_20", dataset="cifar_10", criterion="l2_norm", granularity="channel")
        assert [t for _, t in asked_for([blocks], wanted)] == [("width_multiplier", "bottleneck_b", "copy_half")]

    def test_asked_again_all_of_it_runs_again(self, store):
        specs = expand(BASE, {}, 1)
        for again in (False, True):
            service.submit_sweep(store, specs, follow=["dense", "scratch_e"], again=again)
            while store.is_busy():
                if not following.advance(store, SUPERVISOR):
                    work(store)
        assert len(store.runs()) == 6
        assert [s.counts for s in store.sweeps()] == [{"finished": 3}, {"finished": 3}]

    def test_a_damaged_parent_is_followed_by_nothing_with_the_reason(self, store):
        from sqlalchemy import text

        sweep = service.submit_sweep(store, expand(BASE, {}), follow=["shuffled"])
        parent = work(store)
        with store.database.writing() as connection:
            connection.execute(text("UPDATE events SET data = '{' WHERE run = :run AND number = 0"), {"run": parent.id})
        assert following.advance(store, SUPERVISOR) == 1
        assert list(store.sweep(sweep.id).dropped.values()) == [1]
        assert "can't be read" in next(iter(store.sweep(sweep.id).dropped))

    def test_a_run_finds_its_parent_among_equal_ones_whose_masks_are_others(self, store):
        spec = RunSpec(**BASE)
        runs = [(store.submit(spec), work(store))[1] for _ in range(2)]
        store.submit(twins(store.history(runs[0].id))["shuffled"].spec)
        newest = store.path(runs[1].id, store.history(runs[1].id).prunings[-1].file)
        newest.write_bytes(newest.read_bytes()[:-1])
        assert work(store).state == "finished"

    def test_a_deleted_parent_is_forgotten(self, store):
        sweep = service.submit_sweep(store, expand(BASE, {}), follow=["shuffled"])
        parent = work(store)
        owed = sweeps.due(store)
        store.delete(parent.id)
        assert sweeps.due(store) == []
        assert not store.is_busy()
        with pytest.raises(sweeps.NoSuchSweep):
            store.sweep(sweep.id)
        sweeps.drop(store, SUPERVISOR, owed[0], "gone")


class TestPlan:
    def test_what_is_here_already_is_counted_and_not_run_again(self, store):
        specs = expand(BASE, BOTH, 1)
        before = plan_sweep(store, specs, ["dense", "shuffled"], slots=2)
        assert (len(before.new), before.already, len(before.follow), before.runs) == (5, [], 4, 9)
        store.submit(specs[0])
        work(store)
        after = plan_sweep(store, specs, ["dense", "shuffled"], slots=2)
        assert (len(after.new), [r.spec for r in after.already], len(after.follow)) == (4, [specs[0]], 4)
        assert after.measured
        assert len(plan_sweep(store, specs, ["dense", "shuffled"], slots=2, again=True).new) == 5

    def test_a_run_of_another_torch_or_device_is_not_here(self, store):
        from sqlalchemy import text

        spec = RunSpec(**BASE)
        store.submit(spec)
        found = work(store)
        assert found.environment == here()
        assert plan_sweep(store, [spec], slots=1).already == [found]
        for column in ("code", "torch", "device"):
            with store.database.writing() as connection:
                connection.execute(text(f"UPDATE runs SET {column} = 'another'"))
            assert plan_sweep(store, [spec], slots=1).already == []
            with store.database.writing() as connection:
                connection.execute(text(f"UPDATE runs SET {column} = :was"), {"was": getattr(here(), column)})

    def test_slots_share_the_time(self, store):
        specs = expand(BASE, BOTH, 2)
        one, two, many = (plan_sweep(store, specs, slots=n).seconds for n in (1, 2, 100))
        assert one == pytest.approx(2 * two, rel=0.1)
        assert many == pytest.approx(one / 8, rel=0.1)

    @pytest.mark.parametrize(
        ("seconds", "slots", "end"), [([], 2, 0), ([3], 2, 3), ([3, 1, 1, 1], 2, 3), ([1, 1, 3], 2, 4), ([1, 1], 0, 2)]
    )
    def test_the_last_job_ends_it(self, seconds, slots, end):
        assert makespan(seconds, slots) == end


class TestSubmitting:
    def test_nothing_is_stored_of_a_sweep_that_is_refused(self, store):
        for refused in (
            lambda: service.submit_sweep(store, []), lambda: service.submit_sweep(store, [RunSpec()], name="x" * 81),
            lambda: service.submit_sweep(store, [RunSpec()], follow=["nobody"]), lambda: service.submit_sweep(store, [RunSpec()], name="\0"),
        ):  # fmt: skip
            with pytest.raises(SpecError):
                refused()
        assert store.runs() == store.sweeps() == []

    def test_submitting_breaks_off_without_a_trace_or_is_whole(self, store, monkeypatch):
        specs = expand(BASE, BOTH, 2)

        def break_off(*_):
            raise InterruptedError

        with monkeypatch.context() as patch:
            patch.setattr(sweeps, "states_of", break_off)
            with pytest.raises(InterruptedError):
                service.submit_sweep(store, specs, follow=["shuffled"])
        assert store.runs() == store.sweeps() == []
        assert service.submit_sweep(store, specs, "mine").counts == {"queued": 8}
        assert store.sweeps()[0].name == "mine"

    def test_here_is_what_a_run_says_of_itself(self):
        started = next(iter(run(RunSpec(epochs=0, device="cpu")))).event
        assert (started.versions["espalier"], started.versions["torch"], started.device) == here("cpu")
