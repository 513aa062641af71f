"""Filters and search: any text is only text, for the database and for every page that takes it."""

import pytest

from prune_core import RunSpec
from prune_core.store.tables import RUNS
from tests.page_table import page_table
from tests.visit import visit

from .conftest import dealt

SEARCHES = (
    "'; DROP TABLE runs; --", "' OR '1'='1", '" OR 1=1 --', "x' UNION SELECT spec FROM runs --", "\\", "%", "_", "%_%", "(a+)+$", "(" * 500 + "a+" + ")+" * 500,
    "%" * 50_000, "\0", "\ud800", "😀" * 200, "a" * 10**6, "$(reboot)", "`id`", "NULL", "1e999",
)  # fmt: skip


@pytest.fixture
def named(store):
    return store.submit(RunSpec(), name="100 % of_it (a+)+$ \\ 'quoted'")


@pytest.mark.parametrize("text", SEARCHES, ids=lambda text: ascii(text)[:30])
def test_a_search_finds_what_holds_its_text_and_changes_nothing(store, named, text):
    found = store.runs(search=text)
    assert found == ([named] if text in f"{named.name}\n{named.title}\n{named.spec.title}" else [])
    assert store.runs() == [named]
    with store.database.reading() as connection:
        assert connection.dialect.has_table(connection, RUNS.name)


def test_states_are_choices_and_nothing_else(store, named):
    assert store.runs(states=["queued"]) == [named]
    assert store.runs(states=["queued' OR '1'='1"]) == []


@pytest.mark.parametrize("entry", page_table(), ids=lambda entry: entry.title)
def test_every_page_takes_hostile_searches_as_text(front, entry, parameters):
    searches = dealt(parameters, (SEARCHES[0], SEARCHES[8], "%" * 2000))
    assert visit(front.port, entry.path, searches | {"search": SEARCHES[0]}).errors == []
    assert front.store.run(front.finished).state == "finished"
