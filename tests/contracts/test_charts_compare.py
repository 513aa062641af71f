"""Charts of Compare, Methods and System: what they say agrees with what they draw, and nothing is told apart by colour alone."""

import json
from itertools import pairwise
from typing import Any

import pytest
from test_charts import Case, evaluated, finished, pruned, told
from test_results import result

from prune_core import RunSpec, catalogue
from prune_core.charts import architecture, compare, curves, speeds
from prune_core.charts.theme import LIGHT, THEMES, Theme
from prune_core.history import History
from prune_core.results import Environment, Result
from prune_core.spec_words import differing, settings_of

STEPS = RunSpec(criterion="magnitude", protocol="iterative", sparsity=0.97, epochs=24)
KEPT = (20_000, 6_000, 620)
DENSE = RunSpec(protocol="dense", criterion=None, epochs=24)


def run(spec: RunSpec, ends: float, name: str | None = None, **changed: Any) -> tuple[Result, History]:
    history = told(evaluated(1, 0.9), evaluated(24, ends), finished(ends), spec=spec)
    return result(spec.seed, ends, spec=spec)._replace(title=name or spec.title, id=f"{spec.fingerprint[:8]}{name}", **changed), history


def snip(sparsity: float = 0.9, **changed: Any) -> RunSpec:
    return RunSpec(sparsity=sparsity, epochs=24, **changed)


PAIR = (run(snip(0.9), 0.97), run(DENSE, 0.98))
TWELVE = tuple(run(snip(0.9, seed=seed), 0.9 + seed / 1000) for seed in range(12))
CASES = {
    "compare": Case(compare.draw, compare.comparison([]), compare.comparison(PAIR), compare.comparison(TWELVE)),
    "compare errors": Case(
        lambda n, t: compare.draw(n, t, scale="error"), compare.comparison([]), compare.comparison(PAIR), compare.comparison(TWELVE)
    ),
    "architecture": Case(architecture.draw, *(architecture.architecture(catalogue.models[m]) for m in ("lenet_300_100", "lenet_5", "small_conv"))),
    "speeds": Case(
        speeds.draw, speeds.speeds({}), speeds.speeds({("lenet_5", "mnist"): 9.2}),
        speeds.speeds({("lenet_5", "mnist"): 9.2, ("lenet_300_100", "digits"): 0.02, ("small_conv", "digits"): 0.3}),
    ),
}  # fmt: skip
NUMBERS = [(name, case, numbers) for name, case in CASES.items() for numbers in case[1:]]


@pytest.mark.parametrize(("name", "case", "numbers"), NUMBERS, ids=[f"{n[0]} {i % 3}" for i, n in enumerate(NUMBERS)])
class TestEveryChart:
    @pytest.mark.parametrize("theme", THEMES, ids=("light", "dark"))
    def test_draws_with_axis_titles_on_our_own_template(self, name: str, case: Case, numbers: Any, theme: Theme):
        layout = json.loads(case.draw(numbers, theme).to_json())["layout"]
        assert layout["xaxis"]["title"]["text"]
        assert layout["yaxis"]["title"]["text"] or layout["yaxis"].get("type") == "category" or name == "speeds"
        assert layout["template"]["layout"]["font"]["color"] == theme.text

    def test_says_a_sentence_and_has_a_table_of_columns_of_one_length(self, name: str, case: Case, numbers: Any):
        assert numbers.sentence.endswith(".")
        assert len({len(values) for values in numbers.table().values()}) == 1


class TestCompare:
    def test_the_sentence_speaks_of_the_ends_of_the_curves_in_the_table(self):
        found = compare.comparison(PAIR)
        assert found.sentence == "Dense stands highest, at 98.0 % of the validation images; SNIP 90 % lowest, at 97.0 %."
        table = found.table()
        ends = {row[0]: row[-1] for row in zip(*table.values(), strict=True)}
        assert ends == {"A": 97.0, "B": 98.0}

    def test_the_outcome_speaks_of_the_test_images_and_of_runs_without(self):
        found = compare.comparison([*PAIR, run(snip(0.95), 0.5, test_accuracy=None, state="failed")])
        assert found.outcome == "Dense ends highest, at 98.0 % of the test images; SNIP 90 % at 97.0 %. One of 3 has no test accuracy."
        assert found.figures()["Test accuracy (%)"] == [97.0, 98.0, None]

    def test_only_the_settings_that_differ_are_listed_in_words(self):
        found = compare.comparison([run(snip(0.9), 0.97), run(snip(0.95, lr=0.1), 0.96)])
        assert [(d.title, d.values) for d in found.differing] == [("Amount removed", ("90 %", "95 %")), ("Learning rate", ("0.02", "0.1"))]
        assert found.differences.startswith("They differ in amount removed and learning rate; the other ")

    def test_runs_that_repeat_each_other_are_said_to(self):
        found = compare.comparison([run(snip(), 0.97), run(snip(), 0.97)])
        assert found.differences == "No setting differs: these runs repeat each other."
        assert [s.label for s in found.sides] == ["SNIP 90 % (1)", "SNIP 90 % (2)"]

    def test_labels_hold_as_little_as_tells_the_runs_apart(self):
        sides = compare.comparison([run(snip(), 0.9), run(snip(seed=1), 0.9), run(snip(seed=1, lr=0.5), 0.9), run(DENSE, 0.9)]).sides
        assert [s.label for s in sides] == [
            "SNIP 90 % · seed 0",
            "SNIP 90 % · seed 1 · learning rate 0.02",
            "SNIP 90 % · seed 1 · learning rate 0.5",
            "Dense",
        ]

    def test_every_line_has_a_colour_or_dash_of_its_own_and_a_letter(self):
        found = compare.comparison(TWELVE[:6])
        assert len({(s.family, s.dash) for s in found.sides}) == 6
        letters = [a.name for a in compare.draw(found, LIGHT).layout.annotations]
        assert letters == [f"narrow:{letter}" for letter in "ABCDEF"]

    def test_labels_stay_apart_and_inside_the_picture(self):
        for scale in ("accuracy", "error"):
            fig = compare.draw(compare.comparison(TWELVE), LIGHT, scale=scale)  # type: ignore[arg-type]
            places = sorted(a.y for a in fig.layout.annotations)
            low, high = fig.layout.yaxis.range
            gap = 17.9 / (fig.layout.height - 60) * (high - low)
            assert all(b - a >= gap for a, b in pairwise(places))
            assert low <= places[0]
            assert places[-1] <= high

    def test_a_drop_at_a_pruning_is_drawn_from_before_to_after(self):
        history = told(evaluated(12, 0.96), pruned(12, KEPT, 0.96, 0.8), evaluated(24, 0.95), finished(0.95), spec=STEPS)
        (series,) = compare.comparison([(result(0, 0.95, spec=STEPS), history)]).curves.series
        assert list(zip(series.epochs, series.accuracy, series.moments, strict=True)) == [
            (12, 0.96, "measured"), (12, 0.96, "before pruning"), (12, 0.8, "after pruning"), (24, 0.95, "measured"),
        ]  # fmt: skip

    def test_another_torch_or_device_is_marked(self):
        mixed = [
            run(snip(), 0.97, environment=Environment("1", "2.13", "cpu")),
            run(DENSE, 0.98, environment=Environment("1", "2.12", "a GPU")),
        ]
        said = compare.comparison(mixed).mixed
        assert (
            said == "Not computed alike: A with torch 2.13, B with torch 2.12; A on cpu, B on a GPU. Small differences may come from that."
        )
        assert compare.comparison([run(snip(), 0.97), run(DENSE, 0.98)]).mixed is None

    def test_names_are_shown_and_never_interpreted(self):
        name = "<b>x</b> %{y} <a href='javascript:1'>"
        figure = compare.draw(compare.comparison([run(snip(), 0.97, name), run(DENSE, 0.98)]), LIGHT).to_json()
        assert "<a" not in figure
        assert "%{y} &lt;a" not in figure

    def test_more_than_twelve_are_refused(self):
        with pytest.raises(ValueError, match="at most 12 can be compared, got 13"):
            compare.comparison([*TWELVE, *TWELVE[:1]])


class TestSettings:
    def test_a_protocol_that_does_not_prune_says_nothing_of_criteria(self):
        assert not {"criterion", "sparsity", "allocation"} & {s.field for s in settings_of(DENSE)}

    def test_what_somebody_chose_is_marked(self):
        chosen = {s.field: s.value for s in settings_of(snip(0.95, lr=0.1)) if not s.usual}
        assert chosen == {"sparsity": "95 %", "epochs": "24", "lr": "0.1"}

    def test_saying_what_follows_from_the_rest_is_no_choice(self):
        assert all(s.usual for s in settings_of(RunSpec(protocol_options={"rounds": 1, "keep_min": 0})))
        chosen = {s.field: s.value for s in settings_of(RunSpec(protocol_options={"rounds": 2})) if not s.usual}
        assert chosen == {"protocol_options.rounds": "2"}

    def test_options_that_come_with_another_entry_are_no_difference_of_their_own(self):
        assert [d.field for d in differing([snip(), RunSpec(criterion="random", epochs=24)])] == ["criterion"]
        chosen = RunSpec(epochs=24, criterion_options={"n_examples": 10})
        assert [d.values for d in differing([chosen, RunSpec(criterion="random", epochs=24)]) if "n_examples" in d.field] == [("10", "–")]


def has_data(model) -> bool:
    return any(data.shape == model.input_shape for data in catalogue.datasets.values())


def test_guesses_stand_for_every_network_on_its_smallest_data_until_something_is_measured():
    found = speeds.guesses()
    assert {row.model for row in found.rows} == {m.title for m in catalogue.models.values() if has_data(m)}
    assert [row.dataset for row in found.rows if row.model == "LeNet-5"] == ["Digits"]
    assert found.rows[0].seconds == min(row.seconds for row in found.rows)
    assert set(found.table()["Known from"]) == {"a first guess"}
    assert speeds.took(found.rows[-1].seconds) in found.sentence


def test_speeds_of_what_the_catalogue_forgot_are_left_out():
    found = speeds.speeds({("gone", "mnist"): 1.0, ("lenet_5", "mnist"): 9.2, ("lenet_5", "digits"): 0.0})
    assert found.sentence == "An epoch of LeNet-5 on MNIST takes 9.2 s here."


@pytest.mark.parametrize("name", catalogue.models)
def test_layers_add_up_to_the_prunable_weights(name: str):
    entry = catalogue.models[name]
    found = architecture.architecture(entry)
    assert sum(found.table()["Weights"]) == entry.weights
    assert sum(part.channels for part in found.parts) == entry.channels


def test_points_at_one_place_are_moved_down_then_up():
    assert curves.apart([1.0, 1.0, 1.0], 0.1, 0.0, 1.0) == pytest.approx([1.0, 0.9, 0.8])
    assert curves.apart([0.0, 0.0], 0.1, 0.0, 1.0) == pytest.approx([0.1, 0.0])


def test_runs_on_different_data_are_not_ranked():
    same = [("a", told(evaluated(1, 0.9), spec=snip())), ("b", told(evaluated(1, 0.8), spec=snip(seed=1)))]
    other = ("c", told(evaluated(1, 0.7), spec=snip(dataset="mnist")))
    assert "stands highest" in curves.curves(same).sentence
    assert (
        curves.curves([*same, other]).sentence == "Three runs on different data: their accuracies are not to be compared with each other."
    )
