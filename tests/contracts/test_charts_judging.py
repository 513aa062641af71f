"""Calibration, Sensitivity and Network: the numbers behind the pictures, from events written by hand."""

import json

import numpy as np
import pytest
import scipy.stats
from test_charts import pruned, started, texts

from prune_core import RunSpec, catalogue
from prune_core.charts import calibration, network, sensitivity
from prune_core.charts.theme import DARK, LIGHT, THEMES
from prune_core.events import Event, Measured
from prune_core.history import History

JUDGE = RunSpec(protocol="judge", criterion=None)
LAYERS = ("fc1.weight", "fc2.weight")


def removed(layer: str, rises: list[float]) -> Measured:
    values = {"layer": layer, "unit": "weight", "units": list(range(len(rises))), "of": 1000, "rises": rises, "loss": 0.1, "images": 50}
    return Measured(epoch=2, what="removal", values=values)


def predicted(criterion: str, *scores: list[float]) -> Measured:
    values = {"criterion": criterion, "unit": "weight", "layers": list(LAYERS[: len(scores)]), "scores": list(scores)}
    return Measured(epoch=2, what="prediction", values=values)


def alone(layer: str, accuracies: list[float], before: float = 0.97) -> Measured:
    sparsities = [0.5, 0.7, 0.9][: len(accuracies)]
    values = {
        "layer": layer, "unit": "weight", "criterion": "magnitude", "sparsities": sparsities, "of": 1000, "kept": [500, 300, 100][: len(accuracies)],
        "accuracies": accuracies, "losses": [0.1] * len(accuracies), "before": before, "images": 6000,
    }  # fmt: skip
    return Measured(epoch=2, what="sensitivity", values=values)


def told(*events: Event) -> History:
    return History.of((started(JUDGE), *events))


RANDOM = np.random.default_rng(0)
RISES = (RANDOM.normal(size=60) ** 3).tolist()
CLOSE, FAR = [(np.abs(RISES) * np.exp(s * RANDOM.normal(size=60))).tolist() for s in (0.3, 3)]
WHOLE = (removed(LAYERS[0], RISES[:40]), removed(LAYERS[1], RISES[40:]), predicted("random", RANDOM.random(40).tolist(), RANDOM.random(20).tolist()),
         predicted("snip", FAR[:40], FAR[40:]), predicted("obd", CLOSE[:40], CLOSE[40:]))  # fmt: skip
ONE = (removed(LAYERS[0], RISES), predicted("snip", CLOSE))
CUTS = (alone("fc1.weight", [0.969, 0.968, 0.95]), alone("fc2.weight", [0.971, 0.97, 0.968]), alone("fc3.weight", [0.96, 0.97, 0.8]))
LENET, CONV = catalogue.models["lenet_5"], catalogue.models["small_conv"]

CASES = {
    "calibration, empty": (calibration.draw, calibration.calibration(History())), "calibration, one": (calibration.draw, calibration.calibration(told(*ONE))),
    "calibration, many": (calibration.draw, calibration.calibration(told(*WHOLE))),
    "calibration, rise": (calibration.draw, calibration.calibration(told(*WHOLE), "rise")),
    "calibration, all alike": (calibration.draw, calibration.calibration(told(removed(LAYERS[0], RISES), predicted("bn_scale", [1.0] * 60)))),
    "calibration, too few": (calibration.draw, calibration.calibration(told(removed(LAYERS[0], [0.1, 0.2]), predicted("snip", [1.0, 2.0])))),
    "sensitivity, empty": (sensitivity.draw, sensitivity.sensitivity(History())),
    "sensitivity, one": (sensitivity.draw, sensitivity.sensitivity(told(CUTS[0]))),
    "sensitivity, many": (sensitivity.draw, sensitivity.sensitivity(told(*CUTS))),
    "sensitivity, nothing lost": (sensitivity.draw, sensitivity.sensitivity(told(alone("fc1.weight", [0.97, 0.97, 0.97])))),
    "network, whole": (network.draw, network.network(LENET)), "network, of channels": (network.draw, network.network(CONV)),
    "network, pruned": (network.draw, network.network(catalogue.models["lenet_300_100"], told(pruned(0, (17_160, 8_780, 680), 0.9, 0.8)))),
    "network, empty": (network.draw, network.Network()),
}  # fmt: skip


PARAMETERS = [pytest.param(draw, numbers, id=name) for name, (draw, numbers) in CASES.items()]


@pytest.mark.parametrize(("draw", "numbers"), PARAMETERS)
class TestEveryChart:
    @pytest.mark.parametrize("theme", THEMES, ids=("light", "dark"))
    def test_draws_with_axis_titles(self, draw, numbers, theme):
        layout = json.loads(draw(numbers, theme).to_json())["layout"]
        assert layout["xaxis"]["title"]["text"]
        assert layout["yaxis"].get("type") == "category" or layout["yaxis"]["title"]["text"]
        assert layout["height"] > 0

    def test_uses_no_colour_of_the_other_theme(self, draw, numbers):
        foreign = {DARK.text, DARK.soft, DARK.leaf, DARK.grid, DARK.line} - {LIGHT.text, LIGHT.soft, LIGHT.leaf, LIGHT.grid, LIGHT.line}
        assert not foreign & set(texts(json.loads(draw(numbers, LIGHT).to_json())))

    def test_says_what_one_sees_in_a_sentence_without_missing_numbers(self, draw, numbers):
        assert numbers.sentence.endswith(".")
        assert not {"None", "nan", "inf"} & set(numbers.sentence.replace(".", "").replace(",", "").split())

    def test_has_a_table_twin_with_columns_of_one_length(self, draw, numbers):
        table = numbers.table()
        assert table
        assert len({len(values) for values in table.values()}) == 1


class TestCalibration:
    many = CASES["calibration, many"][1]

    def test_coefficients_are_scipys_over_all_units_and_within_each_layer(self):
        sizes = np.abs(RISES)
        for judged, scores in zip(self.many.judged, (CLOSE, FAR), strict=False):
            assert judged.agreement.spearman.value == pytest.approx(scipy.stats.spearmanr(scores, sizes).statistic)
            assert judged.agreement.kendall.value == pytest.approx(scipy.stats.kendalltau(scores, sizes).statistic)
            inside = [scipy.stats.spearmanr(scores[a:b], sizes[a:b]).statistic for a, b in ((0, 40), (40, 60))]
            assert judged.within == pytest.approx(inside)

    def test_the_most_truthful_stands_first_and_the_control_last(self):
        assert [j.criterion for j in self.many.judged] == ["Optimal brain damage", "SNIP", "Random"]
        assert [j.first for j in self.many.judged] == [True, False, False]

    def test_the_sentence_says_who_was_nearest_who_furthest_and_how_many_removals_helped(self):
        best, _, worst = self.many.judged
        assert self.many.sentence.startswith(
            f"Optimal brain damage told the change of the loss best when single weights go (\N{GREEK SMALL LETTER RHO} = {best.rho:.2f})"
        )
        assert f"Random worst ({worst.rho:.2f})".replace("-", "\N{MINUS SIGN}") in self.many.sentence
        assert f"{sum(r < 0 for r in RISES)} of 60 removals lowered the loss." in self.many.sentence

    def test_two_that_rank_alike_are_named_together(self):
        found = calibration.calibration(
            told(removed(LAYERS[0], RISES), predicted("snip", CLOSE), predicted("taylor", [c**2 for c in CLOSE]))
        )
        assert all(j.first for j in found.judged)
        assert found.sentence.startswith("SNIP and Taylor told the change of the loss best")

    def test_that_nothing_is_told_beyond_chance_is_said(self):
        found = calibration.calibration(told(removed(LAYERS[0], RISES), predicted("random", RANDOM.permutation(60).tolist())), "rise")
        assert found.sentence.startswith("No criterion tells the rise of the loss better than chance")

    def test_who_cannot_be_told_from_the_control_told_nothing(self):
        weak = (np.abs(RISES) * np.exp(6 * np.random.default_rng(3).normal(size=60))).tolist()
        lucky = (np.abs(RISES) * np.exp(6 * np.random.default_rng(4).normal(size=60))).tolist()
        found = calibration.calibration(told(removed(LAYERS[0], RISES), predicted("snip", weak), predicted("random", lucky)))
        assert all(j.first for j in found.judged)
        assert found.sentence.startswith("No criterion tells the change of the loss better than chance")

    def test_of_many_that_rank_alike_only_the_first_is_named(self):
        alike = [predicted(name, CLOSE) for name in ("snip", "taylor", "fisher", "obd")]
        found = calibration.calibration(told(removed(LAYERS[0], RISES), *alike))
        assert found.sentence.startswith("SNIP and three others alike told the change of the loss best")

    def test_a_criterion_that_gives_all_units_one_score_is_said_to(self):
        found = CASES["calibration, all alike"][1]
        assert found.coefficients()[0][1] == "all alike"
        assert found.judged[0].agreement is None

    def test_the_rise_has_a_sign_and_the_size_of_a_change_has_none(self):
        rise = CASES["calibration, rise"][1]
        assert list(rise.truth) == RISES
        assert list(self.many.truth) == np.abs(RISES).tolist()

    @pytest.mark.parametrize("n", [1, 3, 4, 7, 8, 16])
    @pytest.mark.parametrize("across", [calibration.WIDE, calibration.NARROW])
    def test_panels_never_overlap_and_the_first_axis_carries_both_titles(self, n, across):
        layout = calibration.axes(n, across, "x", "y")
        places = [(layout[f"xaxis{i}"]["domain"], layout[f"yaxis{i}"]["domain"]) for i in calibration.names(n)]
        assert len(set(map(str, places))) == n
        for (x, y), (x2, y2) in ((a, b) for i, a in enumerate(places) for b in places[i + 1 :]):
            assert x[1] < x2[0] or x2[1] < x[0] or y[1] < y2[0] or y2[1] < y[0]
        assert all(0 <= low < high <= 1.0001 for place in places for low, high in place)
        if across == calibration.WIDE:
            assert (layout["xaxis"]["title"]["text"], layout["yaxis"]["title"]["text"]) == ("x", "y")

    def test_a_run_that_is_under_way_shows_what_it_has_found(self):
        found = calibration.calibration(told(removed(LAYERS[0], RISES)))
        assert (len(found.units), found.judged) == (60, ())


class TestSensitivity:
    many = CASES["sensitivity, many"][1]

    def test_the_sentence_names_the_layer_that_is_hardest_to_cut_and_what_can_go(self):
        assert self.many.sentence == (
            "Hardest to cut is Output: without 90 % of its weights the network is 17.0 points worse. "
            "Within half a point, each alone, can go: 70 % of Layer 1 and 90 % of Layer 2; not even 50 % of Output."
        )

    def test_an_amount_beyond_one_that_costs_more_does_not_count(self):
        assert self.many.rows[2].most(self.many.before, self.many.sparsities) == 0

    def test_that_nothing_is_lost_is_said(self):
        assert CASES["sensitivity, nothing lost"][1].sentence.startswith("No layer alone costs anything, even without 90 %")

    def test_a_network_at_chance_has_nothing_to_lose(self):
        found = sensitivity.sensitivity(told(alone("fc1.weight", [0.1, 0.09, 0.11], before=0.105)))
        assert found.sentence.startswith("The whole network is at chance (10.5 % right)")

    def test_cells_are_points_lost_and_the_scale_never_shorter_than_a_point(self):
        drawn = sensitivity.draw(self.many, LIGHT)
        assert drawn.data[0].z[2][2] == pytest.approx(-17)
        assert drawn.layout.coloraxis.cmin == pytest.approx(-17)
        assert [a.text for a in drawn.layout.annotations[-3:]] == ["\N{MINUS SIGN}1.0", "0", "\N{MINUS SIGN}17.0"]
        assert sensitivity.draw(CASES["sensitivity, nothing lost"][1], LIGHT).layout.coloraxis.cmin == -1

    @pytest.mark.parametrize(("lost", "said"), [(0.0123, "\N{MINUS SIGN}1.2"), (0.0004, "0"), (-0.0004, "0"), (-0.002, "+0.2")])
    def test_points_have_one_digit_and_a_sign(self, lost, said):
        assert sensitivity.points(lost) == said


class TestNetwork:
    def test_layers_add_up_to_the_network(self):
        for entry in catalogue.models.values():
            found = network.network(entry)
            assert (found.weights, found.macs, found.parameters) == (entry.weights, entry.macs, entry.parameters)

    def test_where_weights_are_need_not_be_where_work_is(self):
        said = network.network(LENET).sentence
        assert said == "Dense holds 92.9 % of the 430,500 prunable weights, but Conv 2 does 69.8 % of the 2,293,000 multiply-adds an image."

    def test_of_a_network_without_a_large_layer_it_says_how_many_make_half(self):
        said = network.network(catalogue.models["resnet_20"]).sentence
        assert (
            said
            == "Four of 20 layers hold half of the 268,336 prunable weights, and nine do half of the 40,551,040 multiply-adds an image."
        )

    def test_what_a_run_kept_stands_beside_what_there_was(self):
        found = CASES["network, pruned"][1]
        assert [row.left for row in found.rows] == [17_160, 8_780, 680]
        assert found.sentence.startswith("26,620 of 266,200 weights are left, fewest in Layer 1 (7.3 %); 10 % of the multiply-adds")

    def test_work_left_is_counted_at_every_place_a_weight_is_used_at(self):
        row = network.Row("Conv", (2, 1, 3, 3), 18, 18 * 49, kept=5)
        assert row.macs_left == 5 * 49

    def test_bars_stand_in_the_order_of_the_network(self):
        figure = network.draw(network.network(LENET), LIGHT)
        assert [list(bar.y) for bar in figure.data] == [["Conv 1", "Conv 2", "Dense", "Output"]] * 2
        assert figure.layout.yaxis.autorange == "reversed"
        assert list(figure.data[1].text) == ["12.6 %", "69.8 %", "17.4 %", "0.22 %"]

    @pytest.mark.parametrize("entry", catalogue.models.values(), ids=catalogue.models)
    def test_a_deep_network_is_drawn_by_as_few_traces_as_a_shallow_one(self, entry):
        figure = network.draw(network.network(entry), LIGHT)
        assert (len(figure.data), len(figure.layout.annotations)) == (2, 0)
