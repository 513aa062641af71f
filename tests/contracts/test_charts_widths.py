"""Widths: what is left per layer, event by event and over seeds; sentences that agree with their tables; nothing interpreted."""

import json
import re
from dataclasses import replace

import pytest
from test_charts import pruned, texts

from prune_core import RunSpec
from prune_core.charts.theme import DARK, LIGHT, THEMES
from prune_core.charts.widths import Member, Pick, Widths, describe, widths
from prune_core.charts.widths_drawing import draw, nearest, scene
from prune_core.events import LayerKept, Pruned

HALF, TENTH = (117_600, 15_000, 500), (17_160, 8_780, 680)
STEPS = RunSpec(criterion="magnitude", protocol="iterative", sparsity=0.9, epochs=4)
CHANNELS = RunSpec(model="small_conv", criterion="l2_norm", protocol="iterative", sparsity=0.5)
NASTY = "<img src=x onerror=alert(1)><b>bold</b> %{x}"


def member(seed: int, *prunings: Pruned) -> Member:
    return Member(f"run-{seed}", seed, prunings)


def cut(epoch: float, kept: tuple[int, int, int], dead: int = 0) -> Pruned:
    event = pruned(epoch, kept, 0.9, 0.8)
    return replace(event, layers=tuple(replace(layer, dead=dead) for layer in event.layers))


def channels(kept: tuple[int, int, int]) -> Pruned:
    names, units = ("conv1", "conv2", "conv3"), (16, 32, 32)
    layers = tuple(LayerKept(name=n, units=u, kept=k) for n, u, k in zip(names, units, kept, strict=True))
    return replace(pruned(2, HALF, 0.9, 0.8), granularity="channel", layers=layers, kept=sum(kept), units=80)


def pick(label: str, *members: Member, spec: RunSpec = STEPS) -> Pick:
    return Pick(label, spec, members)


SEEDS = pick("SNIP 90 %", *(member(s, cut(0, (17_160 + 100 * s, 8_780 - 100 * s, 680))) for s in range(3)), spec=RunSpec())
IN_STEPS = pick("Magnitude, in steps to 90 %", member(0, cut(2, HALF), cut(3, TENTH)))
BY_CHANNEL = pick("Filter norm 50 %", member(0, channels((10, 16, 14))), member(1, channels((8, 16, 16))), spec=CHANNELS)
CASES = {
    "empty": widths([]), "one": widths([IN_STEPS]), "many": widths([SEEDS, IN_STEPS]), "channels": widths([BY_CHANNEL], "channels"),
    "outputs": widths([SEEDS, IN_STEPS], "channels"), "left out": widths([BY_CHANNEL], "weights"),
    "nine": widths([pick(f"SNIP, seed {s}", member(s, cut(0, TENTH))) for s in range(9)]),
}  # fmt: skip
PARAMETERS = [pytest.param(numbers, id=name) for name, numbers in CASES.items()]


@pytest.mark.parametrize("numbers", PARAMETERS)
class TestEveryProfile:
    @pytest.mark.parametrize("theme", THEMES, ids=("light", "dark"))
    def test_draws_with_axis_titles(self, numbers: Widths, theme):
        layout = json.loads(draw(numbers, theme).to_json())["layout"]
        assert layout["xaxis"]["title"]["text"]
        assert layout["yaxis"].get("type") == "category" or layout["yaxis"]["title"]["text"]

    def test_uses_no_colour_of_the_other_theme(self, numbers: Widths):
        foreign = {DARK.text, DARK.soft, DARK.grid} - {LIGHT.text, LIGHT.soft, LIGHT.grid}
        assert not foreign & set(texts(json.loads(draw(numbers, LIGHT).to_json())))

    def test_has_a_sentence_and_a_table_of_one_length(self, numbers: Widths):
        assert numbers.sentence.endswith(".")
        assert len({len(values) for values in numbers.table().values()}) == 1

    def test_every_share_of_the_sentence_stands_in_the_table(self, numbers: Widths):
        here = {f"{value:.{digits}f}".removesuffix(".0") for value in numbers.table()["Kept (%)"] for digits in (0, 1, 2)}
        assert set(re.findall(r"to ([\d.]+) % of its", numbers.sentence)) <= here

    def test_the_browser_gets_every_moment_of_every_pick(self, numbers: Widths):
        found = scene(numbers, "key", 1.0, "branches", "share")
        json.dumps(found, allow_nan=False)
        assert [len(p["moments"]) for p in found["profiles"]] == [len(p.moments) for p in numbers.profiles]
        assert all(len(p["at"]) == len(found["positions"]) for p in found["profiles"])
        assert found["chosen"] == len(numbers.positions) - 1


class TestNumbers:
    def test_layers_stand_in_the_order_of_the_network(self):
        assert [row.title for row in widths([SEEDS]).rows] == ["Layer 1", "Layer 2", "Output"]

    def test_seeds_are_mean_range_and_deviation(self):
        first = widths([SEEDS]).profiles[0].moments[1].kept[0]
        assert (first.mean, first.low, first.high, first.n) == (17_260, 17_160, 17_360, 3)
        assert first.sd == pytest.approx(100)  # of 17160, 17260, 17360
        assert first.cv == pytest.approx(100 / 17_260)

    def test_two_seeds_have_a_range_and_no_deviation(self):
        first = widths([BY_CHANNEL], "channels").profiles[0].moments[1].kept[0]
        assert (first.mean, first.low, first.high, first.sd, first.cv) == (9, 8, 10, None, None)

    def test_positions_are_those_at_which_anything_changes(self):
        found = widths([SEEDS, IN_STEPS])
        assert [round(p, 3) for p in found.positions] == [0, 0.5, 0.9]
        assert [found.profiles[0].at(p) for p in found.positions] == [0, 0, 1]
        assert [found.profiles[1].at(p) for p in found.positions] == [0, 1, 2]

    def test_a_pick_that_ends_earlier_stays_at_its_end(self):
        deeper = pick("SNIP 99 %", member(0, cut(0, (2_000, 600, 62))), spec=RunSpec())
        found = widths([IN_STEPS, deeper])
        assert found.profiles[0].at(found.positions[-1]) == 2

    def test_outputs_are_left_where_any_weight_leads_to_them(self):
        found = widths([pick("SNIP", member(0, cut(0, TENTH, dead=4)))], "channels")
        assert [(row.units, k.mean) for row, k in zip(found.rows, found.profiles[0].moments[1].kept, strict=True)] == [
            (300, 296),
            (100, 96),
            (10, 6),
        ]

    def test_weights_of_channel_runs_are_not_guessed(self):
        found = widths(
            [BY_CHANNEL, pick("SNIP", member(0, cut(0, TENTH)), spec=CHANNELS.model_copy(update={"granularity": "channel"}))], "weights"
        )
        assert found.profiles == ()
        assert found.left_out[0] == "Filter norm 50 % removes channels; how many weights of each layer that leaves is not recorded"

    def test_another_network_is_left_out_and_said(self):
        found = widths([SEEDS, BY_CHANNEL])
        assert found.left_out == ("Filter norm 50 % is another network",)

    def test_runs_under_way_count_as_far_as_all_have_come(self):
        found = widths([pick("Magnitude", member(0, cut(2, HALF), cut(3, TENTH)), member(1, cut(2, HALF)))])
        assert len(found.profiles[0].moments) == 2

    def test_the_table_has_every_layer_at_every_event(self):
        table = widths([SEEDS, IN_STEPS]).table()
        assert len(table["Layer"]) == 3 * (2 + 3)
        assert table["Kept, mean"][3:6] == [17_260, 8_680, 680]


class TestSentence:
    def test_names_the_layers_cut_hardest_and_least(self):
        assert widths([IN_STEPS]).sentence == (
            "Magnitude, in steps to 90 % cuts Layer 1 hardest, to 7.3 % of its weights, and leaves 68 % of Output."
        )

    def test_says_how_far_seeds_differ(self):
        assert widths([SEEDS]).sentence.endswith("Over three seeds no layer differs by more than 0.7 points (Layer 2).")

    def test_follows_the_slider(self):
        found = widths([SEEDS, IN_STEPS])
        assert describe(found, 0.0) == "Before any pruning all 266,200 weights of LeNet-300-100 are there."
        assert describe(found, 0.5).startswith("SNIP 90 % has removed nothing yet; Magnitude, in steps to 90 % keeps 50 % of the weights")

    def test_of_many_says_what_most_have_in_common(self):
        assert CASES["nine"].sentence == "Layer 1 is cut hardest in all nine, to 7.3 % of its weights."

    def test_a_layer_that_lost_everything_is_named(self):
        assert widths([pick("SNIP", member(0, cut(0, (17_160, 0, 680))))]).sentence == "SNIP leaves nothing of Layer 2."

    def test_where_no_channel_is_lost_it_says_so(self):
        assert "SNIP leaves all channels of every layer" in widths([pick("SNIP", member(0, cut(0, TENTH)))], "channels").sentence


class TestDrawing:
    def test_the_original_stands_behind_every_branch(self):
        before, after = draw(widths([IN_STEPS]), LIGHT).data
        assert list(before.x) == [0.82] * 3
        assert list(after.x) == pytest.approx([0.82 * k / u for k, u in zip(TENTH, (235_200, 30_000, 1_000), strict=True)])
        assert list(after.base) == pytest.approx([-x / 2 for x in after.x])

    def test_by_number_lengths_are_on_one_scale(self):
        before, _ = draw(widths([IN_STEPS]), LIGHT, by="count").data
        assert list(before.x) == pytest.approx([0.82, 0.82 * 30_000 / 235_200, 0.82 * 1_000 / 235_200])

    def test_the_slider_takes_the_nearest_position(self):
        found = widths([SEEDS, IN_STEPS])
        assert [nearest(found, asked) for asked in (0.0, 0.3, 0.65, 0.8, 7.0)] == [0, 1, 1, 2, 2]

    def test_names_of_people_are_shown_as_they_are(self):
        drawn = json.dumps(json.loads(draw(widths([pick(NASTY, member(0, cut(0, TENTH)))]), LIGHT).to_json()))
        assert "<img" not in drawn
        assert "%{x}" not in drawn
