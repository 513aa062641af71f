"""Budgets, limits and multiples of a pruning of channels: real runs on digits, and allocations over random scores."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from prune_core import RunSpec, SpecError, catalogue, run
from prune_core.catalogue import shrunk as numbers
from prune_core.engine.errors import RunError
from prune_core.engine.masks import masks_from
from prune_core.events import Measured, Pruned, Shrunk
from prune_core.steps import Prune

FIELDS = {"model": "small_conv", "criterion": "fisher", "granularity": "channel", "sparsity": 0.6, "epochs": 0}


def events_of(**options):
    return [n.event for n in run(RunSpec(**FIELDS, protocol_options=options))]


def pruned(events) -> dict[str, int]:
    return {layer.name: layer.kept for layer in next(e for e in events if isinstance(e, Pruned)).layers}


@pytest.mark.parametrize("budget", ["parameters", "macs"])
def test_a_budget_is_met_by_as_many_channels_as_may_stay(budget):
    """One channel more, in any layer that lost some, would be over it."""
    events, entry = events_of(budget=budget), catalogue.models["small_conv"]
    before, after = getattr(next(e for e in events if isinstance(e, Shrunk)), budget)
    assert after <= 0.4 * before
    widths = pruned(events)
    count = {"parameters": numbers.parameters, "macs": numbers.macs}[budget]
    assert count(entry, widths) == after
    more = [{**widths, name: n + 1} for name, n in widths.items() if n < {g.name: g.channels for g in entry.channel_groups}[name]]
    assert max(count(entry, wider) for wider in more) > 0.4 * before


def test_a_budget_of_time_is_met_as_it_is_measured():
    events = events_of(budget="latency")
    told = next(e for e in events if isinstance(e, Measured)).values
    assert 0 < sum(pruned(events).values()) < 80
    assert told["batch_128"]["low"] < 0.8 * told["whole"]["batch_128"]["low"]  # 0.4 was asked; a busy machine is no counterexample


def test_rounds_go_down_to_a_budget_step_by_step():
    spec = RunSpec(**{**FIELDS, "protocol": "iterative", "epochs": 2}, protocol_options={"budget": "macs", "rounds": 3})
    found = [e.event for e in run(spec)]
    entry, prunings = catalogue.models["small_conv"], [e for e in found if isinstance(e, Pruned)]
    left = [numbers.macs(entry, {x.name: x.kept for x in e.layers}) / entry.macs for e in prunings]
    asked = [1 - e.sparsity for e in prunings]
    assert left == sorted(left, reverse=True)
    assert all(share <= most for share, most in zip(left, asked, strict=True))
    assert asked[-1] == pytest.approx(0.4)


def test_a_budget_out_of_reach_is_refused_with_what_there_is():
    with pytest.raises(
        RunError, match=r"sparsity: 40 % of the multiply-adds was asked to be left, and with as few channels as may stay it is 8\d"
    ):
        events_of(budget="macs", limits=("*=0.1",))


def test_limits_hold_and_the_rest_gives_more():
    free, held = pruned(events_of()), pruned(events_of(limits=("conv1=0", "conv3=0.25")))
    assert (held["conv1"], held["conv3"]) == (16, 24)
    assert sum(held.values()) >= sum(free.values())


def test_a_layer_keeps_a_multiple_near_what_it_would_have_kept():
    free, eights = pruned(events_of()), pruned(events_of(round_to=8))
    assert all(n % 8 == 0 for n in eights.values())
    assert all(abs(eights[name] - max(8, n)) <= 4 for name, n in free.items())


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (("conv1",), r"must be name=fraction with a fraction between 0 and 1, as conv1=0, got 'conv1'"),
        (("conv1=2",), r"must be name=fraction"), (("=0.5",), "must be name=fraction"), (("conv1=nan",), "must be name=fraction"),
        (("conv9=0.5",), r"no layer of small_conv is called conv9\. Choices: conv1, conv2, conv3"),
    ],
)  # fmt: skip
def test_a_limit_that_says_nothing_is_refused_in_words(limits, words):
    with pytest.raises(SpecError, match=rf"protocol_options\.limits: {words}"):
        RunSpec(**FIELDS, protocol_options={"limits": limits})


@pytest.mark.parametrize("options", [{"budget": "macs"}, {"round_to": 8}])
def test_what_is_said_of_channels_is_refused_for_weights(options):
    with pytest.raises(SpecError, match="says something of channels alone"):
        RunSpec(protocol_options=options)


@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=5), sparsity=st.integers(0, 99).map(lambda i: i / 100),
    limit=st.integers(0, 10).map(lambda i: i / 10), multiple=st.sampled_from([1, 2, 8]), allocation=st.sampled_from(["global", "per_layer"]),
    seed=st.integers(0, 5),
)  # fmt: skip
def test_no_layer_loses_more_than_its_limit(sizes, sparsity, limit, multiple, allocation, seed):
    chance = torch.Generator().manual_seed(seed)
    scores = {f"l{i}": torch.rand(n, generator=chance, dtype=torch.float64) for i, n in enumerate(sizes)}
    step = Prune(sparsity=sparsity, granularity="channel", allocation=allocation, keep_min=1, limits={"l0": limit}, round_to=multiple)
    made, masks = masks_from(step, scores, {n: torch.ones(len(s), dtype=torch.bool) for n, s in scores.items()}, seed)
    assert int((~masks["l0"]).sum()) <= limit * sizes[0] + 1e-9
    assert all(mask.any() for mask in masks.values())
    for name, mask in masks.items():
        if multiple > 1 and int(mask.sum()) % multiple:
            assert mask.all() or name == "l0"
        if mask.any() and not mask.all():
            assert float(scores[name][mask].min()) > float(scores[name][~mask].max())
    assert int(made.kept.sum()) == sum(int(m.sum()) for m in masks.values())
