"""Run: every state of a run is a page that says what it is."""

import re

import pytest

from prune_core import RunSpec
from prune_core.overrides import overrides, read
from prune_core.twins import twins

from .carrying import carry_out
from .conftest import SPEC, words


def test_a_finished_run_tells_its_test_accuracy_and_what_it_kept(page, states):
    run = states["finished"]
    shown = page("run.py", run=run.id)
    said = words(shown)
    assert shown.title[0].value.replace("\\", "") == SPEC.title
    assert {m.label: m.value for m in shown.metric} == {
        "Test accuracy": f"{100 * run.summary.test_accuracy:.1f} %", "Weights kept": "13,310", "Prunings done": "1 of 1"
    }  # fmt: skip
    assert "With 13,310 of 266,200 weights left" in said.replace("\xa0", " ")
    assert "Finished" in said
    assert "Run again" in [b.label for b in shown.button]
    assert "Cancel run" not in [b.label for b in shown.button]


def test_a_running_run_says_how_far_it_is_and_can_be_cancelled(page, states, store):
    shown = page("run.py", run=states["running"].id)
    assert "epoch 2 of 2" in words(shown)
    next(b for b in shown.button if b.label == "Cancel run").click().run()
    assert store.run(states["running"].id).cancel_requested
    assert "Cancelling" in words(page("run.py", run=states["running"].id))


def test_a_queued_run_says_that_it_waits(page, states, store):
    assert "starts as soon as a slot is free" in words(page("run.py", run=states["queued"].id))
    later = store.submit(SPEC.model_copy(update={"seed": 10}))
    assert "one run ahead" in words(page("run.py", run=later.id))


def test_a_failed_run_says_why_and_what_to_try(page, states):
    said = words(page("run.py", run=states["failed"].id))
    assert "the loss is no longer a number. Try a smaller learning rate" in said
    assert "Failed" in said


def test_a_cancelled_run_says_so(page, states):
    assert "Cancelled" in words(page("run.py", run=states["cancelled"].id))


@pytest.mark.parametrize(
    "run_id", ["", "nobody", "../../etc/passwd", "0" * 4096, "<img src=x onerror=alert(1)>", "00000000-0000-0000-0000-000000000000", "\0"]
)
def test_an_address_that_names_no_run_says_so_and_leads_to_the_list(page, run_id):
    shown = page("run.py", run=run_id)
    assert shown.title[0].value == "This run is not here"
    assert "onerror" not in words(shown)
    assert [b.label for b in shown.button] == ["See all runs"]


def test_the_command_repeats_the_run_with_what_is_not_default_only(page, states):
    shown = page("run.py", run=states["finished"].id)
    assert shown.code[0].value == "python -m prune_core run --set sparsity=0.95 --set epochs=2"
    assert read(overrides(SPEC)) == SPEC


def test_files_are_linked_by_id_and_name(page, states):
    said = words(page("run.py", run=states["finished"].id))
    assert re.findall('href="([^"]+)"', said) == [f"download/{states['finished'].id}/history.csv"]


def test_a_finished_run_leads_to_the_pages_that_show_it(page, states):
    links = {link.proto.label: link.proto.query_string for link in page("run.py", run=states["finished"].id).get("page_link")}
    run = states["finished"].id
    assert links == {"Trade-off": "to_what=LeNet-300-100+on+Digits", "Widths": f"runs={run}", "Network": f"run={run}"}
    assert not page("run.py", run=states["running"].id).get("page_link")


def test_a_twin_names_the_run_that_it_starts_from(page, store):
    (parent,) = carry_out(store, SPEC.model_copy(update={"epochs": 1}))
    (twin,) = carry_out(store, twins(store.history(parent.id))["scratch_e"].spec)
    shown = page("run.py", run=twin.id)
    links = {link.proto.label.replace("\\", ""): link.proto.query_string for link in shown.get("page_link")}
    assert links[f"From scratch, with the masks of {parent.title}"] == f"run={parent.id}"
    assert links["Scratch"] == f"run={twin.id}"
    assert {m.label: m.value for m in shown.metric}["Masks"] == "taken over"
    assert "Run again" not in [b.label for b in shown.button]
    assert shown.code[0].value.startswith("python -m prune_core submit ")
    store.delete(parent.id)
    assert "a run that is not here any more" in words(page("run.py", run=twin.id))


def test_a_finished_run_can_be_trained_longer_as_a_new_run(page, store):
    (parent,) = carry_out(store, SPEC.model_copy(update={"epochs": 1}))
    shown = page("run.py", run=parent.id)
    assert "A new run from the final weights, under the same masks" in words(shown)
    next(b for b in shown.button if b.label == "Start").click().run()
    (more,) = store.runs(parent=parent.fingerprint)
    assert (more.spec.protocol, more.spec.epochs, more.state) == ("train_longer", 10, "queued")


@pytest.mark.parametrize(
    ("fields", "offered"),
    [
        ({}, True),
        ({"model": "conv_2", "dataset": "cifar_10_small"}, True),
        ({"model": "conv_2", "dataset": "cifar_10_small", "model_options": {"width": 0.5}}, False),
        ({"dataset_options": {"classes": (3, 8)}}, False),
    ],
)
def test_only_networks_and_data_that_saliency_can_show_lead_there(page, store, fields, offered):
    run = store.submit(RunSpec(protocol="score", **fields))
    assert ("Look at it in Saliency" in [b.label for b in page("run.py", run=run.id).button]) == offered


def test_every_run_can_be_taken_away_as_a_report(page, states):
    for run in states.values():
        assert "Report" in [button.proto.label for button in page("run.py", run=run.id).get("download_button")]
