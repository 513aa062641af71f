"""Every chart: empty, one, many, both themes, axis titles, a sentence, a table twin. Then the numbers of each."""

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
import pytest

from prune_core import RunSpec, plan
from prune_core.charts import accuracy, first_layer, layers, saliency, scores, staircase, words
from prune_core.charts.theme import DARK, LIGHT, RAMP, SEQUENTIAL, THEMES, Theme, colours
from prune_core.events import (
    Cancelled,
    Epoch,
    Evaluated,
    Event,
    Failed,
    Finished,
    FirstLayer,
    Histogram,
    LayerKept,
    Pruned,
    Quality,
    Scored,
    Started,
)  # fmt: skip
from prune_core.history import History

STEPS = RunSpec(criterion="magnitude", protocol="iterative", sparsity=0.97, epochs=24)
SHAPE = (28, 28)


def quality(right: float, n: int = 143) -> Quality:
    return Quality(loss=1 - right, accuracy=right, n=n)


def started(spec: RunSpec) -> Started:
    return Started(
        spec=spec.resolved().model_dump(mode="json"), plan=plan(spec), parameters=(), versions={}, device="cpu", threads=1, train=1294, validation=143, test=360
    )  # fmt: skip


def evaluated(epoch: float, right: float) -> Evaluated:
    return Evaluated(epoch=epoch, part="validation", quality=quality(right))


def mask(most: int) -> FirstLayer:
    counts = np.zeros(SHAPE, int)
    counts[14, 14] = most
    return FirstLayer(layout="pixels", shape=SHAPE, of=300, counts=tuple(counts.ravel().tolist()))


def pruned(epoch: float, kept: tuple[int, int, int], before: float, after: float, collapsed: tuple[str, ...] = ()) -> Pruned:
    names, units = ("fc1.weight", "fc2.weight", "fc3.weight"), (235_200, 30_000, 1_000)
    return Pruned(
        epoch=epoch, round=1, sparsity=1 - sum(kept) / 266_200, granularity="weight",
        layers=tuple(LayerKept(name=n, units=u, kept=k) for n, u, k in zip(names, units, kept, strict=True)),
        kept=sum(kept), units=266_200, weights_kept=sum(kept), weights=266_200, threshold=0.1, ties=1, collapsed=collapsed,
        before=quality(before), after=quality(after), train_before=quality(before), train_after=quality(after), first_layer=mask(54),
    )  # fmt: skip


def finished(right: float, kept: int = 26_620, at_chance: bool = False) -> Finished:
    return Finished(
        epoch=24, seconds=3, test=quality(right, 360), validation=quality(right), layers=(), weights_kept=kept, weights=266_200,
        at_chance=at_chance, first_layer=mask(54), weights_sha256="0" * 64,
    )  # fmt: skip


def told(*events: Event, spec: RunSpec = STEPS) -> History:
    return History.of((started(spec), *events))


def scored(name: str, k: int | None, n: int = 100, labels: str = "true", histograms: tuple[Histogram, ...] = ()) -> Scored:
    return Scored(
        epoch=0, criterion="snip", options={"classes": () if k is None else (k,), "n_examples": n, "labels": labels}, seconds=0.1, histograms=histograms,
        sparsities=(0.5, 0.9, 0.95), kept=((133_100, 0, 0), (26_620, 0, 0), (13_310, 0, 0)), file=name,
    )  # fmt: skip


def blob(k: int, background: int = 0) -> np.ndarray:
    """A picture with one bright block, at another place for every class."""
    picture = np.full(SHAPE, background)
    picture[2 * k : 2 * k + 6, 5:20] = 200
    return picture


def scoring(classes: int = 10, labels: str = "true", own: bool = True) -> tuple[History, saliency.Files]:
    """A scoring run by hand: masks that look like their own class's mean image, or like the next one's."""
    histogram = (Histogram(name="fc1.weight", edges=(-4.0, -3.0, -2.0), counts=(10, 30), zeros=5),)
    events = [scored(f"{k}", k, labels=labels, histograms=histogram) for k in range(classes)]
    files = {
        f"{k}": {
            "pixels": np.stack([blob(k if own else (k + 1) % classes).ravel() // d for d in (1, 2, 4)]).astype(np.uint16),
            "mean_image": blob(k).astype(np.uint8),
        }
        for k in range(classes)
    }
    return told(*events, spec=RunSpec(protocol="score")), files


def sizes(n: tuple[int, ...]) -> tuple[History, saliency.Files]:
    files = {f"{i}": {"pixels": np.stack([blob(3).ravel()] * 3).astype(np.uint16), "mean_image": blob(3).astype(np.uint8)} for i in n}
    return told(*(scored(f"{i}", None, n=i) for i in n), spec=RunSpec(protocol="score")), files


WHOLE_RUN = (
    evaluated(6, 0.95), evaluated(12, 0.96), pruned(12, (120_000, 20_000, 900), 0.96, 0.95), evaluated(14, 0.955),
    pruned(15, (17_160, 8_780, 680), 0.96, 0.939), evaluated(16, 0.956),
)  # fmt: skip
NOTHING: tuple[History, saliency.Files] = (History(), {})


class Case(NamedTuple):
    """A chart with nothing, one thing and many things to draw."""

    draw: Callable[[Any, Theme], go.Figure]
    empty: Any
    one: Any
    many: Any


CASES = {
    "accuracy": Case(
        accuracy.draw, accuracy.accuracy(History()), accuracy.accuracy(told(evaluated(1, 0.9))), accuracy.accuracy(told(*WHOLE_RUN))
    ),
    "layers": Case(layers.draw, layers.layers(History()), layers.layers(told()), layers.layers(told(*WHOLE_RUN))),
    "staircase": Case(
        staircase.draw, staircase.staircase(RunSpec(protocol="dense", criterion=None, epochs=0)), staircase.staircase(RunSpec()),
        staircase.staircase(STEPS),
    ),
    "first layer": Case(
        first_layer.draw, first_layer.first_layer(History()), first_layer.first_layer(told(*WHOLE_RUN)),
        first_layer.of_event(FirstLayer(layout="filters", shape=(3, 2, 2), of=1, counts=(1, 0) * 6)),
    ),
    "scores": Case(scores.draw, scores.scores(History()), scores.scores(scoring(1)[0]), scores.scores(scoring()[0], 3)),
    "saliency": Case(saliency.draw, saliency.saliency(*NOTHING), saliency.saliency(*scoring(1)), saliency.saliency(*scoring())),
    "scoring images": Case(
        saliency.draw_batches, saliency.batches(*NOTHING), saliency.batches(*sizes((1,))), saliency.batches(*sizes((1, 10, 100)))
    ),
}  # fmt: skip
NUMBERS = [pytest.param(case, numbers, id=f"{name}, {amount}") for name, case in CASES.items() for amount, numbers in zip(
    ("empty", "one", "many"), case[1:], strict=True)]  # fmt: skip


def texts(found: Any) -> Iterator[str]:
    for value in found.values() if isinstance(found, dict) else found if isinstance(found, list) else ():
        yield from texts(value)
    if isinstance(found, str):
        yield found


@pytest.mark.parametrize(("case", "numbers"), NUMBERS)
class TestEveryChart:
    @pytest.mark.parametrize("theme", THEMES, ids=("light", "dark"))
    def test_draws_with_axis_titles_on_our_own_template(self, case: Case, numbers: Any, theme: Theme):
        figure = json.loads(case.draw(numbers, theme).to_json())["layout"]
        titles = [figure[axis]["title"]["text"] for axis in ("xaxis", "yaxis")]
        assert titles[0]
        assert titles[1] or figure["yaxis"].get("ticktext") or figure["yaxis"].get("type") == "category"
        assert figure["template"]["layout"]["font"]["color"] == theme.text
        assert figure["height"] > 0

    def test_uses_no_colour_of_the_other_theme(self, case: Case, numbers: Any):
        foreign = {DARK.text, DARK.soft, DARK.leaf, DARK.grid, DARK.line} - {LIGHT.text, LIGHT.soft, LIGHT.leaf, LIGHT.grid, LIGHT.line}
        assert not foreign & set(texts(json.loads(case.draw(numbers, LIGHT).to_json())))

    def test_says_what_one_sees_in_a_sentence(self, case: Case, numbers: Any):
        assert numbers.sentence.endswith(".")
        assert not {"None", "nan", "inf"} & set(numbers.sentence.replace(".", "").split())

    def test_has_a_table_twin_with_columns_of_one_length(self, case: Case, numbers: Any):
        table = numbers.table()
        assert table
        assert len({len(values) for values in table.values()}) == 1


class TestAccuracySentence:
    def said(self, *events: Event, spec: RunSpec = STEPS) -> str:
        return accuracy.accuracy(told(*events, spec=spec)).sentence

    def test_tells_the_last_pruning_its_cost_and_the_recovery(self):
        assert self.said(*WHOLE_RUN) == (
            "The last pruning left 26,620 of 266,200 weights. Accuracy fell from 96.0 % to 93.9 % and is back at 95.6 %."
        )

    def test_does_not_call_it_recovery_when_accuracy_fell_further(self):
        assert self.said(pruned(12, (10, 10, 10), 0.9, 0.5), evaluated(13, 0.4)).endswith(
            "fell from 90.0 % to 50.0 % and stands at 40.0 %."
        )

    def test_says_when_the_first_pruning_comes(self):
        assert self.said(evaluated(3, 0.95)).endswith("of the validation images. The first pruning comes at epoch 12.")

    def test_says_that_nothing_was_measured_yet(self):
        assert self.said().endswith("nothing has been measured yet.")

    def test_of_pruning_before_training_speaks_of_what_was_left_and_reached(self):
        said = self.said(pruned(0, (13_000, 300, 10), 0.1, 0.1), evaluated(3, 0.971), spec=RunSpec())
        assert said.startswith("Pruning before training left 13,310 of 266,200 weights. After 3 epochs")
        assert "97.1 %" in said

    def test_of_a_finished_run_tells_the_test_accuracy(self):
        assert (
            self.said(*WHOLE_RUN, finished(0.979))
            == "With 26,620 of 266,200 weights left, the network is right on 97.9 % of the 360 test images."
        )

    def test_of_a_run_at_chance_says_so_with_what_guessing_gives(self):
        assert self.said(*WHOLE_RUN, finished(0.098, at_chance=True)).endswith(
            "it is right on 9.8 % of the 360 test images, and guessing gives 10.0 %."
        )

    def test_names_the_layer_that_collapsed(self):
        said = self.said(pruned(12, (10, 0, 10), 0.9, 0.1, collapsed=("fc2.weight",)))
        assert said == "Layer 2 lost all its weights; the run went on and can't do better than chance."

    def test_of_a_failed_run_is_its_message(self):
        assert (
            self.said(Failed(message="Stopped in epoch 3: the loss is no longer a number."))
            == "Stopped in epoch 3: the loss is no longer a number."
        )

    def test_of_a_cancelled_run_says_how_far_it_came(self):
        assert self.said(evaluated(3, 0.95), Cancelled(epoch=3.24)).startswith("Cancelled after 3.2 of 24 epochs.")


class TestAccuracyNumbers:
    def test_prunings_without_training_between_them_are_one_cut(self):
        found = accuracy.accuracy(told(pruned(12, (100, 100, 100), 0.9, 0.8), pruned(12, (50, 50, 50), 0.8, 0.4)))
        assert found.cuts == (accuracy.Cut(12, 150, 266_200, 0.9, 0.4),)

    def test_prunings_to_come_are_those_of_the_plan_that_were_not_done(self):
        found = accuracy.accuracy(told(*WHOLE_RUN))
        assert [round(epoch, 6) for epoch, _ in found.planned] == [16.8, 19.2, 21.6]
        assert accuracy.accuracy(told(*WHOLE_RUN, finished(0.9))).planned == ()

    @pytest.mark.parametrize("events", [(), WHOLE_RUN[:1], WHOLE_RUN])
    def test_the_epoch_axis_is_the_plans_from_the_start(self, events: tuple[Event, ...]):
        assert accuracy.draw(accuracy.accuracy(told(*events)), LIGHT).layout.xaxis.range == (0, 24)

    def test_the_accuracy_axis_shows_every_drop(self):
        deep = accuracy.accuracy(told(*WHOLE_RUN, pruned(18, (9, 9, 9), 0.95, 0.12)))
        assert accuracy.accuracy(told(*WHOLE_RUN)).floor == 0.9
        assert deep.floor == 0.0

    def test_after_a_pruning_the_curve_ends_where_the_pruning_left_it(self):
        assert accuracy.accuracy(told(evaluated(12, 0.96), pruned(12, (9, 9, 9), 0.96, 0.5))).now == (12, 0.5)
        assert accuracy.accuracy(told(pruned(12, (9, 9, 9), 0.96, 0.5), evaluated(13, 0.9))).now == (13, 0.9)

    def test_epochs_of_training_loss_do_not_count_as_measurements(self):
        assert accuracy.accuracy(told(Epoch(epoch=1, loss=1, accuracy=0.5, lr=0.1, seconds=1))).epochs == ()


class TestStaircase:
    def test_counts_what_every_pruning_keeps_exactly(self):
        assert staircase.staircase(RunSpec(sparsity=0.95)).corners == ((0.0, 266_200), (0.0, 13_310))

    def test_channels_are_counted_where_channels_go(self):
        found = staircase.staircase(RunSpec(model="small_conv", criterion="l2_norm", protocol="iterative", sparsity=0.5))
        assert (found.units, found.corners[-1][1], found.what) == (80, 40, "channels")

    def test_alike_rounds_stand_on_one_line(self):
        assert [(line.steps, line.words) for line in staircase.staircase(STEPS).lines] == [
            ("1", "Draw all weights"),
            ("2", "Train the full network, 12 epochs"),
            ("3–17", "Five times: remove the smallest weights, train 2.4 epochs"),
            ("18", "Measure on the 360 test images, save weights"),
        ]

    def test_lines_cover_every_step_and_their_seconds_add_up(self):
        seconds = [float(2**i) for i in range(len(plan(STEPS)))]
        found = staircase.staircase(STEPS, seconds)
        assert sum(line.seconds or 0 for line in found.lines) == sum(seconds) == found.seconds

    def test_seconds_of_another_plan_are_refused(self):
        with pytest.raises(ValueError, match="the plan has 18 steps, got 2 numbers"):
            staircase.staircase(STEPS, [1.0, 2.0])


class TestLayers:
    def test_name_the_layer_that_was_cut_hardest(self):
        assert layers.layers(told(*WHOLE_RUN)).sentence == "Layer 1 was cut hardest, to 7.3 % of its weights; Output keeps 68 %."

    def test_name_a_layer_that_lost_everything(self):
        assert layers.layers(told(pruned(0, (10, 0, 10), 0.1, 0.1))).sentence == "Layer 2 lost all its weights."


class TestFirstLayer:
    def test_counts_pixels_that_keep_nothing(self):
        said = first_layer.first_layer(told(*WHOLE_RUN)).sentence
        assert said == "The input pixel that keeps most has 54 of its 300 weights left; 783 of 784 pixels have none."

    def test_tiles_filters_with_a_gap_between_them(self):
        picture = first_layer.tiled(np.ones((3, 2, 2), int))
        assert picture.shape == (5, 5)
        assert (picture == 1).sum() == 12


class TestSaliency:
    def test_correlations_are_numpys_own(self):
        random = np.random.default_rng(0)
        masks, means = random.integers(0, 300, (4, 5, 5)), random.integers(0, 255, (4, 5, 5))
        expected = np.corrcoef(masks.reshape(4, -1), means.reshape(4, -1))[:4, 4:]
        np.testing.assert_allclose(saliency.correlations(masks, means), expected, atol=1e-12)

    def test_a_picture_without_contrast_correlates_with_nothing(self):
        assert not saliency.correlations(np.ones((1, 4, 4)), np.arange(16).reshape(1, 4, 4)).any()

    def test_masks_that_look_like_their_own_class_are_counted(self):
        assert saliency.saliency(*scoring()).resemblance(0.9).own_best == 10
        assert saliency.saliency(*scoring(own=False)).resemblance(0.9).own_best == 0

    def test_the_control_takes_back_the_claim_when_it_does_as_well(self):
        grid, control = saliency.saliency(*scoring()), saliency.saliency(*scoring(labels="shuffled"))
        for one, other in ((grid, control), (control, grid)):
            assert saliency.describe(one, 0.9, other).endswith("the shapes come from the images, not from what the network has to learn.")

    def test_the_control_leaves_the_claim_when_it_does_not(self):
        control = saliency.saliency(*scoring(labels="shuffled", own=False))
        said = saliency.describe(saliency.saliency(*scoring()), 0.9, control)
        assert said.endswith("with shuffled labels for 0: only a part of the likeness is there without the true labels.")

    def test_without_the_control_no_cause_is_named(self):
        said = saliency.describe(saliency.saliency(*scoring()), 0.9)
        assert "10 of 10" in said
        assert "come from" not in said

    def test_the_criterion_that_sees_no_data_has_one_mask_for_all(self):
        events = told(scored("a", None), spec=RunSpec(protocol="score"))
        grid = saliency.saliency(events, {"a": {"pixels": np.ones((3, 784), np.uint16), "mean_image": np.zeros(SHAPE, np.uint8)}})
        assert grid.classes == ("all",)
        assert grid.resemblance(0.9) is None


class TestScores:
    def test_zeros_are_counted_apart(self):
        found = scores.scores(scoring()[0])
        assert (found.layers[0].total, found.layers[0].zeros) == (45, 5)
        assert "11.1 % of all scores are exactly 0." in found.sentence

    def test_of_signed_scores_it_is_the_size_that_is_drawn(self):
        signed = scores.scores(scoring()[0])._replace(signed=True)
        assert signed.sentence.startswith("By size, ")
        assert scores.draw(signed, LIGHT).layout.xaxis.title.text == "Size of the score, log scale"

    def test_the_median_lies_inside_its_bin(self):
        assert scores.scores(scoring()[0]).layers[0].median == pytest.approx(-3 + 1 / 3)


class TestTheme:
    def test_the_scale_of_masks_runs_from_its_first_to_its_last_colour(self):
        ends = [tuple(int(c[i : i + 2], 16) for i in (1, 3, 5)) for c in (SEQUENTIAL[0], SEQUENTIAL[-1])]
        assert [tuple(c) for c in colours(np.array([0, 300]), 300)] == ends
        assert RAMP.dtype == np.uint8

    def test_counts_of_nothing_are_dark(self):
        assert (colours(np.zeros((2, 2)), 0) == RAMP[0]).all()

    def test_every_family_looks_different_without_colour(self):
        for theme in THEMES:
            assert len({(s.dash, s.marker) for s in theme.families.values()}) == len(theme.families)


@pytest.mark.parametrize(
    ("fraction", "said"), [(0.95, "95 %"), (0.9375, "93.8 %"), (0.0004, "0.04 %"), (0.9999, "99.99 %"), (1.0, "100 %"), (0.0, "0 %")]
)
def test_shares_have_the_digits_that_matter(fraction: float, said: str):
    assert words.share(fraction) == said


@pytest.mark.parametrize(("seconds", "said"), [(0.4, "under 1 s"), (42, "42 s"), (130, "2 min"), (6100, "1 h 42 min")])
def test_times_are_said_as_people_say_them(seconds: float, said: str):
    assert words.duration(seconds) == said
