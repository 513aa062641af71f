"""Runs: everything that was tried, in one table."""

import json
import re

from pages.parts.plain import plain

from .conftest import SPEC, words

NASTY = "<img src=x onerror=alert(1)> **b** :red[x] $x$ [l](javascript:alert(1)) =cmd"


def test_an_empty_store_offers_the_first_run(page):
    shown = page("runs.py")
    assert "Nothing has been run here yet" in words(shown)
    assert [b.label for b in shown.button if b.proto.type == "primary"] == ["Prune a network"]


def test_the_table_has_every_run_newest_first(page, states):
    table = page("runs.py").dataframe[0].value
    assert list(table["State"]) == ["Queued", "Running 55 %", "Cancelled", "Failed", "Finished"]
    finished = table.iloc[-1]
    assert f"{finished['Run']} · seed {finished['Seed']}" == SPEC.title
    assert finished["Weights kept"] == 13_310
    assert finished["Removed"] == 95
    assert 0 < finished["Test accuracy"] <= 100


def test_the_filters_are_by_state_and_by_any_text(page, states, store):
    store.annotate(states["failed"].id, "100 % odd_notes")
    shown = page("runs.py")
    shown.text_input(key="search").set_value("% odd_").run()
    assert list(shown.dataframe[0].value["State"]) == ["Failed"]
    shown.text_input(key="search").set_value("'; DROP TABLE runs; --").run()
    assert "No run fits this search." in words(shown)
    shown.text_input(key="search").set_value("").run()
    shown.pills(key="state").set_value(["Finished", "Cancelled"]).run()
    assert list(shown.dataframe[0].value["State"]) == ["Cancelled", "Finished"]


def test_names_and_notes_are_shown_as_they_were_typed(page, states, store):
    run = states["finished"]
    store.rename(run.id, NASTY)
    store.annotate(run.id, NASTY)
    assert page("runs.py").dataframe[0].value["Run"].iloc[-1] == NASTY
    shown = page("run.py", run=run.id)
    assert shown.text[0].value == NASTY
    assert shown.title[0].value == plain(NASTY)
    assert re.sub(r"\\(.)", r"\1", plain(NASTY)) == NASTY
    assert not re.search(r"(?<!\\)[<>*:$\[\]()=|_`#]", plain(NASTY))


def test_figures_of_runs_with_such_names_hold_no_markup(page, states, store):
    from prune_core.charts import curves
    from prune_core.charts.theme import LIGHT

    drawn = curves.draw(curves.curves([(NASTY, store.history(states["finished"].id))]), LIGHT)
    assert "<img" not in json.dumps(drawn.to_plotly_json(), default=str)
