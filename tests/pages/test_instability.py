"""Instability: what one run or two together went through, what they came to, and what is said where there is nothing to see."""

import re
from typing import NamedTuple

import pytest
import streamlit as st

from prune_core import RunSpec
from prune_core.charts.drops import drops, instability
from prune_core.charts.instability import lost
from prune_core.events import Pruned
from prune_core.settings import settings
from prune_core.store import Run, queue
from prune_core.store.prunings import prunings

from .carrying import Recorded, carry_out
from .conftest import LOOKER, words

STEPS = RunSpec(protocol="iterative", criterion="magnitude", sparsity=0.5, epochs=2, protocol_options={"rounds": 2})
BY_LOT = STEPS.model_copy(update={"protocol_options": type(STEPS.protocol_options)(rounds=2, target="random")})
SEEDS = (0, 1, 2)


class Grown(NamedTuple):
    """Two configurations at three seeds, and runs that may not be compared with them."""

    recorded: Recorded
    smallest: list[Run]
    by_lot: list[Run]
    others: list[Run]


@pytest.fixture(scope="module")
def grown(tmp_path_factory) -> Grown:
    recorded = Recorded(tmp_path_factory.mktemp("grown"))
    specs = [spec.model_copy(update={"seed": seed}) for spec in (STEPS, BY_LOT) for seed in SEEDS]
    runs = carry_out(recorded.store, *specs, STEPS.model_copy(update={"epochs": 3}), STEPS.model_copy(update={"sparsity": 0.6}))
    return Grown(recorded, runs[:3], runs[3:6], runs[6:])


def test_with_no_pruning_of_a_trained_network_it_says_what_would_appear_and_offers_one_button(page, states):
    shown = page("instability.py")
    assert "No run with pruning events yet. Start one in steps and its drops appear here." in words(shown)
    assert [b.label for b in shown.button] == ["Prune a network"]


def test_a_new_store_shows_an_example(page, monkeypatch, tmp_path):
    monkeypatch.setenv("ESPALIER_HOME", str(tmp_path / "new"))
    settings.cache_clear()
    st.cache_resource.clear()
    said = words(page("instability.py"))
    assert re.search(r"prunings? cost|pruning at epoch", said)
    assert "of the weights removed" in said


def test_one_run_tells_its_mean_drop(page, store, grown):
    run = grown.smallest[0]
    grown.recorded.bring(store, run)
    mean = instability(drops(store.history(run.id)))
    shown = page("instability.py", run=run.id)
    assert f"Two prunings cost {lost(mean.loss)} points each on average" in words(shown)
    assert "One configuration: too few for a correlation." in words(shown)
    assert shown.selectbox(key="inst-run").value == run.id


def test_the_comparable_run_that_differs_most_is_laid_over_it_until_someone_chooses(page, store, grown):
    mine, other = grown.smallest[0], grown.by_lot[0]
    grown.recorded.bring(store, mine, other, *grown.others)
    shown = page("instability.py", run=mine.id)
    assert shown.selectbox(key="inst-beside").value == other.id
    assert "with “Smallest first”" in words(shown)
    assert "with “By lot”" in words(shown)
    shown.selectbox(key="inst-beside").select("none").run()
    assert shown.query_params["beside"] in ("none", ["none"])
    assert "By lot" not in words(shown)
    shown.selectbox(key="inst-run").select(other.id).run()
    assert shown.query_params["run"] in (other.id, [other.id])


def test_three_seeds_allow_a_verdict_and_one_does_not(page, store, grown):
    grown.recorded.bring(store, grown.smallest[0], grown.by_lot[0])
    assert "with one seed that is no verdict." in words(page("instability.py", run=grown.smallest[0].id))
    grown.recorded.bring(store, *grown.smallest[1:], *grown.by_lot[1:])
    said = words(page("instability.py", run=grown.smallest[0].id))
    assert re.search(r"the harder hit runs ended [\d.]+ ± [\d.]+ points (lower|higher) \(3 seeds\)", said)


def test_other_amounts_and_epochs_are_not_compared(page, store, grown):
    grown.recorded.bring(store, grown.smallest[0], *grown.others)
    shown = page("instability.py", run=grown.smallest[0].id)
    assert shown.selectbox(key="inst-beside").value == "none"
    assert "One configuration" in words(shown)


def test_a_run_under_way_is_drawn_as_far_as_it_went(page, store, grown):
    grown.recorded.bring(store, grown.smallest[0])
    run = store.submit(STEPS.model_copy(update={"seed": 5}))
    attempt = store.attempt(run.id, queue.claim(store, LOOKER, 1).attempt)
    events = store.events(grown.smallest[0].id)
    first = next(i for i, (_, event) in enumerate(events) if isinstance(event, Pruned))
    for numbered in events[:first]:
        attempt.append(numbered)
    assert "No pruning of a trained network yet." in words(page("instability.py", run=run.id, beside="none"))
    attempt.append(events[first])
    assert "The pruning at epoch 1 cost" in words(page("instability.py", run=run.id, beside="none"))


@pytest.mark.parametrize("run_id", ["nobody", "../../etc/passwd", "<img src=x onerror=alert(1)>", "\0"])
def test_an_address_that_names_no_run_says_so_and_shows_another(page, store, grown, run_id):
    grown.recorded.bring(store, grown.smallest[0])
    shown = page("instability.py", run=run_id, beside=run_id)
    assert "The run of this address is not here" in shown.warning[0].value
    assert "onerror" not in words(shown)
    assert "prunings cost" in words(shown)


def test_a_name_is_shown_as_it_was_typed(page, store, grown):
    grown.recorded.bring(store, grown.smallest[0])
    store.rename(grown.smallest[0].id, "**b** <img src=x onerror=alert(1)>")
    shown = page("instability.py", run=grown.smallest[0].id)
    assert shown.selectbox(key="inst-run").options[0].startswith("**b** <img src=x onerror=alert(1)>")
    assert not [e for e in shown.get("html") if "<img" in e.proto.body]


def test_opening_it_changes_no_run(page, store, grown):
    grown.recorded.bring(store, *grown.smallest, *grown.by_lot)
    before = store.runs()
    page("instability.py", run=grown.smallest[0].id)
    assert store.runs() == before


def test_prunings_of_many_runs_are_those_of_their_histories(store, grown):
    grown.recorded.bring(store, *grown.smallest)
    found = prunings(store, [run.id for run in grown.smallest] + ["nobody"])
    assert found == {run.id: store.history(run.id).prunings for run in grown.smallest}


def test_a_run_that_never_pruned_says_that_there_is_nothing_to_see(page, store, grown):
    grown.recorded.bring(store, grown.smallest[0])
    (dense,) = carry_out(store, RunSpec(protocol="dense", criterion=None, epochs=1))
    assert "No pruning of a trained network yet." in words(page("instability.py", run=dense.id))


def test_with_nothing_asked_it_opens_on_a_run_that_can_be_compared(page, store, grown):
    grown.recorded.bring(store, grown.smallest[0], grown.by_lot[0], *grown.others)
    assert page("instability.py").selectbox(key="inst-run").value in (grown.smallest[0].id, grown.by_lot[0].id)
