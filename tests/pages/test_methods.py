"""Methods: every entry of the catalogue is a page of its own, with all that the catalogue says of it."""

import html
import json
from typing import get_args

import pytest

from prune_core import catalogue, method_words
from prune_core.catalogue import Criterion

from .conftest import words

ENTRIES = method_words.addresses()


def said(shown):
    return html.unescape(words(shown)).replace("\xa0", " ")


@pytest.mark.parametrize("asked", ENTRIES)
def test_every_entry_is_told_in_full(page, asked):
    entry = ENTRIES[asked]
    shown = page("methods.py", method=asked)
    told = said(shown)
    assert shown.header[0].value.replace("\\", "") == entry.title
    assert entry.summary in told
    for paper in entry.papers:
        assert paper.title in told
    for line in (*getattr(entry, "deviations", ()), getattr(entry, "oracle", "")):
        assert line in told
    for info in entry.options.model_fields.values():
        assert info.description in told
    if isinstance(entry, Criterion):
        assert shown.latex[0].value.strip("$\n ") == entry.formula


@pytest.mark.parametrize(
    ("asked", "captions"),
    [("snip", ["Of a channel, with one gate on all that makes it:"]), ("synflow", ["Of a channel:"]), ("magnitude", [])],
)
def test_a_formula_for_channels_says_whether_it_is_of_a_gate(page, asked, captions):
    shown = page("methods.py", method=asked)
    assert [c.value for c in shown.caption if c.value.startswith("Of a channel")] == captions
    assert len(shown.latex) == 1 + len(captions)


@pytest.mark.parametrize("entry", [c for c in catalogue.criteria.values() if c.channel_formula], ids=lambda c: c.name)
def test_a_gate_on_a_channel_stands_in_its_formula(entry):
    assert entry.gated == ("m_k" in entry.channel_formula)


def test_two_kinds_with_a_name_in_common_have_two_addresses():
    assert len(ENTRIES) == sum(len(kind.entries) for kind in method_words.KINDS)
    assert (ENTRIES["lamp"], ENTRIES["way-of-sharing-lamp"]) == (catalogue.criteria["lamp"], catalogue.allocations["lamp"])


def test_every_need_has_plain_words():
    assert set(method_words.NEEDS) == set(get_args(get_args(Criterion.model_fields["needs"].annotation)[0]))


def test_with_nothing_said_the_first_criterion_stands_there(page):
    assert page("methods.py").header[0].value == "SNIP"


@pytest.mark.parametrize("asked", ["snipp", "../snip", "<img src=x onerror=alert(1)>", "", "0" * 5000])
def test_a_name_that_nobody_knows_is_one_line_and_a_usable_page(page, asked):
    shown = page("methods.py", method=asked)
    assert "Every method stands in the list." in said(shown)
    assert "<img" not in words(shown)
    assert shown.header[0].value == "SNIP"


def test_a_protocol_is_drawn_as_its_plan(page):
    shown = page("methods.py", method="iterative")
    (figure,) = [
        json.loads(json.loads(e.proto.json)["light"]) for e in shown.get("bidi_component") if e.proto.component_name == "espalier.plot"
    ]
    assert figure["layout"]["yaxis"]["title"]["text"] == "Weights kept"
    assert "Five times, in mid-training: 13,310 of 266,200 weights stay." in said(shown)


def test_a_protocol_that_starts_from_a_run_shows_the_step_down_to_its_masks(page):
    assert "Once, before training: 13,310 of 266,200 weights stay." in said(page("methods.py", method="from_scratch"))


def test_a_criterion_without_runs_says_what_would_bring_its_picture(page):
    assert "No run here has used SNIP yet" in said(page("methods.py", method="snip"))


def test_a_criterion_with_a_run_here_shows_what_it_left(page, states):
    assert "cut hardest" in said(page("methods.py", method="snip"))
    assert "cut hardest" in said(page("methods.py", method="global"))


def test_trying_an_entry_leads_to_the_form_with_it_chosen(page):
    for name in ("l2_norm", "karnin", "small_conv", "mnist", "iterative", "per_layer"):
        shown = page("methods.py", method=name)
        assert "Try it" in [b.label for b in shown.button], name
