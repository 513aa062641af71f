"""What pages say of runs, times and plans, as plain functions."""

from datetime import UTC, datetime

import pytest

from pages.parts.run_words import kept, resumed
from pages.parts.times import left, when
from prune_core import RunSpec, SpecError, plan, run
from prune_core.charts.curves import curves, differing
from prune_core.estimate import estimate, images, seconds_left
from prune_core.events import Progress
from prune_core.history import History
from prune_core.history_table import COLUMNS, history_csv, history_table
from prune_core.overrides import command, overrides, read, read_what_fits
from prune_core.steps import Score

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SPECS = (
    RunSpec(),
    RunSpec(dataset="mnist", sparsity=0.9375, lr=0.05, lr_milestones=(0.5,), augment=False, seed=2**60, device="cpu"),
    RunSpec(
        criterion_options={"n_examples": "all", "classes": (1, 2), "include": ("fc*", "a b")}, protocol_options={"rounds": 3, "keep_min": 1}
    ),
    RunSpec(model="small_conv", criterion="l2_norm", protocol="iterative", protocol_options={"finetune_lr": 0.001}, keep_weights="each"),
    RunSpec(protocol="dense", model="lenet_5", model_options={"relu_after_conv": True}, optimizer="adam"),
    RunSpec(protocol="score", protocol_options={"batch_sizes": (1, 10), "labels": "shuffled"}),
)


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        (datetime(2026, 3, 2, 9, 5, tzinfo=UTC), "09:05"),
        (datetime(2026, 3, 1, 23, 59, tzinfo=UTC), "yesterday 23:59"),
        (datetime(2026, 2, 28, 8, 0, tzinfo=UTC), "28 February 08:00"),
        (datetime(2025, 12, 31, 8, 0, tzinfo=UTC), "31 December 2025"),
    ],
)
def test_a_moment_is_said_as_people_say_it(moment, said):
    assert when(moment, "UTC", NOW) == said


def test_the_clock_is_the_visitor_s():
    moment = datetime(2026, 3, 1, 23, 30, tzinfo=UTC)
    assert when(moment, "Europe/Rome", NOW) == "00:30"
    assert when(moment, "America/New_York", NOW) == "yesterday 18:30"
    assert when(moment, "../../etc/passwd", NOW) == when(moment, None, NOW) == "yesterday 23:30"


def test_time_left_is_calm_at_its_end():
    assert (left(12.2), left(0.3), left(200)) == ("12 s left", "a moment left", "3 min left")


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: s.title)
def test_what_goes_beyond_the_defaults_gives_the_spec_again(spec):
    assert read(overrides(spec)) == spec


def test_the_command_is_quoted_for_a_shell():
    assert command(SPECS[0]) == "python -m prune_core run"
    assert '--set \'criterion_options.include=["fc*", "a b"]\'' in command(SPECS[2])


def test_values_that_do_not_fit_are_left_out_and_the_others_stay():
    spec, problems = read_what_fits({"criterion": "snap", "criterion_options.n_examples": "5", "epochs": "3"})
    assert spec == RunSpec(epochs=3)
    assert [p.field for p in problems] == ["criterion"]
    with pytest.raises(SpecError):
        read({"criterion": "snap"})


@pytest.mark.parametrize("spec", SPECS, ids=lambda s: s.title)
def test_an_estimate_has_a_time_for_every_step_of_the_plan(spec):
    guess, known = estimate(spec, {}), estimate(spec, {(spec.model, spec.dataset): 1e6})
    assert len(guess.steps) == len(plan(spec))
    assert all(seconds > 0 for seconds in guess.steps)
    assert (guess.measured, known.measured) == (False, True)
    assert known.seconds > guess.seconds


@pytest.mark.parametrize(
    ("criterion", "options", "gradients"),
    [
        ("snip", {}, 1), ("taylor", {}, 1), ("fisher", {}, 1), ("fisher", {"fisher_labels": "sampled", "draws": 3}, 3),
        ("fisher", {"fisher_labels": "exact"}, 10), ("obd", {"first_order": True}, 11), ("obd", {"hessian": "hutchinson", "probes": 50}, 100),
    ],
)  # fmt: skip
def test_a_scoring_is_estimated_by_the_gradients_that_it_takes_of_every_image(criterion, options, gradients):
    spec = RunSpec(criterion=criterion, criterion_options={"n_examples": 50, **options})
    (step,) = (s for s in plan(spec) if isinstance(s, Score))
    assert images(spec, step) == 50 * gradients
    assert images(RunSpec(criterion="lamp"), Score(criterion="lamp", granularity="weight")) == 0


def test_matrices_of_a_criterion_are_estimated_by_their_multiply_adds():
    """784 inputs and a bias of the first layer: second moments of 1,000 images, then a factor for each of 300 outputs of what is left of it."""
    spec = RunSpec(dataset="mnist", criterion="l_obs", protocol="iterative", sparsity=0.9, epochs=2, protocol_options={"rounds": 1})
    without = spec.model_copy(update={"criterion_options": spec.criterion_options.model_copy(update={"update": "none"})})
    found, bare = (dict(zip((s.kind for s in plan(s_)), estimate(s_, {}).steps, strict=True)) for s_ in (spec, without))
    products = 3 * 266_200_000 + 1000 * (785**2 + 301**2 + 101**2)
    factors = [m * d**3 for m, d in ((300, 78.5), (100, 30.1), (10, 10.1))]
    again = spec.model_entry.reference_seconds  # of 1,000 images
    assert found["score"] == pytest.approx(bare["score"])
    assert found["score"] - 0.02 - again == pytest.approx((products + 785**3 + 301**3 + 101**3) / 5e9, rel=0.1)
    assert found["prune"] - bare["prune"] - again == pytest.approx((products + sum(factors)) / 5e9, rel=0.1)


def test_an_epoch_is_estimated_at_what_it_took_here():
    spec = RunSpec(protocol="dense", epochs=8)
    measured = estimate(spec, {("lenet_300_100", "digits"): 2.0})
    assert 16 <= measured.seconds < 18


def test_the_time_left_follows_the_last_epochs():
    progress = Progress(5.0, 10.0, 5 * 1294, 10 * 1294, "Training")
    assert seconds_left(RunSpec(), progress, [9.0, 2.0, 2.0, 2.0, 2.0, 2.0], {}) == pytest.approx(10.0)
    assert seconds_left(RunSpec(), progress._replace(done=10 * 1294), [], {}) == 0


def test_channels_are_counted_as_channels_after_the_end_too(states):
    spec = RunSpec(model="small_conv", criterion="l2_norm", sparsity=0.5, epochs=1)
    history = History.of(event for _, event in run(spec))
    number = kept(states["finished"], history)
    assert (number.label, number.value, number.reference) == ("Channels kept", "40", "of 80, or 50 %")


def test_a_run_that_was_taken_up_again_says_so(states):
    assert resumed(states["finished"]) == ""
    assert "lost once" in resumed(states["finished"]._replace(attempt=2))


def test_the_history_as_a_table_has_every_epoch_and_pruning(events):
    history = History.of(event for _, event in events)
    rows = history_table(history)
    assert [row["epoch"] for row in rows if row["event"] == "epoch"] == [1.0, 2.0]
    assert [row["weights_kept"] for row in rows if row["event"] == "pruned"] == [13_310]
    assert all(set(row) <= set(COLUMNS) for row in rows)
    assert history_csv(history).count("\n") == len(rows) + 1


def test_curves_are_labelled_by_what_tells_them_apart(events):
    history = History.of(event for _, event in events)
    assert differing(["SNIP · MNIST · seed 0", "SNIP · MNIST · seed 1"]) == ["seed 0", "seed 1"]
    assert differing(["SNIP · MNIST · seed 0", "Dense · MNIST · seed 0"]) == ["SNIP", "Dense"]
    assert differing(["SNIP · MNIST"]) == ["SNIP"]
    assert differing(["same", "same"]) == ["same", "same"]
    assert curves([("a", History())]).series == ()
    assert curves([("a", history)]).sentence.startswith("a stands at")
