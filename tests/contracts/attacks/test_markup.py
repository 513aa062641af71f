"""Stored markup: what people and bundles write stays text on every page, and no formula in any table."""

import csv
import io

import pytest
from starlette.testclient import TestClient

from pages.parts.figure import harmless, to_csv
from prune_core.history_table import history_csv
from prune_core.reporting import written
from tests.page_table import page_table
from tests.visit import visit

from .hostile import MARKUP, Tags, hostile_runs, strings, what_came_alive

FORMULAS = (
    "=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "a\r=1", "\N{FULLWIDTH EQUALS SIGN}1", "\N{FULLWIDTH PLUS SIGN}1",
)  # fmt: skip


@pytest.mark.parametrize("entry", page_table(), ids=lambda entry: entry.title)
def test_hostile_names_stay_text_on_every_page(front, entry):
    both = f"{front.finished},{front.failed}"
    answers = [visit(front.port, entry.path, {"run": run, "runs": both}) for run in (front.finished, front.failed)]
    for answer in answers:
        assert answer.errors == []
        assert what_came_alive(answer) == []


def test_the_page_of_the_run_shows_its_name_after_all(front):
    said = [
        text.replace("\\", "") for message in visit(front.port, "run", {"run": front.finished}).messages for _, text in strings(message)
    ]
    assert any(MARKUP in text for text in said)


@pytest.mark.parametrize("entry", page_table(), ids=lambda entry: entry.title)
def test_hostile_addresses_stay_text_on_every_page(front, entry, parameters):
    answer = visit(front.port, entry.path, dict.fromkeys(parameters, MARKUP))
    assert answer.errors == []
    assert what_came_alive(answer) == []


@pytest.mark.parametrize("formula", FORMULAS, ids=ascii)
def test_no_spreadsheet_takes_a_name_for_a_formula(formula):
    rows = list(csv.reader(io.StringIO(to_csv({formula: [formula, 7]}), newline="")))
    assert len(rows) == 3
    assert all(row[0][0] in "'a" for row in rows[:2])
    assert rows[2] == ["7"]
    assert harmless(-3.5) == -3.5


def test_no_download_of_a_run_holds_a_formula(front):
    rows = list(csv.reader(io.StringIO(history_csv(front.store.history(front.finished)))))
    cells = [cell for row in rows for cell in row if cell]
    assert len(rows) > 4
    assert not [cell for cell in cells if cell[0] in "=+@\t\r" or (cell[0] == "-" and not is_number(cell))]


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def test_a_downloaded_file_is_never_shown_by_the_browser(client, store, example):
    inside: TestClient = client()
    for name in ("history.csv", next(f.name for f in store.files(example.id) if f.kind == "masks")):
        headers = inside.get(f"/download/{example.id}/{name}").headers
        assert headers["content-disposition"].startswith("attachment;")
        assert headers["x-content-type-options"] == "nosniff"


def test_a_report_holds_no_markup_but_its_own(store):
    ids = list(hostile_runs(store))
    for run_id in ids:
        store.rename(run_id, "</script><img src=x onerror=a7()><!--")
        store.annotate(run_id, f"</title></style></textarea>{MARKUP}")
    for chosen in (ids[:1], ids[1:], ids):
        tags = Tags()
        tags.feed(written(store, chosen))
        assert [each for each in tags.alive if each != "script"] == []
