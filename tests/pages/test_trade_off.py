"""Trade-off: filled by the examples, by deep link, and with nothing; over real runs on digits."""

import json
import re
from pathlib import Path

import pytest

from prune_core import RunSpec
from prune_core.store import overview, queue

from .carrying import carry_out
from .conftest import LOOKER, words

EXAMPLES = Path(__file__).parents[2] / "assets" / "examples"
SNIP = RunSpec(sparsity=0.9, epochs=1)


def figure(shown):
    """The figure that the browser gets, by day."""
    (found,) = [e.proto for e in shown.get("bidi_component") if e.proto.component_name == "espalier.plot"]
    return json.loads(json.loads(found.json)["light"])


@pytest.fixture(scope="module")
def runs():
    return [SNIP.model_copy(update={"seed": seed}) for seed in range(3)] + [RunSpec(protocol="dense", criterion=None, epochs=1)]


def test_with_nothing_run_it_says_what_would_stand_here_and_offers_one_button(page):
    shown = page("trade_off.py")
    assert "No finished run has pruned a network yet" in words(shown)
    assert [b.label for b in shown.button] == ["Prune a network"]


def test_the_examples_fill_it(page, store):
    for source in EXAMPLES.glob("*.zip"):
        store.import_runs(source)
    shown = page("trade_off.py", to_what="LeNet-300-100 on MNIST")
    said = words(shown)
    assert re.search(r"With [0-9.]+&nbsp;% of the weights left.* errs on [0-9.]+&nbsp;% of the test images", said)
    assert "Rings: values that papers print" in said
    assert any((t.get("name") or "").startswith("SNIP, at the start") for t in figure(shown)["data"])


def test_three_seeds_are_a_point_with_an_interval_beside_the_full_network(page, store, runs):
    carry_out(store, *runs)
    shown = page("trade_off.py")
    said = words(shown).replace("&nbsp;", " ")
    wrong = [1 - r.summary.test_accuracy for r in store.runs(protocols=("prune_at_init",))]
    errs = float(re.search("With 10 % of the weights left, SNIP errs on ([0-9.]+) % of the test images[.]", said)[1])
    assert errs == pytest.approx(100 * sum(wrong) / 3, abs=0.0501)
    assert "The full network errs on" in said
    assert "95 % t-intervals" in said
    drawn = [t for t in figure(shown)["data"] if t.get("ids")]
    assert {t["mode"] for t in drawn} == {"markers", "lines+markers", "lines"}
    for run in store.runs():
        assert f"run?run={run.id}" in said
    by_link = page("trade_off.py", to_what="LeNet-300-100 on Digits", to_up="Test accuracy", to_across="Weights on a path")
    said = words(by_link)
    assert "is right on" in said
    assert "log scale" in figure(by_link)["layout"]["xaxis"]["title"]["text"]
    assert figure(by_link)["layout"]["yaxis"]["type"] == "linear"


def test_nonsense_in_the_address_is_the_page_as_it_is_otherwise(page, store):
    carry_out(store, SNIP)
    shown = page("trade_off.py", to_what="<img src=x>", to_up="7", to_only="nobody")
    assert "SNIP errs on" in words(shown)


def test_published_values_stand_beside_the_networks_they_are_of(page, store, runs):
    carry_out(store, SNIP)
    assert not re.search("Rings: values that papers print", words(page("trade_off.py")))


def test_opening_it_changes_no_run(page, store):
    carry_out(store, SNIP)
    before = [r.version for r in store.runs()]
    words(page("trade_off.py"))
    assert [r.version for r in store.runs()] == before


def test_the_stamp_of_a_subject_changes_when_a_run_comes_ends_or_gets_a_name(store):
    stamps = [overview.stamp(store, "lenet_300_100", "digits")]
    run = store.submit(SNIP)
    stamps.append(overview.stamp(store, "lenet_300_100", "digits"))
    claim = queue.claim(store, LOOKER, 1)
    store.attempt(run.id, claim.attempt).fail("enough")
    stamps.append(overview.stamp(store, "lenet_300_100", "digits"))
    store.rename(run.id, "mine")
    stamps.append(overview.stamp(store, "lenet_300_100", "digits"))
    assert len(set(stamps)) == 4
    assert overview.stamp(store, "lenet_5", "mnist") == (0, 0, 0, 0)


def test_subjects_are_what_finished_runs_are_of(store):
    assert overview.subjects(store) == []
    carry_out(store, RunSpec(epochs=0), RunSpec(protocol="score", model="small_conv", protocol_options={"criteria": ("random",)}))
    store.submit(RunSpec(dataset="mnist"))
    assert [(s.model, s.dataset) for s in overview.subjects(store)] == [("lenet_300_100", "digits")]


def test_runs_on_random_labels_are_a_subject_of_their_own(page, store):
    random = RunSpec(protocol="dense", epochs=1, dataset_options={"labels": "random"})
    carry_out(store, random, RunSpec(protocol="dense", epochs=1), RunSpec(epochs=1, dataset_options={"labels": "random"}))
    found = {(s.dataset, s.runs) for s in overview.subjects(store)}
    assert found == {("digits", 1), ("digits with random labels", 2)}
    assert set(store.speeds()) == {("lenet_300_100", "digits"), ("lenet_300_100", "digits with random labels")}
    shown = page("trade_off.py", to_what="LeNet-300-100 on Digits with random labels")
    assert not shown.exception
    assert "Training labels are random" in words(shown)
