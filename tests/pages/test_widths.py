"""Widths: filled, by deep link to single runs and to groups, with nothing; over real runs on digits."""

import json
from pathlib import Path

import pytest

from prune_core import RunSpec
from prune_core.protocols.schedules import sparsities

from .carrying import carry_out
from .conftest import words

EXAMPLES = Path(__file__).parents[2] / "assets" / "examples"
SNIP = RunSpec(sparsity=0.9, epochs=0)
SEEDS = [SNIP.model_copy(update={"seed": seed}) for seed in range(2)]
STEPS = RunSpec(criterion="magnitude", protocol="iterative", sparsity=0.9, epochs=0)


def scene(shown):
    """What the browser gets."""
    (found,) = [e.proto for e in shown.get("bidi_component") if e.proto.component_name == "espalier.widths"]
    return json.loads(found.json)


def test_with_nothing_run_it_says_what_would_stand_here_and_offers_one_button(page):
    shown = page("widths.py")
    assert "No finished run has pruned a network yet" in words(shown)
    assert [b.label for b in shown.button] == ["Prune a network"]


def test_an_example_fills_it(page, store):
    store.import_runs(EXAMPLES / "magnitude-in-steps-97-mnist.zip")
    shown = page("widths.py")
    assert len(scene(shown)["profiles"][0]["moments"]) == 6
    assert "cuts Layer 1 hardest" in words(shown)


def test_seeds_stand_together_beside_another_method_at_the_same_amount(page, store):
    *seeds, _ = carry_out(store, *SEEDS, STEPS)
    shown = page("widths.py")
    found = scene(shown)
    by_label = {p["label"]: p for p in found["profiles"]}
    assert set(by_label) == {"SNIP 90 %", "Magnitude, in steps to 90 %"}
    last = [store.history(r.id).prunings[-1].layers for r in seeds]
    kept = by_label["SNIP 90 %"]["moments"][-1]["kept"]
    assert kept == [[(a.kept + b.kept) / 2, min(a.kept, b.kept), max(a.kept, b.kept)] for a, b in zip(*last, strict=True)]
    assert len(by_label["Magnitude, in steps to 90 %"]["moments"]) == 6
    assert [round(p["removed"], 3) for p in found["positions"]] == [0.0, *(round(s, 3) for s in sparsities(0.9, 5, "exponential"))]
    assert "cuts Layer 1 hardest" in words(shown)


def test_an_address_names_single_runs_and_the_view(page, store):
    first, _, steps = carry_out(store, *SEEDS, STEPS)
    shown = page("widths.py", runs=f"{first.id},{steps.id}", wi_draw="Lines", wi_as="Number", wi_removed="40")
    found = scene(shown)
    assert {p["label"] for p in found["profiles"]} == {"SNIP 90 %, seed 0", "Magnitude, in steps to 90 %"}
    assert (found["drawing"], found["by"]) == ("lines", "count")
    assert found["positions"][found["chosen"]]["removed"] == pytest.approx(0.369, abs=1e-3)


def test_channels_are_counted_where_channels_were_removed(page, store):
    (run,) = carry_out(store, RunSpec(model="small_conv", criterion="l2_norm", sparsity=0.5, epochs=0))
    found = scene(page("widths.py"))
    assert (found["what"], found["slider"]) == ("channels", "Channels removed")
    last = store.history(run.id).prunings[-1]
    assert [k[0] for k in found["profiles"][0]["moments"][-1]["kept"]] == [layer.kept for layer in last.layers]
    shown = page("widths.py", wi_of_channels="Weights")
    assert "is not recorded" in words(shown)


def test_nonsense_in_the_address_is_the_page_as_it_is_otherwise(page, store):
    carry_out(store, SNIP)
    shown = page("widths.py", runs="nobody,<img src=x>", wi_groups="?", wi_removed="much", wi_what="7")
    assert [p["label"] for p in scene(shown)["profiles"]] == ["SNIP 90 %"]


def test_runs_that_pruned_nothing_are_no_choice(page, store):
    carry_out(store, RunSpec(protocol="dense", criterion=None, epochs=0))
    assert "Choose runs above" in words(page("widths.py"))
