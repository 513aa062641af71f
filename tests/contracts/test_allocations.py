"""What holds for every allocation of the catalogue, at every granularity it shares out, tried on everybody."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from prune_core import RunSpec, SpecError, catalogue, plan, run
from prune_core.counting import kept
from prune_core.engine.masks import cut, ranking
from prune_core.events import Pruned
from prune_core.history import History
from prune_core.overrides import overrides, read
from prune_core.spec_words import settings_of
from prune_core.steps import DECILES, Prune
from prune_core.twins import twins

OPTIONS = {"fractions": ({}, {"fractions": [0, 0.5, 1, 0.25]})}
MEMBERS = [(a, g, o) for a in catalogue.allocations.values() for g in sorted(a.granularities) for o in OPTIONS.get(a.name, ({},))]
IDS = [f"{a.name}-{g}{'-given' if o else ''}" for a, g, o in MEMBERS]
WEIGHTS = {"conv1": (4, 1, 3, 3), "conv2": (5, 4, 2, 2), "fc": (6, 10), "out": (3, 6)}
CHANNELS = {"conv1": (4,), "conv2": (5,), "fc": (6,), "more": (12,)}
TARGETS = ("smallest", "largest", "random", "decile_0", "decile_4", "decile_9", "decile_10")


class State:
    """A network of four layers with many ties among scores and weights, some of it pruned before."""

    def __init__(self, granularity, seed, share_alive):
        chance = torch.Generator().manual_seed(seed)
        self.shapes = WEIGHTS if granularity == "weight" else CHANNELS
        self.seed = seed
        self.alive = {name: torch.rand(shape, generator=chance) < share_alive for name, shape in self.shapes.items()}
        weights = {name: torch.randint(-3, 4, shape, generator=chance).float() * self.alive[name] for name, shape in self.shapes.items()}
        self.weights = weights if granularity == "weight" else None
        self.scores = self.drawn(chance)

    def drawn(self, chance):
        return {name: torch.randint(-2, 3, shape, generator=chance).double() for name, shape in self.shapes.items()}

    def ranking(self, target="smallest", scores=None):
        return ranking(scores or self.scores, self.alive, self.seed, target, weights=self.weights)

    @property
    def left(self):
        return [int(alive.sum()) for alive in self.alive.values()]


REFUSED = re.compile(r"allocation[^\n]*[0-9][^\n]*")


def kept_by(step, ranked):
    """The flags of a cut; None where the allocation refuses the demand, in one line with numbers."""
    try:
        return cut(step, ranked).kept
    except ValueError as error:
        if not REFUSED.fullmatch(str(error)):
            raise
        return None


def counts(flags, ranked):
    return [int(flags[place].sum()) for place in ranked.slices]


STATES = st.tuples(st.integers(0, 10_000), st.sampled_from([0.5, 0.9, 1.0]))
SPARSITIES = st.integers(0, 99).map(lambda i: i / 100)
FEW = settings(max_examples=15)


@pytest.mark.parametrize(("entry", "granularity", "options"), MEMBERS, ids=IDS)
class TestEveryAllocation:
    @FEW
    @given(state=STATES, sparsity=SPARSITIES, keep_min=st.integers(0, 3), target=st.sampled_from(TARGETS))
    def test_keeps_exactly_the_asked_number_of_survivors_and_of_every_layer_its_least(
        self, entry, granularity, options, state, sparsity, keep_min, target
    ):
        if target in DECILES and entry.within == "network":
            return
        state = State(granularity, *state)
        ranked = state.ranking(target)
        step = Prune(sparsity=sparsity, allocation=entry.name, allocation_options=options, keep_min=keep_min, target=target)
        stays = kept_by(step, ranked)
        if stays is None:
            return
        least = [min(keep_min, left) for left in state.left]
        assert int(stays.sum()) == min(max(kept(stays.size, sparsity), sum(least)), sum(state.left))
        assert not np.any(stays & ~ranked.alive)
        assert all(n >= low for n, low in zip(counts(stays, ranked), least, strict=True))
        assert np.array_equal(stays, kept_by(step, state.ranking(target)))

    @FEW
    @given(state=STATES, sparsity=SPARSITIES)
    def test_keeps_the_best_of_every_layer(self, entry, granularity, options, state, sparsity):
        ranked = State(granularity, *state).ranking()
        stays = kept_by(Prune(sparsity=sparsity, allocation=entry.name, allocation_options=options), ranked)
        for place in ranked.slices if stays is not None else ():
            goes = ranked.alive[place] & ~stays[place]
            worst, best = ranked.scores[place][stays[place]], ranked.scores[place][goes]
            assert not worst.size or not best.size or worst.min() >= best.max()

    @FEW
    @given(state=STATES, sparsity=SPARSITIES)
    def test_asks_the_scores_how_much_of_a_layer_stays_only_where_it_ranks_over_all(self, entry, granularity, options, state, sparsity):
        if entry.within == "network":
            return
        state = State(granularity, *state)
        step = Prune(sparsity=sparsity, allocation=entry.name, allocation_options=options)
        one, other = state.ranking(), state.ranking(scores=state.drawn(torch.Generator().manual_seed(state.seed + 1)))
        first, second = kept_by(step, one), kept_by(step, other)
        assert (first is None) == (second is None)
        assert first is None or counts(first, one) == counts(second, other)

    @FEW
    @given(state=STATES, sparsities=st.lists(SPARSITIES, min_size=2, max_size=5))
    def test_less_of_a_layer_stays_the_more_is_removed(self, entry, granularity, options, state, sparsities):
        """Exactly where units are ranked; shares rounded to whole units may be off by the one."""
        ranked, before = State(granularity, *state).ranking(), None
        for sparsity in sorted(sparsities):
            now = kept_by(Prune(sparsity=sparsity, allocation=entry.name, allocation_options=options), ranked)
            if now is None:
                return
            if before is not None and entry.name in ("global", "lamp"):
                assert not np.any(now & ~before)
            assert before is None or all(n <= b + 1 for n, b in zip(counts(now, ranked), counts(before, ranked), strict=True))
            before = now

    def test_a_real_run_keeps_exactly_its_counts_in_every_round(self, entry, granularity, options):
        model = "lenet_300_100" if granularity == "weight" else "small_conv"
        told = {"model": model, "criterion": "random", "granularity": granularity, "sparsity": 0.6, "epochs": 0}
        given = {"fractions": [0.6, 0.4, 0.2]} if options else {}
        target = "smallest" if entry.within == "network" else "decile_3"
        spec = RunSpec.read(
            told | {"allocation": entry.name, "allocation_options": given, "protocol_options": {"rounds": 2, "target": target}}
        )
        prunings = [event for _, event in run(spec) if isinstance(event, Pruned)]
        assert [p.kept for p in prunings] == [kept(p.units, p.sparsity) for p in prunings]
        assert len(prunings) == 2
        assert prunings[-1].sparsity == 0.6

    def test_says_of_which_granularity_it_is(self, entry, granularity, options):
        for other in {"weight", "channel"} - entry.granularities:
            with pytest.raises(
                SpecError, match=f"^allocation: {entry.name} shares out weights, and {other}s are pruned here. Choices: frac"
            ):
                RunSpec(model="small_conv", criterion="random", granularity=other, allocation=entry.name)

    def test_is_described(self, entry, granularity, options):
        assert entry.title
        assert entry.summary.endswith(".")
        assert all(info.description for info in entry.options.model_fields.values())


GIVEN = RunSpec(allocation="fractions", allocation_options={"fractions": [0.9, 0.5, 0]}, protocol_options={"target": "decile_3"})


def test_options_of_an_allocation_travel_from_the_address_to_the_plan_and_back():
    assert read(overrides(GIVEN)) == GIVEN
    assert RunSpec.read(GIVEN.model_dump_json()) == GIVEN
    (step,) = [step for step in plan(GIVEN) if isinstance(step, Prune)]
    assert step.allocation_options == {"fractions": [0.9, 0.5, 0.0]}
    assert step.words == "Remove the weights from decile D3 of each layer upwards, 90 % gone in all"
    told = {s.field: s.value for s in settings_of(GIVEN)}
    assert told["allocation_options.fractions"] == "90 %, 50 %, 0 %"


def test_other_fractions_make_another_run():
    other = GIVEN.model_copy(update={"allocation_options": type(GIVEN.allocation_options)(fractions=(0.9, 0.5, 0.1))})
    assert other.fingerprint != GIVEN.fingerprint


def test_what_is_held_beside_a_run_names_the_same_fractions():
    history = History.of(event for _, event in run(GIVEN.model_copy(update={"epochs": 1})))
    masked = [twin.spec for twin in twins(history).values() if twin.spec.parent]
    assert len(masked) == 6
    assert all(spec.allocation_options == GIVEN.allocation_options for spec in masked)


@pytest.mark.parametrize("target", DECILES)
def test_a_decile_needs_an_allocation_that_ranks_within_layers(target):
    with pytest.raises(
        SpecError, match=f"^protocol_options.target: {target} is cut within each layer, and allocation global ranks over all"
    ):
        RunSpec(protocol_options={"target": target})
    assert RunSpec(allocation="per_layer", protocol_options={"target": target}).protocol_options.target == target
