"""Scratch: what is missing, what it costs to start it, the verdict when it is there."""

import re
from typing import NamedTuple

import pytest

from prune_core import RunSpec
from prune_core.store import Run
from prune_core.twins import twins

from .carrying import Recorded, carry_out
from .conftest import words

FIRST = RunSpec(sparsity=0.5, epochs=1)
STEPS = RunSpec(protocol="iterative", criterion="magnitude", sparsity=0.5, epochs=2, protocol_options={"rounds": 1})


class Grown(NamedTuple):
    """Pruned runs, a twin of the first and a dense run."""

    recorded: Recorded
    first: Run
    steps: Run
    twin: Run
    dense: Run


@pytest.fixture(scope="module")
def grown(tmp_path_factory) -> Grown:
    recorded = Recorded(tmp_path_factory.mktemp("grown"))
    dense, steps, first = carry_out(recorded.store, RunSpec(protocol="dense", criterion=None, epochs=1), STEPS, FIRST)
    (twin,) = carry_out(recorded.store, twins(recorded.store.history(first.id))["scratch_e"].spec)
    return Grown(recorded, first, steps, twin, dense)


def offers(shown) -> list[str]:
    return [b.label for b in shown.button if b.key == "scr-go"]


def test_with_nothing_pruned_it_offers_to_prune(page, store):
    shown = page("scratch.py")
    assert "No pruned run has finished yet." in words(shown)
    assert [b.label for b in shown.button] == ["Prune a network"]


def test_before_the_start_it_says_how_many_runs_and_how_many_are_here(page, store, grown):
    grown.recorded.bring(store, grown.steps)
    shown = page("scratch.py", run=grown.steps.id)
    assert "Nothing to compare with yet" in words(shown)
    assert "1 of 15 is here already" in words(shown)
    assert offers(shown) == ["Start 14 runs"]
    shown.segmented_control(key="scr_seeds").set_value(1).run()
    assert offers(shown) == ["Start 4 runs"]
    shown.toggle(key="scr_controls").set_value(True).run()
    assert offers(shown) == ["Start 7 runs"]


def test_one_button_starts_what_is_missing_and_the_verdict_follows(page, store, grown):
    grown.recorded.bring(store, grown.first)
    shown = page("scratch.py", run=grown.first.id)
    assert offers(shown) == ["Start 8 runs"]
    shown.button(key="scr-go").click().run()
    assert re.search(r"\d of \d+ runs finished", shown.get("progress")[0].proto.text)
    carry_out(store)
    n = len(store.runs())
    shown = page("scratch.py", run=grown.first.id)
    said = words(shown)
    assert n == 9
    assert "Three seeds of each: all 9 runs are here." in said
    assert offers(shown) == []
    assert re.search(r"Given equal epochs, .* \(?3 seeds", said)
    assert "3 seeds in every row." in said


def test_one_seed_is_no_verdict_and_the_button_runs_more(page, store, grown):
    grown.recorded.bring(store, grown.first, grown.twin)
    shown = page("scratch.py", run=grown.first.id)
    assert "One seed: no verdict." in words(shown)
    assert offers(shown) == ["Start 7 runs"]


def test_what_is_under_way_can_be_cancelled(page, store, grown):
    grown.recorded.bring(store, grown.first)
    shown = page("scratch.py", run=grown.first.id)
    shown.button(key="scr-go").click().run()
    shown.button(key="scr-cancel").click().run()
    assert not store.runs(states=["queued", "running"])
    assert offers(shown) == ["Start 8 runs"]


def test_a_twin_leads_to_its_parent_and_so_does_an_address_without_a_run(page, store, grown):
    grown.recorded.bring(store, grown.first, grown.twin, grown.steps)
    assert page("scratch.py", run=grown.twin.id).selectbox(key="scr-run").value == grown.first.id
    assert page("scratch.py").selectbox(key="scr-run").value == grown.first.id


@pytest.mark.parametrize(
    ("state", "said", "button"),
    [
        ("running", "is still under way", "Watch the run"),
        ("queued", "is still under way", "Watch the run"),
        ("failed", "has not finished", "See the run"),
        ("cancelled", "has not finished", "See the run"),
    ],
)
def test_a_run_that_cannot_be_compared_says_why(page, states, state, said, button):
    shown = page("scratch.py", run=states[state].id)
    assert said in words(shown)
    assert [b.label for b in shown.button] == [button]


@pytest.mark.parametrize("run_id", ["nobody", "<img src=x onerror=alert(1)>", "\0", "0" * 4096])
def test_an_address_that_names_no_run_says_so(page, store, run_id):
    shown = page("scratch.py", run=run_id)
    assert "The run of this address is not here" in words(shown)
    assert "onerror" not in words(shown)


def test_a_finished_pruned_run_leads_here_and_others_do_not(page, store, grown):
    grown.recorded.bring(store, grown.first, grown.twin, grown.dense)
    for run, leads in ((grown.first, True), (grown.twin, False), (grown.dense, False)):
        labels = [b.label for b in page("run.py", run=run.id).button]
        assert ("Compare with training from scratch" in labels) is leads
    assert "pruned nothing" in words(page("scratch.py", run=grown.dense.id))
