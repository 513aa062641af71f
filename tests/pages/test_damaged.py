"""A damaged store: every page says what is wrong and what to do, and none of them changes anything."""

import hashlib

import pytest

from prune_core.settings import settings

from .conftest import words

PAGES = ["home.py", "prune.py", "runs.py", "saliency.py", "trade_off.py", "widths.py", "instability.py", "scratch.py", "system.py"]
WAY_OUT = "python -m prune_core repair"


@pytest.mark.parametrize("file", PAGES)
def test_a_page_over_a_damaged_database_names_the_way_out(store, page, file):
    store.close()
    database = settings().home / "espalier.db"
    database.write_bytes(database.read_bytes()[:5000])
    said = words(page(file)).replace("\\", "")
    assert "The database is damaged" in said
    assert WAY_OUT in said


@pytest.mark.parametrize(
    "file", ["home.py", "runs.py", "run.py", "saliency.py", "trade_off.py", "widths.py", "instability.py", "scratch.py"]
)
def test_opening_a_page_changes_no_row(store, page, states, file):
    def rows() -> str:
        found = [(run, store.events(run.id), store.files(run.id), store.attempts(run.id)) for run in store.runs()]
        return hashlib.sha256(repr(found).encode()).hexdigest()

    before = rows()
    words(page(file, run=states["finished"].id))
    assert rows() == before


def test_a_damaged_row_hides_no_other_run(store, page, states):
    from sqlalchemy import text

    with store.database.writing() as connection:
        connection.execute(text("UPDATE runs SET spec = 'nonsense', created = 'nonsense' WHERE id = :id"), {"id": states["failed"].id})
    table = page("runs.py").dataframe[0].value
    assert len(table) == len(states) - 1
