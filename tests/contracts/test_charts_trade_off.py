"""The trade-off: series that never mix unlike training, sentences that say no more than the intervals, published values as they are printed."""

import json
import re
from itertools import pairwise
from typing import Any

import pytest
from test_charts import texts
from test_results import result

from prune_core import RunSpec
from prune_core.catalogue.published import PUBLISHED, published
from prune_core.charts.theme import DARK, LIGHT, THEMES
from prune_core.charts.trade_off import TradeOff
from prune_core.charts.trade_off_drawing import draw, spread
from prune_core.charts.trade_off_folding import trade_off
from prune_core.results import Environment, Result, grouped
from prune_core.spec import Parent

LENET = RunSpec(dataset="mnist", epochs=2)
WEIGHTS = 266_200
PRINTED = published("lenet_300_100", "mnist")
NASTY = "<img src=x onerror=alert(1)><b>bold</b> %{x} [l](javascript:1)"


def runs(sparsity: float, rights: dict[int, float], effective: int | None = None, **fields: Any) -> list[Result]:
    """Seeds of one setting, by seed -> test accuracy."""
    spec = LENET.model_copy(update={"sparsity": sparsity, **fields})
    kept = WEIGHTS if spec.protocol == "dense" else round((1 - sparsity) * WEIGHTS)
    return [result(s, right, spec=spec)._replace(weights_kept=kept, effective=effective) for s, right in rights.items()]


def three(middle: float, wide: float = 0.002) -> dict[int, float]:
    return {0: middle - wide, 1: middle, 2: middle + wide}


def folded(*found: list[Result], **options: Any) -> TradeOff:
    return trade_off(grouped([r for each in found for r in each]), **options)


SNIP = [*runs(0.9, three(0.97)), *runs(0.95, three(0.96)), *runs(0.98, three(0.93))]
RANDOM = [*runs(0.9, three(0.95), criterion="random"), *runs(0.95, three(0.93), criterion="random")]
DENSE = runs(0.0, three(0.98), protocol="dense", criterion=None)
CASES = {
    "empty": TradeOff(), "dense alone": folded(DENSE), "one": folded(runs(0.95, {0: 0.96})), "two seeds": folded(runs(0.95, {0: 0.96, 1: 0.97})),
    "many": folded(SNIP, RANDOM, DENSE, published=PRINTED), "accuracy": folded(SNIP, RANDOM, DENSE, up="accuracy", published=PRINTED),
    "at chance": folded(SNIP, [r._replace(at_chance=True, test_accuracy=0.1) for r in runs(0.99, three(0.1))]),
    "perfect": folded(runs(0.9, {0: 1.0, 1: 1.0, 2: 1.0})), "no path": folded(SNIP, across="effective"),
}  # fmt: skip
PARAMETERS = [pytest.param(numbers, id=name) for name, numbers in CASES.items()]


@pytest.mark.parametrize("numbers", PARAMETERS)
class TestEveryTradeOff:
    @pytest.mark.parametrize("theme", THEMES, ids=("light", "dark"))
    def test_draws_with_axis_titles(self, numbers: TradeOff, theme):
        layout = json.loads(draw(numbers, theme).to_json())["layout"]
        assert "log scale" in layout["xaxis"]["title"]["text"]
        assert layout["yaxis"]["title"]["text"]
        assert layout["template"]["layout"]["font"]["color"] == theme.text

    def test_uses_no_colour_of_the_other_theme(self, numbers: TradeOff):
        foreign = {DARK.text, DARK.soft, DARK.leaf, DARK.grid} - {LIGHT.text, LIGHT.soft, LIGHT.leaf, LIGHT.grid}
        assert not foreign & set(texts(json.loads(draw(numbers, LIGHT).to_json())))

    def test_has_a_sentence_and_a_table_of_one_length(self, numbers: TradeOff):
        assert numbers.sentence.endswith(".")
        assert not {"None", "nan", "inf"} & set(re.findall(r"\w+", numbers.sentence))
        assert len({len(values) for values in numbers.table().values()}) == 1

    def test_every_number_of_the_sentence_stands_in_the_table(self, numbers: TradeOff):
        table = numbers.table()
        column = next(name for name in table if name.startswith("Test "))
        here = {f"{value:.1f}" for value in table[column] if value is not None}
        said = re.findall(r"on ([\d.]+) %", numbers.sentence)
        assert set(said) <= here


class TestSeries:
    def test_are_a_criterion_by_a_protocol_over_sparsities(self):
        found = folded(SNIP, RANDOM)
        assert [(s.label, [p.asked for p in s.points]) for s in found.series] == [
            ("Random, at the start", [0.9, 0.95]),
            ("SNIP, at the start", [0.9, 0.95, 0.98]),
        ]

    def test_of_other_lengths_of_training_never_share_a_line(self):
        found = folded(SNIP, runs(0.95, {0: 0.98}, epochs=20))
        assert [(s.label, len(s.points)) for s in found.series] == [
            ("SNIP, at the start, 2 epochs", 3),
            ("SNIP, at the start, 20 epochs", 1),
        ]
        assert [s.variant for s in found.series] == [0, 1]

    def test_all_say_how_long_they_were_trained_where_that_differs(self):
        found = folded(SNIP, runs(0.95, {0: 0.98}, epochs=20, criterion="magnitude"), DENSE)
        assert [s.label for s in (*found.series, *found.dense)] == [
            "Magnitude, at the start, 20 epochs",
            "SNIP, at the start, 2 epochs",
            "Dense, 2 epochs",
        ]

    def test_of_other_options_say_which(self):
        found = folded(SNIP, runs(0.95, {0: 0.98}, lr=0.05))
        assert [s.label for s in found.series] == ["SNIP, at the start, learning rate 0.05", "SNIP, at the start, learning rate 0.1"]

    def test_alike_in_family_differ_in_dash_and_marker(self):
        found = folded(SNIP, runs(0.95, {0: 0.98}, epochs=20), runs(0.95, {0: 0.98}, protocol="iterative"))
        traces = draw(found, LIGHT).data
        assert len({t.name for t in traces if t.ids is not None}) == 3
        assert len({t.line.dash for t in traces if t.line.dash}) == 3
        assert {t.marker.symbol for t in traces if t.ids is not None} == {"circle", "circle-dot"}

    def test_keep_their_criterions_colour_whatever_is_drawn_beside_them(self):
        for found in (folded(SNIP), folded(SNIP, RANDOM, DENSE)):
            colours = {t.name: t.marker.color for t in draw(found, LIGHT).data if t.ids is not None and t.name.startswith("SNIP")}
            assert set(colours.values()) == {LIGHT.style("snip").colour}

    def test_the_full_network_is_a_reference_and_no_series(self):
        found = folded(SNIP, DENSE)
        assert [s.label for s in found.dense] == ["Dense"]
        assert found.dense[0].points[0].mean == pytest.approx(0.02)

    def test_of_the_full_network_those_trained_as_long_stay_beside_a_choice(self):
        longer = runs(0.0, three(0.99), protocol="dense", criterion=None, epochs=20)
        found = folded(SNIP, DENSE, longer)
        assert [s.epochs for s in found.dense] == [2, 20]
        assert [s.epochs for s in found.only([]).dense] == [2]

    def test_fewer_than_three_seeds_have_dots_and_no_mean_line_or_band(self):
        found = draw(folded(runs(0.9, {0: 0.97, 1: 0.96}), runs(0.95, {0: 0.95, 1: 0.95})), LIGHT)
        assert [t for t in found.data if t.fill == "toself"] == []
        means = [t for t in found.data if t.ids is not None and t.mode == "lines+markers"]
        assert means == []
        (dots,) = [t for t in found.data if t.ids is not None]
        assert len(dots.x) == 4

    def test_every_seed_is_drawn_and_opens_its_run(self):
        found = draw(folded(SNIP), LIGHT)
        dots = next(t for t in found.data if t.mode == "markers" and t.ids is not None)
        assert sorted(dots.ids) == sorted(f"run={r.id}" for r in SNIP)
        line = next(t for t in found.data if t.mode == "lines+markers" and t.ids is not None)
        assert line.ids[0] == f"runs={','.join(r.id for r in SNIP[:3])}"

    def test_a_run_at_chance_is_drawn_hollow_said_and_in_no_mean(self):
        group = [*runs(0.95, three(0.96)), *(r._replace(at_chance=True) for r in runs(0.95, {7: 0.1}))]
        found = folded(group)
        (point,) = found.series[0].points
        assert (point.mean, point.seeds) == (pytest.approx(0.04), "3 of 4 seeds; 1 stayed at chance")
        assert found.incomplete == ("SNIP, at the start, 95 % removed: 3 of 4 seeds; 1 stayed at chance",)
        dots = next(t for t in draw(found, LIGHT).data if t.mode == "markers" and t.ids is not None)
        assert [symbol for symbol in dots.marker.symbol if symbol.endswith("open")] == ["circle-open"]

    def test_failed_and_cancelled_seeds_are_counted(self):
        group = [*runs(0.95, three(0.96)), *(r._replace(state="failed", test_accuracy=None) for r in runs(0.95, {7: 0.1}))]
        assert folded(group).table()["Seeds"] == ["3 of 4 seeds; 1 failed"]

    def test_seeds_of_another_torch_are_marked(self):
        old = [r._replace(environment=Environment("0.1.0", "2.12.0", "cpu")) for r in runs(0.95, {5: 0.96})]
        found = folded(runs(0.95, three(0.96)), old)
        assert found.mixed == ("SNIP, at the start, 95 % removed: 1 of 4 with torch 2.12.0",)
        assert found.table()["Remarks"] == ["1 of 4 with torch 2.12.0"]


class TestEffective:
    def test_runs_that_do_not_say_are_counted_and_not_drawn(self):
        found = folded(runs(0.9, three(0.97), effective=20_000), runs(0.95, three(0.96)), across="effective")
        assert found.unplaced == 3
        assert [p.x for p in found.series[0].points] == [20_000, None]
        assert len(next(t for t in draw(found, LIGHT).data if t.mode == "lines+markers").x) == 1

    def test_a_mean_of_weights_is_never_over_other_runs_than_that_of_the_error(self):
        some = runs(0.9, three(0.97), effective=20_000)
        some[0] = some[0]._replace(effective=None)
        assert folded(some, across="effective").series[0].points[0].x is None


class TestCost:
    def test_is_epochs_and_images(self):
        assert folded(SNIP).series[0].cost.words == "2 epochs (108,000 images)"

    def test_of_a_twin_has_that_of_its_parent_beside_it(self):
        parent = SNIP[3]
        twin = LENET.model_copy(
            update={
                "protocol": "from_scratch", "sparsity": 0.95,
                "parent": Parent(fingerprint=parent.fingerprint, group=parent.group, event=2, mask_checksum="0" * 64),
            }
        )  # fmt: skip
        found = folded(SNIP, [result(0, 0.95, spec=twin)])
        assert [s.cost.words for s in found.series if "scratch" in s.label] == [
            "2 epochs + 2 of the run that it starts from (216,000 images)"
        ]
        alone = folded([result(0, 0.95, spec=twin)])
        assert alone.series[0].cost.words == "2 epochs, and those of the run that it starts from, which is not here"


class TestSentence:
    def said(self, *found: list[Result], **options: Any) -> str:
        return folded(*found, **options).sentence

    def test_a_shown_difference_is_said_with_its_interval(self):
        assert self.said(SNIP, RANDOM, DENSE) == (
            "With 5 % of the weights left, SNIP errs on 4.0 % of the test images and Random on 7.0 %. "
            "The full network errs on 2.0 % of the test images. SNIP is ahead of Random by 3.00 ± 0.00 points, 3 seeds."
        )

    def test_an_interval_that_holds_nothing_shows_no_difference(self):
        # differences 1.2, -1.0, 0.0: mean 0.07, deviation 1.10, 4.303 * 1.10 / sqrt(3) = 2.7
        other = runs(0.95, {0: 0.97, 1: 0.95, 2: 0.962}, criterion="random")
        assert "Between Random and SNIP no difference is shown (0.1 ± 2.7 points, 3 seeds)." in self.said(runs(0.95, three(0.96)), other)

    def test_equivalent_is_said_within_its_margin_alone(self):
        near = {0: 0.9581, 1: 0.9599, 2: 0.9620}
        assert "are equivalent within 0.5 points" in self.said(runs(0.95, three(0.96)), runs(0.95, near, criterion="random"))

    def test_one_seed_each_is_no_verdict(self):
        said = self.said(runs(0.95, {0: 0.96}), runs(0.95, {0: 0.9}, criterion="random"))
        assert "SNIP errs on 4.0 % of the test images (one seed) and Random on 10.0 % (one seed)." in said
        assert said.endswith("Too few seeds in common for a verdict between SNIP and Random.")

    def test_compares_at_one_length_of_training(self):
        said = self.said(SNIP, RANDOM, runs(0.95, three(0.99), epochs=20))
        assert (
            said.startswith("With 5 % of the weights left and 2 epochs of training, SNIP, at the start, 2 epochs errs")
            or "2 epochs of training, SNIP errs" in said
        )
        assert "1.0 %" not in said

    def test_what_stayed_at_chance_comes_last(self):
        lost = [r._replace(at_chance=True) for r in runs(0.95, three(0.1), criterion="random")]
        assert "SNIP errs on 4.0 % of the test images and Random stayed at chance." in self.said(runs(0.95, three(0.96)), lost)

    def test_accuracy_turns_it_round(self):
        assert "SNIP is right on 96.0 % of the test images and Random on 93.0 %." in self.said(SNIP, RANDOM, up="accuracy")


class TestPublished:
    def test_snips_table_1_as_printed(self):
        # seed: SNIP, Table 1: sparsity and error of LeNet-300-100, then of LeNet-5, in per cent
        rows = {
            "lenet_300_100": {"Full network": [(None, 1.7)], "LWC": [(91.7, 1.6)], "DNS": [(98.2, 2.0)], "LC": [(99.0, 3.2)], "SWS": [(95.6, 1.9)],
                              "SVD": [(98.5, 1.9)], "OBD": [(92.0, 2.0)], "L-OBS": [(98.5, 2.0)], "SNIP": [(95.0, 1.6), (98.0, 2.4)]},
            "lenet_5": {"Full network": [(None, 0.9)], "LWC": [(91.7, 0.8)], "DNS": [(99.1, 0.9)], "LC": [(99.0, 1.1)], "SWS": [(99.5, 1.0)],
                        "SVD": [(99.6, 0.8)], "OBD": [(92.0, 2.7)], "L-OBS": [(99.0, 2.1)], "SNIP": [(98.0, 0.8), (99.0, 1.1)]},
        }  # fmt: skip
        for model, expected in rows.items():
            found: dict[str, list[tuple[float | None, float]]] = {}
            for e in published(model, "mnist"):
                found.setdefault(e.method, []).append((None if e.sparsity is None else round(100 * e.sparsity, 1), round(100 * e.error, 1)))
            assert found == expected

    def test_every_value_names_its_paper_and_what_it_counted(self):
        for entry in PUBLISHED:
            assert entry.paper.year
            assert entry.counted.endswith(".")
            assert "Lee, Ajanthan & Torr 2019, Table 1" in entry.source

    def test_stand_in_the_table_and_name_their_paper_on_hover(self):
        found = folded(SNIP, published=PRINTED)
        assert "SNIP, as published" in found.table()["Series"]
        rings = [t for t in draw(found, LIGHT).data if t.name and t.name.endswith("as published")]
        assert len(rings) == len({e.method for e in PRINTED})
        assert all("Torr 2019" in text.replace("<br>", " ") for t in rings for text in t.hovertext)

    def test_other_networks_have_none(self):
        assert published("small_conv", "digits") == ()


class TestDrawing:
    def test_those_of_criteria_that_are_drawn_have_their_name_beside_them_and_the_others_on_hover(self):
        def named(*series):
            return {a.text for a in draw(folded(*series, published=PRINTED), LIGHT).layout.annotations} & {e.method for e in PRINTED}

        assert named(SNIP) == {"SNIP"}
        assert named(RANDOM) == set()
        magnitude = runs(0.95, three(0.96), criterion="magnitude")
        assert "LWC" in named(SNIP, magnitude)

    def test_names_of_people_are_shown_as_they_are(self):
        nasty = [r._replace(title=NASTY) for r in runs(0.95, {0: 0.96})]
        drawn = json.dumps(json.loads(draw(folded(nasty), LIGHT).to_json()))
        assert "<img" not in drawn
        assert "%{x}" not in drawn

    def test_labels_stand_apart_and_inside(self):
        places = spread([0.5, 0.5, 0.52, 0.99], [0.1, 0.1, 0.1, 0.1], 0.0, 1.0)
        order = sorted(places)
        assert all(b - a >= 0.1 - 1e-9 for a, b in pairwise(order))
        assert order[0] - 0.05 >= 0
        assert order[-1] + 0.05 <= 1 + 1e-9

    def test_smaller_networks_are_to_the_right(self):
        left, right = draw(folded(SNIP), LIGHT).layout.xaxis.range
        assert left > right

    def test_sparsity_kept_and_compression_are_the_same_amount_said_three_times(self):
        table = folded(SNIP).table()
        assert list(zip(table["Removed (%)"], table["Kept (%)"], table["Times smaller"], strict=True))[1] == (95.0, 5.0, 20.0)
