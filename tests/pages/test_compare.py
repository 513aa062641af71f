"""Compare: the runs of an address beside each other, and every address that names too few, too many or none."""

import json
import re

import pytest

from prune_core import RunSpec

from .conftest import SPEC, words


def said(shown):
    return words(shown).replace("&nbsp;", " ")


def figure(shown):
    (found,) = [e.proto for e in shown.get("bidi_component") if e.proto.component_name == "espalier.plot"]
    return json.loads(json.loads(found.json)["light"])


@pytest.fixture
def many(store):
    """Thirteen queued runs."""
    return [store.submit(SPEC.model_copy(update={"seed": seed})).id for seed in range(13)]


def test_two_runs_stand_beside_each_other_with_what_differs(page, states):
    shown = page("compare.py", runs=f"{states['finished'].id},{states['running'].id}")
    told = said(shown)
    assert shown.title[0].value == "How do these runs differ?"
    assert "Two runs · SNIP 95 % · LeNet-300-100 · Digits" in told
    assert "They differ in seed; the other" in told
    for name in ("finished", "running"):
        assert f"run?run={states[name].id}" in told
    right = 100 * states["finished"].summary.test_accuracy
    assert f"Seed 0 is right on {right:.1f} % of the test images. One of 2 has no test accuracy." in told
    assert f'<td class="number">{right:.1f} %</td>' in told
    assert {t["name"] for t in figure(shown)["data"]} == {"Seed 0", "Seed 3"}


def test_the_address_restores_runs_and_scale(page, states):
    ids = f"{states['finished'].id},{states['cancelled'].id}"
    shown = page("compare.py", runs=ids, cmp_scale="Error, log scale")
    assert figure(shown)["layout"]["yaxis"]["type"] == "log"
    assert f"?runs={ids}&cmp_scale=Error%2C%20log%20scale" in shown.code[0].value
    assert figure(page("compare.py", runs=ids, cmp_scale="nonsense"))["layout"]["yaxis"].get("type") != "log"


def test_an_address_without_runs_and_one_run_alone_are_pages_with_the_button_that_helps(page, states):
    for address, words_ in (({}, "names no run that is here"), ({"runs": states["finished"].id}, "One run alone differs from nothing")):
        shown = page("compare.py", **address)
        assert words_ in said(shown)
        assert [b.label for b in shown.button] == ["Choose runs"]


@pytest.mark.parametrize("name", ["nobody", "../../etc/passwd", "<img src=x onerror=alert(1)>", "0" * 4096, "\0"])
def test_runs_that_are_not_here_are_counted_and_the_others_shown(page, states, name):
    shown = page("compare.py", runs=f"{states['finished'].id},{name},{states['failed'].id}")
    told = said(shown)
    assert "One of the 3 runs in this address is not here" in told
    assert "They differ in seed" in told
    assert "onerror" not in told


def test_a_run_named_twice_is_shown_once(page, states):
    told = said(page("compare.py", runs=",".join([states["finished"].id, states["failed"].id, states["finished"].id])))
    assert "names twice is shown once" in told
    assert told.count(f"run?run={states['finished'].id}") == 1


def test_of_thirteen_runs_twelve_are_shown(page, many):
    told = said(page("compare.py", runs=",".join(many)))
    assert "The address names 13 runs; the first twelve are shown." in told
    assert len(set(re.findall("run[?]run=([0-9a-f-]{36})", told))) == 12
    assert "None of these runs has measured anything yet." in told


def test_ten_thousand_ids_are_answered_all_the_same(page, states):
    address = ",".join([states["finished"].id, states["failed"].id, *(f"x{i}" for i in range(10_000))])
    assert "They differ in seed" in said(page("compare.py", runs=address))


def test_names_are_shown_and_never_interpreted(page, states, store):
    store.rename(states["finished"].id, "<b>x</b> **y** :red[z]")
    told = said(page("compare.py", runs=f"{states['finished'].id},{states['failed'].id}"))
    assert "&lt;b&gt;x&lt;/b&gt; **y** :red[z]" in told
    assert "<b>x</b>" not in told


def test_runs_that_only_score_have_no_curve(page, store):
    ids = [store.submit(RunSpec(protocol="score", seed=seed)).id for seed in range(2)]
    told = said(page("compare.py", runs=",".join(ids)))
    assert "None of these runs has measured anything yet." in told
    assert "None of these runs has been measured on the test images." in told


def test_opening_changes_nothing(page, states, store):
    before = [(run.id, run.version, run.state) for run in store.runs()]
    page("compare.py", runs=",".join(run.id for run in states.values()))
    assert [(run.id, run.version, run.state) for run in store.runs()] == before
