"""What pictures say of channels: whether a network is faster, in which order channels went, how well their price was foretold, removal by removal."""

import json
from typing import Any

import numpy as np
import pytest

from prune_core import RunSpec
from prune_core.charts import predicted, removal_order, speedup
from prune_core.charts.network import network
from prune_core.charts.theme import THEMES
from prune_core.charts.widths import Member, Pick, widths
from prune_core.engine.execute import execute
from prune_core.events import Measured
from prune_core.history import History
from prune_core.history_table import history_table

ONE_BY_ONE = RunSpec(
    model="small_conv", protocol="one_at_a_time", criterion="fisher", sparsity=0.25, epochs=4,
    protocol_options={"every": 2, "value": "delta_over_cost", "cost": "latency", "looks": 2},
)  # fmt: skip
SPECS = {
    "one by one": ONE_BY_ONE,
    "at once": RunSpec(model="small_conv", criterion="l2_norm", sparsity=0.5, epochs=1),
    "weights": RunSpec(sparsity=0.95, epochs=1, protocol_options={"measure": ["latency"]}),
    "dense": RunSpec(protocol="dense", criterion=None, epochs=1, protocol_options={"measure": ["latency"]}),
}


@pytest.fixture(scope="module")
def histories() -> dict[str, History]:
    return {name: History.of(e for _, e in execute(spec, threads=1)) for name, spec in SPECS.items()}


class TestSpeedup:
    @pytest.mark.parametrize(
        ("name", "titles"),
        [
            ("one by one", [speedup.WHOLE, speedup.MASKED, speedup.SMALLER]), ("at once", [speedup.WHOLE, speedup.MASKED, speedup.SMALLER]),
            ("weights", [speedup.WHOLE, speedup.MASKED]), ("dense", [speedup.WHOLE]),
        ],
    )  # fmt: skip
    def test_names_the_networks_that_were_measured(self, histories, name, titles):
        numbers = speedup.speedup(histories[name])
        assert [row.title for row in numbers.rows] == titles
        assert {len(column) for column in numbers.table().values()} == {len(titles)}
        for theme in THEMES:
            assert len(json.loads(speedup.draw(numbers, theme).to_json())["data"]) == 3

    def test_what_was_not_measured_is_not_shown(self):
        numbers = speedup.speedup(History.of(e for _, e in execute(RunSpec(sparsity=0.5, epochs=1))))
        assert numbers.rows == ()
        assert "No run has measured" in numbers.sentence

    @pytest.mark.parametrize(
        ("small", "zeros", "says"),
        [
            ((3.0, 4.0), (1.02, 0.99), ["3 times as fast for one image and 4 for 128", "no faster (1.02 and 0.99", "Zeros are not speed"]),
            (None, (1.02, 0.99), ["no faster", "Zeros are not speed"]),
        ],
    )  # fmt: skip
    def test_the_sentence_follows_the_times(self, small, zeros, says):
        def row(title: str, gains: tuple[float, float]) -> speedup.Row:
            one, many = (speedup.Time(s, s, s, 30) for s in (0.012 / gains[0], 0.4 / gains[1]))
            return speedup.Row(title, one, many, 100, 200)

        rows = [row(speedup.WHOLE, (1, 1)), row(speedup.MASKED, zeros), *([row(speedup.SMALLER, small)] if small else [])]
        said = speedup.Speedup("VGG-16", tuple(rows), 128, 2, 0.5, "channel").sentence
        assert all(words in said for words in says)
        assert ("made smaller" in said) is (small is not None)

    def test_zeros_take_the_room_of_numbers_and_a_smaller_network_does_not(self, histories):
        numbers = speedup.speedup(histories["at once"])
        whole, masked, small = numbers.rows
        assert whole.bytes == masked.bytes > small.bytes
        assert whole.memory == masked.memory > (small.memory or 0)


class TestTimeByLayer:
    def test_every_layer_has_its_own_and_the_picture_a_third_column(self, histories):
        history = histories["at once"]
        numbers = network(history.spec.model_entry, history)
        assert numbers.timed
        assert numbers.smaller
        told = next(e.values for e in history.measurements if e.what == "latency")
        assert set(told["layers"]["this"]) == set(told["layers"]["whole"]) == {layer.name for layer in history.spec.model_entry.layers}
        assert (
            sum(told["layers"]["whole"].values()) < 3 * told["whole"]["batch_128"]["high"]
        )  # layers are parts of a pass, on a noisy machine
        assert "of the multiply-adds are left" in numbers.sentence

    def test_without_a_measurement_there_are_two(self):
        assert not network(RunSpec().model_entry).timed


class TestRemovalOrder:
    def test_every_removal_stands_in_its_cell(self, histories):
        history = histories["one by one"]
        numbers = removal_order.removal_order(history)
        assert numbers.single
        steps = sorted(step for row in numbers.rows for step in row.steps if step)
        assert steps == list(range(1, len(history.removals) + 1))
        kept = {group.name: group.kept for group in history.shrunk.groups}
        assert {row.title: row.kept for row in numbers.rows} == {g.title: kept[g.name] for g in history.spec.model_entry.channel_groups}
        assert {len(column) for column in numbers.table().values()} == {80}

    def test_of_prunings_in_rounds_the_masks_say_when(self):
        entry = RunSpec(model="small_conv").model_entry
        first, second = ({"conv1.weight": np.ones((16, 1, 3, 3), bool)} for _ in range(2))
        first["conv1.weight"][:4] = False
        second["conv1.weight"][:6] = False
        numbers = removal_order.by_rounds(entry, [first, second])
        assert numbers.rows[0].steps == (1,) * 4 + (2,) * 2 + (0,) * 10
        assert "Conv 1" in numbers.sentence

    @pytest.mark.parametrize("theme", THEMES)
    def test_draws_bright_what_is_kept(self, histories, theme):
        numbers = removal_order.removal_order(histories["one by one"])
        z = json.loads(removal_order.draw(numbers, theme).to_json())["data"][0]["z"]
        for row, values in zip(numbers.rows, z, strict=True):
            assert [value == 1 for value in values[: len(row.steps)]] == [step == 0 for step in row.steps]

    def test_other_runs_have_none(self, histories):
        assert removal_order.removal_order(histories["weights"]).last == 0


class TestPredicted:
    def test_every_timing_is_there_with_what_the_model_says(self, histories):
        numbers = predicted.predicted(histories["one by one"])
        assert {t.title for t in numbers.timings} == {"Conv 1", "Conv 2", "Conv 3", "Output"}
        assert numbers.foretold is not None
        assert 0 < numbers.foretold <= 1
        assert numbers.found is not None
        assert "timings that it was not fitted to" in numbers.sentence
        for theme in THEMES:
            assert len(json.loads(predicted.draw(numbers, theme).to_json())["data"]) == 3

    def test_its_error_is_that_on_what_it_was_not_fitted_to(self):
        timings = (predicted.Timing("a", 1, 1, 1.0, 5.0, False), predicted.Timing("a", 2, 1, 1.0, 1.1, True))
        assert predicted.Predicted(timings).error == pytest.approx(0.1)


def test_the_table_of_a_history_has_every_removal_and_the_surgery(histories):
    history = histories["one by one"]
    rows = history_table(history)
    assert [r["channel"] for r in rows if r["event"] == "removed"] == [r.channel for r in history.removals]
    assert [r["parameters"] for r in rows if r["event"] == "shrunk"] == [history.shrunk.parameters[1]]
    assert [r["parameters"] for r in rows if r["event"] == "removed"][-1] == history.shrunk.parameters[1]


class TestRemovalByRemoval:
    def test_the_slider_has_a_place_for_every_removal(self, histories):
        history = histories["one by one"]
        member = Member("a", 0, history.prunings, history.removals)
        numbers = widths([Pick("one", history.spec, (member,))], "channels")
        moments = numbers.profiles[0].moments
        assert [round(m.total) for m in moments] == list(range(80, 80 - len(history.removals) - 1, -1))
        ends = {
            group.producer: kept.kept for group, kept in zip(history.spec.model_entry.channel_groups, history.shrunk.groups, strict=True)
        }
        assert [int(k.mean) for k in moments[-1].kept] == [ends[row.name] for row in numbers.rows]
        assert [row.resolution for row in numbers.rows] == ["28×28", "14×14", "7×7"]

    def test_it_agrees_with_the_prunings_where_both_speak(self, histories):
        history = histories["one by one"]
        every = widths([Pick("one", history.spec, (Member("a", 0, history.prunings, history.removals),))], "channels").profiles[0]
        some = widths([Pick("one", history.spec, (Member("a", 0, history.prunings),))], "channels").profiles[0]
        assert len(some.moments) == 3
        for moment in some.moments:
            assert [k.mean for k in every.moments[every.at(moment.removed)].kept] == [k.mean for k in moment.kept]

    def test_seeds_that_agree_and_those_that_do_not_are_told_apart(self, histories):
        history = histories["one by one"]
        same = [Member(str(seed), seed, history.prunings, history.removals) for seed in range(3)]
        assert "agree to a tenth of a point" in widths([Pick("one", history.spec, tuple(same))], "channels").sentence
        turned = tuple(
            reversed([member._replace(removals=history.removals[: len(history.removals) // 2]) for member in same[:1]] + same[1:])
        )
        assert widths([Pick("one", history.spec, turned)], "channels").profiles[0].moments[-1].kept[0].n == 3


def measured(**values: Any) -> Measured:
    return Measured(epoch=1.0, what="latency", values=values)


def test_runs_from_before_layers_were_timed_are_shown_without(histories):
    old = [e if not (isinstance(e, Measured) and e.what == "latency") else without(e) for e in histories["at once"].events]
    history = History.of(old)
    assert [row.memory for row in speedup.speedup(history).rows] == [None] * 3
    assert not network(history.spec.model_entry, history).timed


def without(event: Measured) -> Measured:
    return measured(**{name: value for name, value in event.values.items() if name not in ("layers", "memory")})
