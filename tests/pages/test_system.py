"""System: what runs are carried out on, without a word about where on the machine it is."""

import os
import sys
from pathlib import Path

import pytest

from pages.parts import checkup
from prune_core.doctor import findings
from prune_core.store.usage import usage

from .conftest import words


@pytest.fixture
def answered(monkeypatch):
    """Doctor has answered already: its process would import torch, and every test would wait for it."""
    looked = checkup.Checkup()
    looked.findings = checkup.read(
        '[{"what": "disk", "found": "9 GB free", "remedy": ""}, {"what": "torch", "found": "is not installed", "remedy": "Install it."}]'
    )
    monkeypatch.setattr(checkup.Checkup, "ask", lambda self: None)
    monkeypatch.setattr(checkup, "checkup", lambda: looked)
    return looked


def test_slots_queue_space_and_speed_are_told(page, states, store, answered):
    shown = page("system.py")
    said = words(shown).replace("&nbsp;", " ")
    told = {m.label: m.value for m in shown.metric}
    assert told["Slots in use"].startswith("1 of ")
    assert told["Waiting"] == "1"
    assert set(told) == {"Slots in use", "Waiting", "Held here", "Free"}
    assert "An epoch of LeNet-300-100 on Digits takes" in said
    assert "Database, SQLite" in said
    assert "torch" in said
    assert "One of 2 needs attention." in said
    assert "is not installed. Install it." in said


def test_without_runs_it_says_that_no_speed_is_known(page, store, answered):
    assert "Nothing has been trained here yet, so no speed is known. As a first guess" in words(page("system.py"))


def test_no_place_of_the_machine_is_named(page, states, store, answered):
    answered.findings = tuple(checkup.Finding(f.what, f.found, f.remedy) for f in findings())
    said = words(page("system.py"))
    for place in (str(store.home), str(Path.home()), sys.prefix, os.environ.get("ESPALIER_DATA") or str(store.home), "ESPALIER_PASSWORD"):
        assert place not in said


def test_the_check_is_asked_in_a_process_that_leaves_torch_out_of_this_one(store):
    looked = checkup.Checkup()
    looked.ask()
    process = looked.process
    assert process is not None
    looked.ask()
    assert looked.process is process
    assert looked.answer().going or looked.answer().findings
    process.wait(timeout=120)
    found = looked.answer()
    assert not found.going
    assert {"torch", "device", "disk", "database"} <= {f.what for f in found.findings}


@pytest.mark.parametrize("told", ["", "[1]", "Traceback", '{"what": 1}'])
def test_an_answer_that_is_none_says_where_to_ask(told):
    (finding,) = checkup.read(told)
    assert finding.remedy == "Ask on the server: python -m prune_core doctor."


def test_usage_adds_up_files_by_kind_and_runs_by_state(states, store):
    found = usage(store)
    assert found.runs == {"finished": 1, "failed": 1, "cancelled": 1, "running": 1, "queued": 1}
    assert found.database == "SQLite"
    assert found.bytes == sum(found.files.values()) + (found.database_bytes or 0)
