"""The trade-off over sizes: families of networks as series, the Pareto front, twins that train as long as compute allows."""

import json
from typing import Any

import pytest
from test_results import result

from prune_core import RunSpec
from prune_core.charts.sizes import SIZES, Across
from prune_core.charts.theme import THEMES
from prune_core.charts.trade_off import TradeOff
from prune_core.charts.trade_off_drawing import draw
from prune_core.charts.trade_off_folding import trade_off
from prune_core.families import width_multiplier
from prune_core.protocols.one_at_a_time import steps_per_epoch
from prune_core.results import Result, grouped
from prune_core.spec import Parent
from prune_core.twins import equal_compute

ENTRY = RunSpec(model="small_conv").model_entry
EPOCHS = 10


def pruned(sparsity: float, right: float, macs: int, **fields: Any) -> list[Result]:
    """Three seeds of removal one by one: dense for EPOCHS less what its removals need."""
    removals = round(80 * sparsity)
    every = steps_per_epoch(RunSpec().resolved())
    spec = RunSpec(
        model="small_conv", protocol="one_at_a_time", criterion="fisher", sparsity=sparsity, epochs=EPOCHS + removals + 1, protocol_options={"every": every},
    )  # fmt: skip
    return seeds(spec, right, macs, **fields)


def seeds(spec: RunSpec, right: float, macs: int, **fields: Any) -> list[Result]:
    parameters = fields.pop("parameters", macs // 100)
    return [
        result(s, right + 0.001 * s, spec=spec, macs=macs, parameters=parameters, **fields)._replace(weights_kept=parameters)
        for s in range(3)
    ]


def scratch(parent: Result, epochs: int, right: float, macs: int) -> list[Result]:
    spec = RunSpec(
        model="small_conv", protocol="from_scratch", criterion="fisher", granularity="channel", sparsity=parent.spec.sparsity, epochs=epochs,
        parent=Parent(fingerprint=parent.fingerprint, group=parent.group, event=5, mask_checksum="0" * 64),
    )  # fmt: skip
    return seeds(spec, right, macs)


def narrow(most: int, right: float, family: str = "Width multiplier") -> list[Result]:
    member = width_multiplier(ENTRY, most)
    spec = RunSpec(
        model="small_conv", model_options={"profile": member.profile, "family": family}, protocol="dense", criterion=None, epochs=EPOCHS
    )
    return seeds(spec, right, 100 * member.parameters, parameters=member.parameters)


def folded(*found: list[Result], **options: Any) -> TradeOff:
    return trade_off(grouped([r for each in found for r in each]), **options)


LARGE, SMALL = 800_000, 200_000
PARENTS = [pruned(0.25, 0.90, LARGE), pruned(0.5, 0.80, SMALL)]
DENSE = seeds(RunSpec(model="small_conv", protocol="dense", criterion=None, epochs=EPOCHS), 0.92, ENTRY.macs, parameters=ENTRY.parameters)
EQUAL = [
    scratch(p[0], first, right, macs) for p, right, macs, first in zip(PARENTS, (0.91, 0.89), (LARGE, SMALL), (EPOCHS, EPOCHS), strict=True)
]
WIDTH = [narrow(8000, 0.905), narrow(2000, 0.885)]
ALL = [*PARENTS, *EQUAL, *WIDTH, DENSE]


def test_networks_of_one_name_are_one_series_whatever_their_sizes():
    numbers = folded(*WIDTH, DENSE, across="parameters")
    assert [(s.name, len(s.points)) for s in numbers.series] == [("Width multiplier", 2)]
    assert [len(p.dots) for p in numbers.series[0].points] == [3, 3]
    assert [s.name for s in numbers.dense] == ["Dense"]
    assert numbers.whole == ENTRY.parameters


def test_two_names_are_two_series_and_profiles_without_a_name_a_third():
    numbers = folded(*WIDTH, narrow(3000, 0.88, "Copies of mine"), narrow(2500, 0.88, ""), across="parameters")
    assert sorted(s.name for s in numbers.series) == ["A profile of its own", "Copies of mine", "Width multiplier"]


def test_removals_one_by_one_are_one_curve_though_each_size_trained_longer():
    numbers = folded(*PARENTS, across="macs")
    (series,) = numbers.series
    assert len(series.points) == 2
    assert "to" in series.cost.words
    assert {p.x for p in series.points} == {LARGE, SMALL}


def test_removals_that_all_trained_equally_long_are_one_curve_too():
    every = [r._replace(spec=r.spec.model_copy(update={"epochs": 90}), group="") for each in PARENTS for r in each]
    numbers = trade_off(grouped(r._replace(group=r.spec.group) for r in every), "macs")
    assert [len(s.points) for s in numbers.series] == [2]


def test_twins_by_compute_are_one_series_over_sizes_and_seeds():
    longer = [equal_compute(EPOCHS, ENTRY.macs, macs) for macs in (LARGE, SMALL)]
    by_compute = [scratch(p[0], n, 0.9, macs) for p, n, macs in zip(PARENTS, longer, (LARGE, SMALL), strict=True)]
    apart = scratch(PARENTS[1][0], equal_compute(EPOCHS, ENTRY.macs, SMALL - 20_000), 0.9, SMALL - 20_000)[1:2]
    numbers = folded(*PARENTS, *by_compute, apart, across="macs")
    found = [s for s in numbers.series if "Scratch-B" in s.detail]
    assert len(found) == 1
    assert len(found[0].points) == 2


@pytest.mark.parametrize("across", SIZES)
def test_every_size_is_drawn_with_its_title(across: Across):
    rows = [r._replace(latency=1e-4, latency_128=1e-2, effective=r.parameters) for each in ALL for r in each]
    numbers = trade_off(grouped(rows), across)
    for theme in THEMES:
        assert SIZES[across].title in draw(numbers, theme).layout.xaxis.title.text
    assert len({len(column) for column in numbers.table().values()}) == 1
    assert numbers.sentence.endswith(".")


def test_runs_that_do_not_say_a_size_are_counted_and_not_drawn():
    numbers = folded(*PARENTS, DENSE, across="latency")
    assert numbers.unplaced == 6
    assert "no" not in {trace.get("name") for trace in json.loads(draw(numbers, THEMES[0]).to_json())["data"]}


def test_the_sentence_compares_networks_of_about_one_size():
    said = folded(*ALL, across="parameters").sentence
    assert "At about" in said
    assert "of the full network" in said
    assert "Width multiplier" in said


class TestFront:
    NUMBERS = folded(*ALL, across="parameters", front=True)

    def test_nothing_on_it_is_bettered_by_what_is_no_larger(self):
        best = [(p.x, p.mean) for _, p in self.NUMBERS.best]
        every = [(p.x, p.mean) for s in self.NUMBERS.series for p in s.points]
        assert best
        for x, error in best:
            assert not [e for size, e in every if size <= x and e < error]

    def test_what_is_not_on_it_is_bettered(self):
        on = {(s.key, p.key) for s, p in self.NUMBERS.best}
        off = [(p.x, p.mean) for s in self.NUMBERS.series for p in s.points if (s.key, p.key) not in on]
        assert off
        for x, error in off:
            assert any(p.x <= x and p.mean <= error for _, p in self.NUMBERS.best)

    def test_it_is_drawn_only_where_it_is_asked_for(self):
        names = [
            {t.get("name") for t in json.loads(draw(n, THEMES[0]).to_json())["data"]}
            for n in (self.NUMBERS, self.NUMBERS._replace(front=False))
        ]
        assert ["front" in each for each in names] == [True, False]

    def test_of_accuracies_the_highest_are_on_it(self):
        numbers = folded(*ALL, across="parameters", up="accuracy")
        best = [(p.x, p.mean) for _, p in numbers.best]
        assert best == sorted(best)
