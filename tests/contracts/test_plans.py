"""What holds for the plan of every protocol; and exact plans of the published ones."""

import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prune_core import RunSpec, catalogue, memory, plan
from prune_core.charts.staircase import staircase
from prune_core.estimate import RECORDING, estimate, images
from prune_core.planning import records
from prune_core.steps import STEPS, Evaluate, Initialise, Measure, Prune, Remove, Score, Train

PARENT = {"fingerprint": "a" * 64, "group": "b" * 64, "event": 5, "mask_checksum": "c" * 64}


def fitting(protocol, **fields):
    """A spec of the protocol: on a network with channels where it removes these, and with a parent where it starts from one."""
    if "weight" not in catalogue.protocols[protocol].granularities:
        criterion = next(iter(catalogue.protocols[protocol].criteria), "l2_norm")
        fields |= {"model": "small_conv", "criterion": criterion} | ({} if "epochs" in fields else {"epochs": 40})
    return RunSpec(protocol=protocol, parent=PARENT if "parent" in catalogue.protocols[protocol].uses else None, **fields)


def amounts_of(steps):
    return [s.sparsity for s in steps if isinstance(s, Prune | Remove)]


def prunings(spec):
    return [s for s in plan(spec) if isinstance(s, Prune)]


@pytest.mark.parametrize("protocol", catalogue.protocols)
class TestEveryProtocol:
    @given(sparsity=st.integers(0, 999).map(lambda i: i / 1000), epochs=st.integers(0, 40))
    def test_starts_with_weights_never_goes_back_and_ends_at_the_asked_sparsity(self, protocol, sparsity, epochs):
        if protocol == "one_at_a_time":  # its removals take their steps from the epochs
            epochs += 40
        spec = fitting(protocol, criterion="magnitude", sparsity=sparsity, epochs=epochs)
        steps = plan(spec)
        assert isinstance(steps[0], Initialise)
        amounts = amounts_of(steps)
        assert amounts == sorted(amounts)
        if amounts:
            assert amounts[-1] == pytest.approx(sparsity, abs=0.5 / spec.model_entry.channels if protocol == "one_at_a_time" else 0)
        position = 0.0
        for step in steps:
            if isinstance(step, Train):
                assert step.start == pytest.approx(position)
                assert step.until > step.start
                position = step.until
        if "training" in spec.protocol_entry.uses:
            assert position == pytest.approx(epochs)
            assert isinstance(steps[-1], Evaluate)

    def test_is_data_that_survives_json_and_says_itself_in_words(self, protocol):
        steps = plan(fitting(protocol))
        assert STEPS.validate_json(STEPS.dump_json(steps)) == steps
        assert all(step.words for step in steps)

    def test_every_pruning_follows_a_scoring(self, protocol):
        steps = plan(fitting(protocol))
        for before, step in pairwise(steps):
            if isinstance(step, Prune | Remove):
                assert isinstance(before, Score)


def test_planning_needs_no_torch():
    code = (
        "import sys; from prune_core import *; "
        "[plan(RunSpec(model='small_conv', criterion=next(iter(e.criteria), 'l2_norm'), protocol=p, epochs=40)) "
        "for p, e in catalogue.protocols.items() if 'parent' not in e.uses]; "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_snip_prunes_once_before_any_training():
    steps = plan(RunSpec(dataset="mnist", sparsity=0.95, epochs=20))
    assert [s.kind for s in steps] == ["initialise", "score", "prune", "train", "evaluate"]
    assert steps[3].milestones == (10.0, 15.0)
    assert steps[3].lr == 0.1


def test_iterative_trains_half_dense_and_shares_the_rest_among_five_prunings():
    steps = plan(RunSpec(dataset="mnist", criterion="magnitude", protocol="iterative", sparsity=0.9, epochs=20))
    training = [(s.start, s.until, s.lr) for s in steps if isinstance(s, Train)]
    assert training[0] == (0.0, 10.0, 0.1)
    assert [(a, b) for a, b, _ in training[1:]] == [(10.0, 12.0), (12.0, 14.0), (14.0, 16.0), (16.0, 18.0), (18.0, 20.0)]
    assert all(lr == pytest.approx(0.01) for _, _, lr in training[1:])
    left = [1 - s.sparsity for s in steps if isinstance(s, Prune)]
    assert [b / a for a, b in zip([1.0, *left], left, strict=False)] == pytest.approx([0.1 ** (1 / 5)] * 5)


@pytest.mark.parametrize(
    ("schedule", "wanted"), [("linear", [0.2, 0.4, 0.6, 0.8]), ("cubic", [0.8 * (1 - 0.75**3), 0.8 * (1 - 1 / 8), 0.8 * (1 - 1 / 64), 0.8])]
)
def test_schedules_share_the_removal_as_they_say(schedule, wanted):
    spec = RunSpec(sparsity=0.8, protocol_options={"rounds": 4, "schedule": schedule})
    assert [s.sparsity for s in prunings(spec)] == pytest.approx(wanted)


def test_one_round_is_single_shot_and_scores_of_each_class_are_one_step_each():
    assert [s.sparsity for s in prunings(RunSpec(protocol_options={"rounds": 1}))] == [0.9]
    steps = plan(RunSpec(protocol="score", dataset="mnist"))
    assert [s.options["classes"] for s in steps if isinstance(s, Score)] == [[k] for k in range(10)]


@pytest.mark.parametrize(("criterion", "rounds"), [("snip", 1), ("magnitude", 1), ("iterative_snip", 60), ("synflow", 100)])
def test_with_nothing_said_a_pruning_at_the_start_takes_the_rounds_of_its_criterion(criterion, rounds):
    left = [1 - s.sparsity for s in prunings(RunSpec(criterion=criterion, sparsity=0.9))]
    assert left == pytest.approx([0.1 ** (r / rounds) for r in range(1, rounds + 1)])
    assert len(prunings(RunSpec(criterion=criterion, protocol_options={"rounds": 3}))) == 3
    assert len(prunings(RunSpec(criterion=criterion, protocol="iterative"))) == 5


def test_force_rehearses_all_rounds_but_the_last_and_prunes_once():
    spec = RunSpec(criterion="force", sparsity=0.9)
    (score,), (prune,) = ([s for s in plan(spec) if isinstance(s, kind)] for kind in (Score, Prune))
    assert [1 - p.sparsity for p in (*score.rehearsals, prune)] == pytest.approx([0.1 ** (r / 60) for r in range(1, 61)])
    assert [p.round for p in (*score.rehearsals, prune)] == list(range(1, 61))
    assert score.round == prune.round
    assert images(spec, score) == 60 * 100


def test_judging_takes_units_out_of_every_layer_asks_every_criterion_and_cuts_each_layer_alone():
    spec = RunSpec(protocol="judge", dataset="mnist", epochs=3)
    steps = [s for s in plan(spec) if isinstance(s, Measure)]
    assert [(s.options["layer"], s.options["count"]) for s in steps if s.what == "removal"] == [(f"fc{i}.weight", 100) for i in (1, 2, 3)]
    asked = [s.options["criterion"] for s in steps if s.what == "prediction"]
    assert asked == ["obd", "fisher", "taylor", "snip", "grasp", "magnitude", "synflow", "random"]
    assert [s.options["layer"] for s in steps if s.what == "sensitivity"] == [f"fc{i}.weight" for i in (1, 2, 3)]
    assert {s.options["criterion"] for s in steps if s.what == "sensitivity"} == {"magnitude"}
    channels = plan(RunSpec(protocol="judge", model="small_conv", protocol_options={"unit": "channel"}))
    assert [(s.options["layer"], s.options["count"]) for s in channels if isinstance(s, Measure) and s.what == "removal"] == [
        ("conv1", 16), ("conv2", 32), ("conv3", 32),
    ]  # fmt: skip


def test_judging_is_costed_by_the_images_that_pass_through_the_network():
    spec = RunSpec(protocol="judge", dataset="mnist", epochs=0, protocol_options={"criteria": ["magnitude"]})
    cost = {s.what: images(spec, s) for s in plan(spec) if isinstance(s, Measure)}
    assert cost["removal"] == pytest.approx(101 * 1_000 * 2 / 3)
    assert cost["prediction"] == 0
    assert cost["sensitivity"] == pytest.approx(10 * 6_000 / 3)


@pytest.mark.parametrize("unit", ["weight", "channel"])
def test_layers_that_are_cut_one_after_another_are_costed_with_one_asking(unit):
    told = {"unit": unit, "criteria": ["random"], "cut_by": "snip", "n_examples": 500}
    spec = RunSpec(protocol="judge", model="small_conv", dataset="mnist", epochs=0, protocol_options=told)
    first, *others = [images(spec, s) for s in plan(spec) if isinstance(s, Measure) and s.what == "sensitivity"]
    assert first - 500 == pytest.approx(10 * 6_000 / 3)
    assert others == pytest.approx([10 * 6_000 / 3] * len(others))


@pytest.mark.parametrize(("criterion", "noted"), [("karnin", True), ("magnitude", False)])
def test_recording_is_costed_in_time_and_memory_where_a_criterion_reads_it(criterion, noted):
    spec, other = (RunSpec(protocol="iterative", dataset="mnist", criterion=c) for c in (criterion, "random"))
    assert records(plan(spec)) is noted
    longer = estimate(spec, {}).seconds - estimate(other, {}).seconds
    assert longer == pytest.approx(10 * 540 * 266_610 * RECORDING if noted else 0)
    assert memory.needed(spec)["criterion"] == (6 * 4 * 266_610 if noted else 0)
    assert records(plan(RunSpec(protocol="judge", protocol_options={"criteria": (criterion,)}))) is noted
    assert records(plan(RunSpec(protocol="judge", protocol_options={"cut_by": criterion}))) is noted
    assert not records(plan(RunSpec(protocol="from_scratch", criterion=criterion, parent=PARENT)))


def test_judging_is_told_in_six_lines_however_many_layers_there_are():
    lines = staircase(RunSpec(protocol="judge", dataset="mnist", epochs=3)).lines
    assert [line.steps for line in lines] == ["1", "2", "3–5", "6–13", "14–16", "17"]
    assert lines[2].words == "Take out 300 weights, each alone, and measure the loss on 1,000 training images"


@pytest.mark.parametrize(
    ("criterion", "target", "said"),
    [
        ("snip", "smallest", "remove the least sensitive weights"),
        ("snip", "largest", "remove the highest-scored weights"),
        ("magnitude", "smallest", "Remove the smallest weights"),
        ("lamp", "smallest", "Remove the lowest-scored weights"),
        ("l1_norm", "smallest", "Remove the weakest channels"),
        ("bn_scale", "smallest", "Remove the smallest-scaled channels"),
        ("random", "smallest", "Remove the randomly chosen weights"),
        ("random", "largest", "Remove the randomly chosen weights"),
    ],
)
def test_a_plan_says_who_goes(criterion, target, said):
    model = "lenet_300_100" if "weight" in catalogue.criteria[criterion].granularities else "small_conv"
    spec = RunSpec(criterion=criterion, model=model, protocol_options={"target": target})
    assert any(line.words.endswith(said) for line in staircase(spec).lines)


@pytest.mark.parametrize(("options", "said"), [({}, True), ({"update": "none"}, False)])
def test_a_criterion_that_adjusts_what_is_left_says_so_beside_every_pruning(options, said):
    spec = RunSpec(criterion="l_obs", protocol="iterative", criterion_options=options)
    assert [s.adjusts for s in prunings(spec)] == [said] * 5
    (line,) = (line for line in staircase(spec).lines if "remove the" in line.words)
    assert line.words.startswith("Five times: score with Layer-wise OBS on 1,000 images, remove the lowest-scored weights")
    assert ("weights and adjust what is left, train" in line.words) == said
    assert not any(s.adjusts for s in prunings(RunSpec(criterion="obd", protocol="iterative")))


def test_training_a_new_draw_after_scoring_is_an_option_of_snip():
    kinds = [(s.kind, getattr(s, "purpose", "")) for s in plan(RunSpec(criterion_options={"reinit_after": "glorot"}))]
    assert ("initialise", "reinitialise") in kinds
    assert kinds.index(("initialise", "reinitialise")) == kinds.index(("prune", "")) + 1
