"""Network: without any run, as a run left it, by deep link; every network of the catalogue."""

import html
import json

import pytest

from prune_core import RunSpec, catalogue
from prune_core.store import queue

from .carrying import carry_out
from .conftest import LOOKER, words


def bars(shown, key="network"):
    for element in shown.get("bidi_component"):
        told = json.loads(element.proto.json) if element.proto.component_name == "espalier.plot" else {}
        if told.get("key") == key:
            return [trace for trace in json.loads(told["light"])["data"] if trace["type"] == "bar"]
    return None


@pytest.mark.parametrize("entry", catalogue.models.values(), ids=catalogue.models)
def test_every_network_is_shown_without_any_run(page, entry):
    shown = page("network.py", model=entry.name)
    said = html.unescape(words(shown))
    for layer in entry.layers:
        assert layer.title in said
        assert f"{layer.weights:,}" in said
        assert f"{layer.macs:,}" in said
    assert f"{entry.parameters:,} parameters" in said
    assert [list(bar["y"]) for bar in bars(shown)] == [[layer.title for layer in entry.layers]] * 2
    assert not shown.warning


def test_with_nothing_said_the_first_network_stands_there(page):
    assert "LeNet-300-100" in words(page("network.py"))


@pytest.mark.parametrize("query", [{"model": "lenet_6"}, {"model": "<img src=x>"}, {"run": "nobody"}])
def test_nonsense_in_the_address_is_one_line_and_a_usable_page(page, query):
    shown = page("network.py", **query)
    assert len(shown.warning) == 1
    assert "LeNet-300-100" in words(shown)
    assert not shown.exception


def test_a_run_shows_what_it_left_of_every_layer_and_how_they_were_scored(page, store):
    (run,) = carry_out(store, RunSpec(model="lenet_5", sparsity=0.9, epochs=0))
    shown = page("network.py", run=run.id)
    said = html.unescape(words(shown))
    for layer in store.history(run.id).finished.layers:
        assert f"{layer.kept:,}" in said
    assert "43,050 of 430,500 weights are left" in said
    assert bars(shown, "net-scores")
    assert shown.selectbox(key="net-run").value == run.id


def test_of_a_run_in_rounds_any_scoring_can_be_looked_at(page, store):
    (run,) = carry_out(store, RunSpec(criterion="magnitude", protocol="iterative", epochs=0))
    shown = page("network.py", run=run.id)
    choice = shown.selectbox(key=f"net-scoring-{run.id}")
    assert len(choice.options) == 5
    before = bars(shown, "net-scores")
    assert before != bars(choice.set_value(0).run(), "net-scores")


def test_channels_that_went_take_their_weights_with_them(page, store):
    (run,) = carry_out(store, RunSpec(model="small_conv", criterion="l2_norm", sparsity=0.5, epochs=0))
    kept = [layer.kept for layer in store.history(run.id).finished.layers]
    said = html.unescape(words(page("network.py", run=run.id)))
    assert all(f"{n:,}" in said for n in kept)


def test_a_narrow_network_is_shown_as_its_run_built_it(page, store):
    spec = RunSpec(model="vgg_11", dataset="cifar_10_small", model_options={"width": 0.0625}, sparsity=0.5, epochs=0)
    run = store.submit(spec)
    said = html.unescape(words(page("network.py", run=run.id)))
    assert f"{spec.model_entry.weights:,}" in said
    assert f"{catalogue.models['vgg_11'].weights:,}" not in said


def test_runs_of_a_narrower_network_are_listed_with_the_others(page, store, events):
    narrow, whole = (RunSpec(model="vgg_11", dataset="cifar_10_small", model_options={"width": w}) for w in (0.25, 1))
    other = RunSpec(model="vgg_16", dataset="cifar_10_small")
    for spec in (narrow, whole, other):
        run = store.submit(spec)
        attempt = store.attempt(run.id, queue.claim(store, LOOKER, 1).attempt)
        for event in events:  # of another run: nothing but the list is looked at
            attempt.append(event)
    shown = page("network.py", model="vgg_11")
    assert shown.selectbox(key="net-run").options == ["No run: the whole network", whole.title, narrow.title]


def test_choosing_another_network_leaves_the_run(page, store):
    (run,) = carry_out(store, RunSpec(epochs=0))
    shown = page("network.py", run=run.id)
    shown.selectbox(key="net-model").set_value("lenet_5").run()
    assert "Conv 1" in words(shown)
    assert shown.selectbox(key="net-run").value == "whole"


@pytest.mark.parametrize(
    ("file", "query", "label"), [("methods.py", {"method": "lenet_5"}, "Layer by layer"), ("prune.py", {"model": "lenet_5"}, "LeNet")]
)
def test_it_is_reached_from_where_networks_are_chosen(page, file, query, label):
    links = [e.proto for e in page(file, **query).get("page_link") if "model=lenet_5" in e.proto.query_string]
    assert any(label in link.label for link in links)
