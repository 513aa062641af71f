"""A pruned run against its twins: verdicts from paired differences, rows that say what they are of, nothing left out without a word."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from test_charts import evaluated, finished, pruned, told
from test_charts_instability import tags
from test_results import result

from prune_core import RunSpec
from prune_core.charts import scratch, scratch_curves
from prune_core.charts.theme import THEMES
from prune_core.history import History
from prune_core.results import Result
from prune_core.twins import TwinName, twins

STEPS = RunSpec(protocol="iterative", criterion="magnitude", sparsity=0.9, epochs=4)
FIRST = RunSpec(sparsity=0.9, epochs=4)
KEPT = (11_760, 15_000, 500)
PRUNED = (0.95, 0.96, 0.97)


def run_of(spec: RunSpec) -> History:
    at = 0 if spec.protocol == "prune_at_init" else 2
    return told(replace(pruned(at, KEPT, 0.9, 0.8), masks_sha256="0" * 64, file="masks"), evaluated(4, 0.95), finished(0.95), spec=spec)


def held(spec: RunSpec = STEPS, mine: tuple[float, ...] = PRUNED, **found: tuple[float, ...]) -> scratch.Scratch:
    """The run's seeds and its twins' (name -> test accuracies at seeds 0, 1, ...)."""
    made = {name: twin for name, twin in twins(run_of(spec)).items() if name in ("scratch_e", "equal_pipeline", "dense", "dense_longer")}
    beside = {name: [result(seed, right, spec=made[name].spec) for seed, right in enumerate(rights)] for name, rights in found.items()}  # type: ignore[index]
    return scratch.scratch([result(seed, right, spec=spec) for seed, right in enumerate(mine)], made, beside)


def shifted(by: float, spread: float = 0.0) -> tuple[float, ...]:
    """Twins that end `by` below the pruned runs, give or take the spread."""
    return tuple(right - by + spread * (seed - 1) for seed, right in enumerate(PRUNED))


class TestVerdict:
    def test_a_difference_that_leaves_nothing_out_is_what_the_weights_are_worth(self):
        said = held(equal_pipeline=shifted(0.02, 0.001)).sentence
        assert said == "Given equal epochs, the inherited weights are worth 2.0 ± 0.2 points (3 seeds)."  # 4.303 x 0.1 / sqrt(3)

    def test_a_twin_that_ends_higher_is_said_to(self):
        said = held(equal_pipeline=shifted(-0.02, 0.001)).sentence
        assert said == "Given equal epochs, the same architecture from scratch ends 2.0 ± 0.2 points higher (3 seeds)."

    def test_an_interval_that_holds_nothing_shows_no_difference(self):
        said = held(equal_pipeline=shifted(0.001, 0.01)).sentence
        assert said == "Given equal epochs, no difference beyond chance: pruned minus from scratch, 0.1 ± 2.5 points, 3 seeds."

    def test_equivalence_needs_the_whole_interval_inside_the_margin(self):
        said = held(equal_pipeline=shifted(0.0008, 0.001)).sentence
        assert said.startswith(
            "Given equal epochs, pruned and from scratch are equivalent within 0.5 points: they differ by 0.1 ± 0.2 points"
        )

    @pytest.mark.parametrize(("n", "said"), [(1, "One seed: no verdict."), (2, "Two seeds: no verdict.")])
    def test_fewer_than_three_seeds_are_no_verdict(self, n, said):
        assert held(mine=PRUNED[:n], equal_pipeline=shifted(0.02)[:n], scratch_e=shifted(0.03)[:n]).sentence == said

    def test_only_seeds_that_both_have_are_compared(self):
        numbers = held(equal_pipeline=shifted(0.02)[:2])
        assert numbers.difference("equal_pipeline").n == 2
        assert numbers.sentence == "Two seeds: no verdict."

    def test_both_from_scratch_twins_have_their_say(self):
        said = held(equal_pipeline=shifted(0.001, 0.01), scratch_e=shifted(0.02, 0.001)).sentence
        assert "Given equal epochs, no difference" in said
        assert "With only the dense network's epochs, the inherited weights are worth 2.0 ± 0.2 points" in said

    def test_what_was_pruned_before_training_kept_its_first_weights(self):
        assert "the first weights are worth 2.0" in held(FIRST, equal_pipeline=shifted(0.02, 0.001)).sentence

    def test_with_nothing_to_compare_it_says_what_is_missing(self):
        assert held(dense=PRUNED).sentence == "Nothing to compare with yet: the same architecture has not been trained from scratch."
        assert scratch.scratch([], {}, {}).sentence == "No pruned run has finished yet."

    def test_agrees_with_the_table(self):
        numbers = held(equal_pipeline=shifted(0.02, 0.001), scratch_e=shifted(0.03, 0.001))
        table = numbers.table()
        at = table["What"].index("Pruned minus From scratch, equal pipeline, points")
        mean, low, high = (float(str(table[c][at])) for c in ("Test accuracy (%)", "Interval from", "Interval to"))
        assert f"{mean:.1f} ± {high - mean:.1f} points" in numbers.sentence
        assert high - mean == pytest.approx(mean - low, abs=0.002)


class TestRows:
    def test_every_twin_is_named_with_its_epochs_and_its_price(self):
        rows = held(equal_pipeline=PRUNED, scratch_e=PRUNED, dense=PRUNED, dense_longer=PRUNED).rows
        assert [(r.title, r.epochs, r.images, r.found) for r in rows] == [
            ("Pruned", 4, 4 * 1294, 0), ("From scratch, Scratch-E", 2, 2 * 1294, 4 * 1294),
            ("From scratch, equal pipeline", 4, 4 * 1294, 4 * 1294), ("Dense", 2, 2 * 1294, 0), ("Dense-longer", 4, 4 * 1294, 0),
        ]  # fmt: skip
        assert rows[0].detail == "13,310 of 266,200 weights, 4 epochs"
        assert rows[1].price == "3 k + 5 k images"

    def test_twins_that_are_one_run_are_one_row(self):
        rows = held(FIRST, equal_pipeline=PRUNED).rows
        assert [r.title for r in rows] == ["Pruned", "From scratch, equal epochs", "Dense"]
        assert rows[1].values == dict(enumerate(PRUNED))

    def test_what_is_missing_or_under_way_says_so_in_its_row(self):
        made = twins(run_of(STEPS))
        waiting = [result(0, None, state="queued", spec=made["scratch_e"].spec)]
        rows = {r.name: r for r in scratch.scratch([result(0, 0.9, spec=STEPS)], dict(made), {"scratch_e": waiting}).rows}
        assert (rows["scratch_e"].state, rows["dense"].state) == ("under way", "not run yet")

    def test_runs_at_chance_and_failed_ones_are_counted_aloud(self):
        made: dict[TwinName, Any] = dict(twins(run_of(STEPS)))
        spec = made["equal_pipeline"].spec
        runs = [result(0, 0.9, spec=spec), result(1, 0.1, spec=spec, at_chance=True), result(2, None, spec=spec, state="failed")]
        numbers = scratch.scratch([result(s, 0.9, spec=STEPS) for s in range(3)], made, {"equal_pipeline": runs})
        assert numbers.row("equal_pipeline").values == {0: 0.9}
        assert "From scratch, equal pipeline: 1 of 3 seeds; 1 stayed at chance, 1 failed." in numbers.note

    def test_a_run_that_stayed_at_chance_still_has_its_rows(self):
        numbers = scratch.scratch([result(s, 0.1, spec=STEPS, at_chance=True) for s in range(3)], dict(twins(run_of(STEPS))), {})
        assert numbers.sentence == "No pruned run to compare: 0 of 3 seeds; 3 stayed at chance."
        assert "3 stayed at chance" in scratch.draw(numbers, THEMES[0]).to_json()

    def test_a_mean_is_shown_from_three_seeds_on(self):
        rows = held(mine=(0.95, 0.961), equal_pipeline=PRUNED).rows
        assert (rows[0].shown, rows[2].shown) == ("95.0, 96.1 %", "96.0 %")
        assert held(mine=(0.95,)).rows[0].shown == "95.0 %"


MANY = held(equal_pipeline=PRUNED, scratch_e=shifted(0.02), dense=shifted(-0.01), dense_longer=shifted(-0.01))


@pytest.mark.parametrize("theme", THEMES, ids=("light", "dark"))
@pytest.mark.parametrize("numbers", [scratch.Scratch(), held(mine=(0.9,)), MANY], ids=("nothing", "one", "many"))
def test_the_picture_has_a_titled_axis_and_a_table(numbers, theme):
    layout = json.loads(scratch.draw(numbers, theme).to_json())["layout"]
    assert layout["xaxis"]["title"]["text"] == "Test accuracy (axis does not start at zero)"
    assert len({len(column) for column in numbers.table().values()}) == 1


def test_every_seed_is_a_dot_and_the_interval_a_bar():
    figure = scratch.draw(MANY, THEMES[0])
    assert next(tuple(t.x) for t in figure.data if t.name == "seeds") == PRUNED
    assert sum(t.name == "interval" for t in figure.data) == 5
    assert not [t for t in scratch.draw(held(mine=PRUNED[:2]), THEMES[0]).data if t.name in ("interval", "mean")]


def test_a_name_that_someone_gave_is_not_drawn_as_markup():
    nasty: list[Result] = [result(0, 0.9, spec=STEPS)._replace(title="<img src=x onerror=alert(1)>")]
    assert tags(scratch.draw(scratch.scratch(nasty, {}, {}), THEMES[0])) <= {"<b>", "</b>"}


class TestCurves:
    def lines(self, *ends: float) -> scratch_curves.ScratchCurves:
        names = ("pruned", "scratch_e", "dense")
        found = [(n, n.title(), told(evaluated(2, 0.5), evaluated(4, end), spec=STEPS)) for n, end in zip(names, ends, strict=False)]
        return scratch_curves.scratch_curves(found, 3)

    @pytest.mark.parametrize(
        ("ends", "said"),
        [
            ((), "None of these runs has measured anything yet."),
            ((0.9,), "“Pruned” stands at 90.0 % of the validation images."),
            ((0.9, 0.9), "Both stand at 90.0 % of the validation images."),
            ((0.9, 0.8, 0.95), "At seed 3, “Dense” stands highest, at 95.0 % of the validation images; “Scratch_E” lowest, at 80.0 %."),
        ],
    )  # fmt: skip
    def test_the_sentence_names_the_ends(self, ends, said):
        assert self.lines(*ends).sentence == said

    def test_every_title_stands_at_the_end_of_its_own_line(self):
        found = [
            (name, name.title(), told(evaluated(1, 0.5), evaluated(until, end), spec=STEPS.model_copy(update={"epochs": until})))
            for name, until, end in (("pruned", 10, 0.9), ("scratch_e", 5, 0.8), ("equal_pipeline", 10, 0.7), ("dense", 5, 0.6))
        ]
        marks = {a.text: a for a in scratch_curves.draw(scratch_curves.scratch_curves(found, 0), THEMES[0]).layout.annotations}
        assert {text: (a.x, a.xref) for text, a in marks.items()} == {
            "Pruned": (1, "paper"), "Equal_Pipeline": (1, "paper"), "Scratch-E": (5, None), "Dense": (5, None),
        }  # fmt: skip
        assert marks["Pruned"].y == pytest.approx(0.9)
        assert marks["Equal_Pipeline"].y == pytest.approx(0.7)
        for text, end in (("Scratch-E", 0.8), ("Dense", 0.6)):
            assert 0 < end - marks[text].y < 0.08

    def test_the_picture_and_the_table_hold_every_measurement(self):
        numbers = self.lines(0.9, 0.8)
        assert numbers.table()["Validation accuracy (%)"] == [50, 90, 50, 80]
        for theme in THEMES:
            layout = json.loads(scratch_curves.draw(numbers, theme).to_json())["layout"]
            assert layout["xaxis"]["title"]["text"] == "Epoch"
        assert re.search("Nothing measured", scratch_curves.draw(self.lines(), THEMES[0]).to_json())


def test_the_shape_is_judged_against_plainly_narrower_networks_that_trained_as_long():
    rows = {"scratch_e": (0.90, 10), "width_multiplier": (0.88, 10)}
    made = [chart_row(name, {s: right + 0.001 * s for s in range(3)}, epochs) for name, (right, epochs) in rows.items()]
    numbers = scratch.Scratch((chart_row(scratch.PRUNED, {0: 0.9, 1: 0.9, 2: 0.91}, 20), *made))
    assert numbers.shape.startswith("The shape that was found is worth 2.00 ± 0.00 points over a plainly narrower network")
    assert numbers.shape in numbers.sentence
    longer = scratch.Scratch((numbers.rows[0], made[0], chart_row("width_multiplier", made[1].values, 30)))
    assert longer.shape == ""
    assert scratch.Scratch((numbers.rows[0], made[0], chart_row("width_multiplier", {0: 0.88}, 10))).shape == ""


def chart_row(name, values, epochs):
    return scratch.Row(name, name, "", epochs, 1000, 0, values, {s: str(s) for s in values}, "3 seeds", "", None)
