"""Agreement, frontier and first weights as pictures: empty, one, many; then the numbers of each against sets and counts by hand."""

import json
from collections.abc import Callable
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_charts import started, texts

from prune_core import RunSpec
from prune_core.charts import agreement, frontier, starts
from prune_core.charts.theme import DARK, LIGHT, THEMES, Theme
from prune_core.events import Measured, Scored
from prune_core.history import History

UNITS, SPARSITIES = 40, (0.5, 0.9, 0.95)
KEPT = (20, 4, 2)
LAYERS = ("fc1.weight", "fc2.weight", "fc3.weight")


def told(*events, spec: RunSpec | None = None) -> History:
    return History.of((started(spec or RunSpec(protocol="score")), *events))


def compared(criteria: tuple[str, ...], shared: list[list[int]], spearman: list[float | None]) -> History:
    values = {
        "criteria": criteria, "granularity": "weight", "units": UNITS, "sparsities": SPARSITIES, "kept": KEPT, "shared": shared, "spearman": spearman,
    }  # fmt: skip
    return told(Measured(epoch=0, what="agreement", values=values))


def scored(
    criterion: str, sparsities: tuple[float, ...], kept: tuple[tuple[int, ...], ...], scorings: int = 1, file: str | None = None
) -> Scored:
    return Scored(
        epoch=0, criterion=criterion, options={}, seconds=0.1, histograms=(), sparsities=sparsities, kept=kept, layers=LAYERS, scorings=scorings,
        file=file,
    )  # fmt: skip


TWO = agreement.agreement(compared(("snip", "grasp"), [[14, 3, 1]], [0.4]))
MANY = agreement.agreement(
    compared(
        ("snip", "synflow", "grasp", "random"),
        [[10, 0, 0], [20, 4, 2], [10, 1, 0], [9, 1, 1], [11, 0, 0], [10, 0, 0]], [0.1, 1.0, 0.0, None, 0.05, -0.02],
    )
)  # fmt: skip
ONCE = scored("synflow", (0.9, 0.99, 0.999), ((20_000, 6_000, 620), (0, 2_000, 662), (0, 0, 266)))
ROUNDS = [
    scored("synflow", (s,), (kept,), 100)
    for s, kept in ((0.99, (1_000, 1_000, 662)), (0.9, (16_000, 10_000, 620)), (0.999, (100, 100, 66)))
]
SNIP = scored("snip", (0.9, 0.99, 0.999), ((20_000, 6_000, 620), (862, 1_439, 361), (8, 118, 140)))
LIMITS = frontier.frontier([told(ONCE, SNIP), told(*ROUNDS)])
TWO_STARTS = RunSpec(protocol="score", protocol_options={"classes": "all", "initialisations": ("he", "random_normal")})
FROM = told(
    scored("snip", (0.5, 0.9), ((100_000, 33_000, 100), (20_000, 6_000, 620)), file="a"),
    scored("snip", (0.5, 0.9), ((120_000, 13_000, 100), (26_000, 600, 20)), file="b"), spec=TWO_STARTS,
)  # fmt: skip
FILES = {name: {"pixels": np.stack([np.full(784, n), np.full(784, n // 2)]).astype(np.uint16)} for name, n in (("a", 60), ("b", 70))}


class Case(NamedTuple):
    draw: Callable[[Any, Theme], go.Figure]
    empty: Any
    one: Any
    many: Any


CASES = {
    "agreement": Case(agreement.draw, agreement.agreement(History()), TWO, MANY),
    "frontier": Case(frontier.draw, frontier.frontier([]), frontier.frontier([told(SNIP)]), LIMITS),
    "first weights": Case(
        starts.draw, starts.starts(History(), {}), starts.starts(told(SNIP), {}), starts.starts(FROM, FILES),
    ),
}  # fmt: skip
NUMBERS = [pytest.param(case, numbers, id=f"{name}, {amount}") for name, case in CASES.items() for amount, numbers in zip(
    ("empty", "one", "many"), case[1:], strict=True)]  # fmt: skip


@pytest.mark.parametrize(("case", "numbers"), NUMBERS)
class TestEveryPicture:
    @pytest.mark.parametrize("theme", THEMES, ids=("light", "dark"))
    def test_draws_with_axis_titles_on_our_own_template(self, case: Case, numbers: Any, theme: Theme):
        figure = json.loads(case.draw(numbers, theme).to_json())["layout"]
        assert figure["xaxis"]["title"]["text"]
        assert figure["yaxis"]["title"]["text"] or figure["yaxis"]["type"] == "category"
        assert figure["template"]["layout"]["font"]["color"] == theme.text

    def test_uses_no_colour_of_the_other_theme(self, case: Case, numbers: Any):
        foreign = {DARK.text, DARK.soft, DARK.leaf, DARK.grid, DARK.line} - {LIGHT.text, LIGHT.soft, LIGHT.leaf, LIGHT.grid, LIGHT.line}
        assert not foreign & set(texts(json.loads(case.draw(numbers, LIGHT).to_json())))

    def test_says_what_one_sees_in_a_sentence_with_a_table_of_one_length(self, case: Case, numbers: Any):
        assert numbers.sentence.endswith(".")
        assert not {"None", "nan", "inf"} & set(numbers.sentence.replace(".", "").split())
        assert len({len(values) for values in numbers.table().values()}) == 1


class TestAgreementNumbers:
    @given(st.sets(st.integers(0, 19)), st.sets(st.integers(0, 19)))
    def test_equal_masks_are_at_one_and_others_below(self, a, b):
        found = agreement.beyond_chance(len(a & b), len(a), len(b), 20)
        if found is not None:
            assert (found == 1) == (a == b)
            assert found <= 1

    @pytest.mark.parametrize(("a", "b", "n"), [(2, 2, 6), (3, 2, 6), (4, 4, 6), (1, 5, 6)])
    def test_the_shared_count_that_all_pairs_of_masks_have_on_average_is_at_zero(self, a, b, n):
        """Every pair of masks of these sizes, one by one."""
        masks = [(set(x), set(y)) for x in combinations(range(n), a) for y in combinations(range(n), b)]
        mean = sum(len(x & y) for x, y in masks) / len(masks)
        assert agreement.beyond_chance(mean, a, b, n) == pytest.approx(0, abs=1e-12)

    def test_masks_that_keep_all_or_nothing_have_no_agreement(self):
        assert agreement.beyond_chance(20, 20, 20, 20) is None
        assert agreement.beyond_chance(0, 0, 0, 20) is None

    def test_values_by_hand(self):
        # of 40 units both keep 14 of 20: J = 14 / 26; two random ones share 10: C = 10 / 30
        assert TWO.at(0) == [pytest.approx((14 / 26 - 1 / 3) / (2 / 3))]

    def test_the_table_has_every_pair_at_the_sparsities_that_were_asked(self):
        table = MANY.table((0.9, 0.95, 0.9501))
        assert table["Removed (%)"] == [90.0] * 6 + [95.0] * 6
        assert table["Kept by both"][:6] == [0, 4, 1, 1, 0, 0]
        assert table["By chance"][0] == 0.4
        assert table["Correlation of ranks"][3] is None

    def test_the_browser_gets_every_pair_at_every_sparsity(self):
        scene = agreement.scene(MANY, "key", 0.9)
        json.dumps(scene, allow_nan=False)
        assert [len(values) for values in scene["values"]] == [3] * 6
        assert (scene["chosen"], scene["positions"][1]["words"]) == (1, "90 %")


class TestAgreementSentence:
    def test_names_the_pair_that_agrees_most_the_one_nearest_to_chance_and_the_control(self):
        assert agreement.describe(MANY, 0.5) == (
            "With 50 % removed, SNIP and GraSP keep the very same weights; SNIP and SynFlow share no more than two random masks would (0.00). "
            "Random, the control, is never further than 0.07 from chance."
        )

    def test_says_when_two_share_less_than_chance(self):
        fewer = agreement.agreement(compared(("snip", "grasp", "synflow"), [[14, 3, 1], [12, 1, 0], [8, 0, 0]], [0.4, 0.2, -0.1]))
        assert "GraSP and SynFlow share less than two random masks would (\N{MINUS SIGN}0.12)" in agreement.describe(
            fewer._replace(shared=((18, 3, 1), (16, 1, 0), (8, 0, 0))), 0.5
        )

    def test_passes_over_pairs_that_lots_decide(self):
        tied = agreement.agreement(compared(("snip", "grasp", "synflow"), [[14, 3, 1], [12, 1, 0], [20, 4, 2]], [0.4, 0.2, None]))
        assert agreement.describe(tied, 0.5).startswith("With 50 % removed, SNIP and GraSP agree most (0.31")

    def test_of_two_criteria_there_is_one_thing_to_say(self):
        assert agreement.describe(TWO, 0.9) == "With 90 % removed, SNIP and GraSP agree most (0.58, where 0 is chance and 1 the same mask)."


class TestFrontier:
    def test_a_layer_collapses_at_the_first_sparsity_that_keeps_nothing_of_it(self):
        assert [(row.title, row.collapses) for row in LIMITS.rows] == [
            ("SNIP", [None, None, None]),
            ("SynFlow, 100 rounds", [None, None, None]),
            ("SynFlow", [0.99, 0.999, None]),
        ]

    def test_rounds_of_several_scorings_are_one_row_in_the_order_of_their_sparsities(self):
        row = next(row for row in LIMITS.rows if row.rounds == 100)
        assert row.sparsities == (0.9, 0.99, 0.999)
        assert row.kept[1] == (1_000, 1_000, 662)

    def test_the_sentence_names_who_loses_a_layer_first_and_who_never_does(self):
        assert LIMITS.sentence == (
            "SynFlow is the first to lose a whole layer, Layer 1 at 99 % removed; with SNIP and SynFlow in 100 rounds every layer keeps something "
            "up to 99.9 %."
        )
        assert frontier.frontier([told(SNIP)]).sentence == "Up to 99.9 % removed, every layer keeps something with SNIP."
        early = scored("magnitude", (0.9, 0.99, 0.999), ((1, 0, 9), (0, 0, 9), (0, 0, 9)))
        assert frontier.frontier([told(ONCE, early)]).sentence == (
            "Magnitude is the first to lose a whole layer, Layer 2 at 90 % removed; SynFlow holds out longest, to 99 %."
        )
        alike = scored("magnitude", (0.9, 0.99, 0.999), ((1, 1, 9), (1, 0, 9), (0, 0, 9)))
        assert (
            frontier.frontier([told(ONCE, alike)]).sentence == "SynFlow and Magnitude are the first to lose a whole layer, at 99 % removed."
        )

    def test_scorings_of_single_classes_and_of_channels_are_no_part_of_it(self):
        from dataclasses import replace

        single, channels = replace(SNIP, options={"classes": (3,)}), replace(SNIP, layers=("conv1",), kept=((1,), (1,), (0,)))
        assert frontier.frontier([told(single, channels)]).rows == ()

    def test_where_layers_were_only_counted_together_there_is_no_limit_to_tell(self):
        from dataclasses import replace

        together = replace(SNIP, kept=tuple((sum(k),) for k in SNIP.kept))
        assert frontier.frontier([told(together)]).rows == ()
        found = starts.starts(told(replace(FROM.scorings[0], kept=((133_100,), (26_620,))), spec=TWO_STARTS), FILES)
        assert (found.layers, found.units, found.starts[0].kept) == (("All layers",), (266_200,), (26_620,))

    def test_the_table_has_every_layer_at_every_sparsity(self):
        table = LIMITS.table()
        assert len(table["Layer"]) == 3 * 3 * 3
        assert table["Keeps nothing from"][-3:] == ["99 %", "99.9 %", "never"]

    def test_bars_end_where_the_first_layer_is_lost(self):
        bars = [trace for trace in frontier.draw(LIMITS, LIGHT).data if trace.type == "bar"]
        assert [bar.x[0] for bar in bars] == pytest.approx([3, 3, 2])


class TestFirstWeights:
    def test_every_scoring_belongs_to_the_initialisation_before_it(self):
        found = starts.starts(FROM, FILES)
        assert [(s.title, s.kept) for s in found.starts] == [("He", (20_000, 6_000, 620)), ("Normal", (26_000, 600, 20))]
        assert [int(s.counts[0, 0]) for s in found.starts] == [30, 35]

    def test_the_sentence_names_the_layer_that_depends_on_them_most(self):
        assert starts.starts(FROM, FILES).sentence == (
            "With 90 % removed, SNIP keeps 62 % of Output where the first weights are He, and 2 % where they are Normal; no layer depends on them more."
        )

    def test_where_layers_share_alike_it_says_so(self):
        same = starts.starts(FROM, FILES)
        equal = same._replace(starts=tuple(s._replace(kept=(20_000, 6_000, 620)) for s in same.starts))
        near = same._replace(starts=(same.starts[0], same.starts[1]._replace(kept=(20_000, 6_600, 620))))
        assert equal.sentence.endswith("the same share of every layer however the first weights are drawn; which weights they are differs.")
        assert near.sentence.endswith(
            "about the same share of every layer however the first weights are drawn, 2.0 points apart at most, in Layer 2."
        )

    def test_a_run_that_was_cut_short_shows_what_it_has(self):
        assert [s.title for s in starts.starts(History.of(FROM.events[:2]), FILES).starts] == ["He"]
