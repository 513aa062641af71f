"""Drops at prunings, and drops against the end: numbers by hand, sentences that agree with their tables, nothing interpreted."""

import json
import re
from dataclasses import replace
from typing import Any

import plotly.graph_objects as go
import pytest
from test_charts import evaluated, finished, pruned, quality, told
from test_results import result

from prune_core import RunSpec
from prune_core.charts import drop_against_end, instability, variants
from prune_core.charts.drops import Instability, drops, prunes_trained
from prune_core.charts.theme import THEMES
from prune_core.events import Cancelled, Quality
from prune_core.history import History
from prune_core.statistics import Coefficient, Correlation

FULL = (235_200, 30_000, 1_000)
HALF = (117_600, 15_000, 1_000)
FEW = (11_760, 15_000, 500)
RUN = (
    evaluated(12, 0.96), pruned(12, HALF, 0.96, 0.90), evaluated(13, 0.95), evaluated(14, 0.96), evaluated(15, 0.965),
    pruned(16, FEW, 0.965, 0.503), evaluated(17, 0.80), evaluated(20, 0.95),
)  # fmt: skip
NASTY = "<img src=x onerror=alert(1)><b>bold</b> [l](javascript:1)"
ITERATIVE = RunSpec(protocol="iterative", criterion="magnitude", sparsity=0.9, epochs=4)


def variant(**options: Any) -> RunSpec:
    return ITERATIVE.model_copy(update={"protocol_options": type(ITERATIVE.protocol_options)(**options)})


def drawn(history: History, *others: History) -> instability.Timelines:
    return instability.timelines([(f"run {i}", label, h) for i, (label, h) in enumerate(zip("AB", (history, *others), strict=False))])


class TestDrops:
    def test_every_pruning_is_what_was_lost_and_when_it_was_back(self):
        first, second = drops(told(*RUN, finished(0.95)))
        assert (first.epoch, first.before, first.after, first.back, first.recovery) == (12, 0.96, 0.90, 2, "back")
        assert first.loss == pytest.approx(0.06)
        assert first.relative == pytest.approx(0.06 / 0.96)
        assert (first.removed, first.left) == (266_200 - 133_600, 266_200)
        assert (second.back, second.recovery, second.watched) == (None, "run over", 20)

    def test_the_layer_hit_hardest_lost_the_largest_share_of_what_it_had_left(self):
        first, second = drops(told(*RUN))
        assert (first.layer, first.layer_share) == ("Layer 1", 0.5)
        assert (second.layer, second.layer_share) == ("Layer 1", pytest.approx(0.9))
        assert second.removed == 133_600 - 27_260

    def test_a_recovery_that_was_not_reached_has_no_number(self):
        assert drops(told(*RUN))[1].recovery == "under way"
        assert drops(told(*RUN, Cancelled(epoch=20)))[1].recovery == "run over"
        cut_again = told(*RUN[:3], pruned(13.5, FEW, 0.95, 0.5), evaluated(20, 0.99))
        assert [(d.recovery, d.back) for d in drops(cut_again)] == [("pruned again", None), ("back", 6.5)]
        row = drawn(told(*RUN, finished(0.95))).table()
        assert row["Back after (epochs)"] == [2, None]
        assert row["Recovery"] == ["back", "not by the end of the run"]

    def test_where_nothing_was_lost_there_is_nothing_to_mend(self):
        (drop,) = drops(told(pruned(12, HALF, 0.9, 0.92)))
        assert (drop.recovery, drop.back) == ("no drop", 0.0)
        assert drop.loss == pytest.approx(-0.02)

    def test_prunings_with_no_training_between_them_are_one(self):
        (drop,) = drops(told(pruned(12, HALF, 0.96, 0.90), pruned(12, FEW, 0.90, 0.40)))
        assert (drop.before, drop.after, drop.removed) == (0.96, 0.40, 266_200 - 27_260)

    def test_an_untrained_network_has_nothing_to_lose(self):
        assert drops(told(pruned(0, HALF, 0.1, 0.1), evaluated(3, 0.9), spec=RunSpec())) == ()

    def test_the_class_hit_hardest_is_named(self):
        def of(right: float, *classes: float | None) -> Quality:
            return replace(quality(right), per_class=classes)

        event = replace(pruned(12, HALF, 0.9, 0.5), before=of(0.9, 0.9, 0.8, None), after=of(0.5, 0.7, 0.1, None))
        (drop,) = drops(told(event))
        assert drop.worst == "1"
        assert drop.worst_loss == pytest.approx(0.7)

    def test_relative_to_nothing_there_is_no_share(self):
        assert drops(told(pruned(12, HALF, 0.0, 0.0)))[0].relative is None

    def test_a_run_that_prunes_before_training_only_is_not_of_this_kind(self):
        assert not prunes_trained(RunSpec())
        assert not prunes_trained(RunSpec(protocol="dense", criterion=None))
        assert prunes_trained(ITERATIVE)
        assert not prunes_trained(ITERATIVE.model_copy(update={"epochs": 0}))


class TestSentence:
    def test_of_several_prunings_tells_mean_worst_and_recovery(self):
        assert drawn(told(*RUN, finished(0.95))).sentence == (
            "Two prunings cost 26.1 points each on average, the one at epoch 16 most: from 96.5 % to 50.3 %. "
            "Accuracy came back after one of the two that cost any."
        )

    def test_agrees_with_its_table(self):
        numbers = drawn(told(*RUN, finished(0.95)), told(pruned(12, HALF, 0.96, 0.86), evaluated(20, 0.97), finished(0.97)))
        table = numbers.table()
        for label, run in (("A", "run 0"), ("B", "run 1")):
            lost = [loss for loss, of in zip(table["Drop (points)"], table["Run"], strict=True) if of == run]
            mean = sum(float(str(loss)) for loss in lost) / len(lost)
            said = re.search(rf"([\d.]+)(?: points on average)? with “{label}”", numbers.sentence)
            assert said is not None
            assert said[1] == f"{mean:.1f}"

    @pytest.mark.parametrize(
        ("events", "said"),
        [
            ((), "No pruning of a trained network yet."),
            ((pruned(0, HALF, 0.1, 0.1),), "This run was pruned before it had learned anything: there was nothing to break."),
            (RUN[:4], "The pruning at epoch 12 cost 6.0 points: accuracy fell from 96.0 % to 90.0 %. It was back after 2 epochs."),
            (RUN[:3], "The pruning at epoch 12 cost 6.0 points: accuracy fell from 96.0 % to 90.0 %. It was not back so far."),
            ((pruned(12, HALF, 0.9, 0.92),), "The pruning at epoch 12 cost nothing: accuracy rose from 90.0 % to 92.0 %. There was nothing to mend."),
        ],
    )  # fmt: skip
    def test_of_none_and_one(self, events, said):
        assert drawn(told(*events)).sentence == said

    def test_of_nothing_at_all(self):
        assert instability.Timelines().sentence == "No pruning of a trained network yet."


@pytest.mark.parametrize("theme", THEMES, ids=("light", "dark"))
@pytest.mark.parametrize(
    "numbers",
    [
        instability.Timelines(),
        drawn(told()),
        drawn(told(*RUN[:2])),
        drawn(told(*RUN, finished(0.95))),
        drawn(told(*RUN), told(pruned(12, HALF, 0.9, 0.95))),
    ],
    ids=("nothing", "no drop yet", "one", "many", "two"),
)
def test_the_picture_has_titled_axes_and_a_table(numbers, theme):
    layout = json.loads(instability.draw(numbers, theme).to_json())["layout"]
    assert (layout["xaxis"]["title"]["text"], layout["yaxis"]["title"]["text"]) == ("Epoch", "Validation accuracy")
    assert len({len(column) for column in numbers.table().values()}) == 1


def test_recovery_is_drawn_as_long_as_it_took_and_as_open_where_it_was_not_reached():
    figure = instability.draw(drawn(told(*RUN, finished(0.95))), THEMES[0])
    lanes = {trace.name: tuple(trace.x) for trace in figure.data if trace.name in ("recovery", "back", "not back")}
    assert lanes["back"] == (14,)
    assert lanes["not back"] == (20,)


def outcome(seed: int, spec: RunSpec, loss: float, right: float, **fields: Any):
    return result(seed, right, spec=spec, **fields)._replace(id=f"{spec.group[:8]}-{seed}"), Instability(loss, loss / 0.9)


def compared(*specs: RunSpec, ends: dict[int, tuple[float, ...]] | None = None) -> drop_against_end.DropAgainstEnd:
    """Configuration i loses 10 (i + 1) points at a pruning and ends 5 (i + 1) points below 95 %, or as `ends` says, at seeds 0, 1, 2."""
    found = []
    for i, spec in enumerate(specs):
        rights = (ends or {}).get(i, tuple(0.95 - 0.05 * (i + 1) + 0.001 * s for s in range(3)))
        found += [outcome(seed, spec, 0.1 * (i + 1), right) for seed, right in enumerate(rights)]
    return drop_against_end.drop_against_end(found, specs[0].group, specs[-1].group)


class TestDropAgainstEnd:
    def test_means_are_of_configurations_and_their_differences_paired_by_seed(self):
        numbers = compared(variant(rounds=1), variant(rounds=2), ends={0: (0.95, 0.96, 0.97), 1: (0.90, 0.90, 0.90)})
        assert [(c.loss, c.test) for c in numbers.counted] == [
            (pytest.approx(0.1), pytest.approx(0.96)),
            (pytest.approx(0.2), pytest.approx(0.9)),
        ]
        assert numbers.difference is not None
        assert numbers.difference.mean == pytest.approx(-0.06)
        assert numbers.verdict == "It did not help here: the harder hit runs ended 6.0 ± 2.5 points lower (3 seeds)."  # 4.303 x 1 / sqrt(3)

    def test_a_difference_that_may_be_chance_is_called_so(self):
        numbers = compared(variant(rounds=1), variant(rounds=2), ends={0: (0.95, 0.96, 0.97), 1: (0.96, 0.95, 0.97)})
        assert numbers.verdict.startswith("No difference beyond chance at the end: the harder hit runs ended 0.0 ± 2.5 points")

    def test_a_higher_end_is_no_cause(self):
        numbers = compared(variant(rounds=1), variant(rounds=2), ends={0: (0.90, 0.90, 0.90), 1: (0.95, 0.96, 0.97)})
        assert numbers.verdict == "The harder hit runs ended 6.0 ± 2.5 points higher (3 seeds), which names no cause."

    def test_one_seed_is_no_verdict(self):
        numbers = compared(variant(rounds=1), variant(rounds=2), ends={0: (0.95,), 1: (0.90,)})
        assert numbers.verdict == "The harder hit run ended 5.0 points lower; with one seed that is no verdict."

    def test_few_configurations_have_no_coefficient(self):
        numbers = compared(*(variant(rounds=n) for n in (1, 2, 3)))
        assert numbers.correlation is None
        assert numbers.note.startswith("Three configurations: too few for a correlation.")
        assert "=" not in numbers.sentence

    def test_many_have_both_coefficients_with_intervals(self):
        numbers = compared(*(variant(rounds=n) for n in range(1, 7)))
        assert numbers.correlation is not None
        assert numbers.correlation.pearson.value == pytest.approx(-1)
        assert numbers.correlation.kendall.value == pytest.approx(-1)
        assert "Pearson r = −1.00, −1.00 to −1.00, p < 0.001; Kendall τ = −1.00" in numbers.note
        assert "A relation is not a cause." in numbers.note
        assert "Over six configurations, deeper drops went with lower final accuracy." in numbers.sentence

    def test_a_few_scattered_configurations_show_no_relation(self):
        ends = {i: (right,) * 3 for i, right in enumerate((0.98, 0.97, 0.95, 0.94, 0.96))}
        numbers = compared(*(variant(rounds=n) for n in range(1, 6)), ends=ends)
        assert numbers.correlation.pearson.p > 0.05
        assert "show no relation beyond chance" in numbers.relation

    def test_a_relation_that_only_one_coefficient_shows_is_no_verdict(self):
        """The figures of eight configurations that once were called a relation: r with an interval beyond zero, tau with one around it."""
        numbers = compared(*(variant(rounds=n) for n in range(1, 7)))
        beyond, around = Coefficient(-0.8, -0.97, -0.3, 0.02), Coefficient(-0.43, -0.92, 0.39, 0.18)
        for pearson, kendall, name in ((beyond, around, "Pearson's r"), (around, beyond, "Kendall's τ")):
            one = numbers._replace(correlation=Correlation(pearson, kendall, 6))
            assert one.relation.endswith(f"only {name} shows a relation of drops and final accuracy beyond chance: no verdict.")
        assert numbers._replace(correlation=Correlation(around, around, 6)).relation.endswith("show no relation beyond chance.")
        assert numbers._replace(correlation=Correlation(beyond, beyond, 6)).relation.endswith(
            "deeper drops went with lower final accuracy."
        )

    def test_a_run_at_chance_is_counted_apart_and_never_averaged(self):
        found = [outcome(s, variant(rounds=1), 0.1, 0.9) for s in (0, 1)] + [outcome(2, variant(rounds=1), 0.5, 0.1, at_chance=True)]
        numbers = drop_against_end.drop_against_end(found, variant(rounds=1).group)
        (one,) = numbers.configurations
        assert (one.loss, one.test, one.seeds) == (pytest.approx(0.1), pytest.approx(0.9), "2 of 3 seeds; 1 stayed at chance")
        assert [i.loss for i in one.at_chance] == [0.5]
        assert "at chance" in numbers.table()["Seeds"]
        assert "1 at chance, off the scale" in drop_against_end.draw(numbers, THEMES[0]).to_json()

    def test_one_that_only_ended_at_chance_never_recovered(self):
        found = [outcome(0, variant(rounds=1), 0.1, 0.9), outcome(0, variant(rounds=2), 0.5, 0.1, at_chance=True)]
        numbers = drop_against_end.drop_against_end(found, variant(rounds=1).group, variant(rounds=2).group)
        assert numbers.verdict == "“Two times” never recovered: it ended at chance."

    def test_the_sentence_agrees_with_the_table(self):
        numbers = compared(variant(rounds=1), variant(rounds=2), ends={0: (0.95, 0.96, 0.97), 1: (0.90, 0.90, 0.90)})
        table = numbers.table()
        means = [t for t, run in zip(table["Test accuracy (%)"], table["Run"], strict=True) if str(run).startswith("mean")]
        assert f"{float(str(means[0])) - float(str(means[1])):.1f} ±" in numbers.sentence

    @pytest.mark.parametrize(
        ("change", "same"),
        [
            ({"seed": 3}, True), ({"lr": 0.01}, True), ({"epochs": 5}, False), ({"sparsity": 0.8}, False), ({"dataset": "mnist"}, False),
            ({"model": "lenet_5_caffe"}, False),
        ],
    )  # fmt: skip
    def test_only_runs_with_equal_network_data_amount_and_epochs_are_compared(self, change, same):
        assert (drop_against_end.footing(ITERATIVE) == drop_against_end.footing(ITERATIVE.model_copy(update=change))) is same

    @pytest.mark.parametrize(
        "numbers", [drop_against_end.DropAgainstEnd(), compared(ITERATIVE), compared(*(variant(rounds=n) for n in range(1, 7)))]
    )
    def test_none_one_and_many_can_be_drawn(self, numbers):
        for theme in THEMES:
            layout = json.loads(drop_against_end.draw(numbers, theme).to_json())["layout"]
            assert "points" in layout["xaxis"]["title"]["text"]
            assert layout["yaxis"]["title"]["text"] == "Final test accuracy"
        assert len({len(column) for column in numbers.table().values()}) == 1

    def test_names_that_people_gave_are_shown_as_they_are(self):
        found = [(r._replace(title=NASTY), i) for r, i in (outcome(s, variant(rounds=1), 0.1, 0.9) for s in range(3))]
        shown = drop_against_end.draw(drop_against_end.drop_against_end(found, variant(rounds=1).group), THEMES[0])
        assert not tags(shown)


def tags(figure: go.Figure) -> set[str]:
    """What Plotly would read as markup of ours or theirs, but for line breaks and its own <extra>."""
    return set(re.findall(r"<[^>]*>", figure.to_json().encode().decode("unicode_escape"))) - {"<br>", "<extra>", "</extra>"}


class TestVariants:
    def test_labels_say_what_differs_and_nothing_else(self):
        assert variants.labels([variant(target="largest"), variant()]) == ["Largest first", "Smallest first"]
        assert variants.labels([variant(rounds=1), variant(rounds=5)]) == ["At once", "Five times"]
        assert variants.labels([ITERATIVE, ITERATIVE.model_copy(update={"seed": 3})]) == ["Seed 0", "Seed 3"]

    def test_the_rounds_of_a_criterion_are_usual_whether_said_or_not(self):
        synflow, said = (RunSpec(criterion="synflow", protocol_options=options) for options in ({}, {"rounds": 100}))
        assert variants.labels([synflow]) == variants.labels([said]) == ["Lowest scores first, 100 times"]
        assert variants.is_usual(synflow)
        assert variants.is_usual(said)
        assert variants.is_usual(RunSpec(protocol_options={"rounds": 1}))
        assert not variants.is_usual(RunSpec(criterion="synflow", protocol_options={"rounds": 1}))

    def test_equal_runs_are_told_apart_by_number(self):
        assert variants.labels([ITERATIVE, ITERATIVE]) == ["Run 1", "Run 2"]

    def test_a_label_is_broken_between_words_and_escaped(self):
        assert variants.wrapped("Smallest first, five times") == "Smallest first,<br>five times"
        assert variants.wrapped("<b>") == "&lt;b&gt;"
