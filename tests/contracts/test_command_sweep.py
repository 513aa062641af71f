"""The command `sweep`: what it says before it starts, what it refuses, and that it runs nothing twice."""

import os
import pty
import shutil
import subprocess
import sys

import psutil
import pytest

from prune_core import catalogue
from prune_core.__main__ import main
from prune_core.service.starting import environment
from prune_core.settings import settings
from prune_core.spec import RunSpec
from prune_core.store import Store
from prune_core.store.lease import lease

GRID = ("--over", "sparsity=0.9,0.95", "--set", "epochs=1")


@pytest.fixture
def store(empty_home, tmp_path):
    store = Store.open(shutil.copytree(empty_home, tmp_path / "home"))
    yield store
    held = lease(store)
    if held is not None and psutil.pid_exists(held.pid):
        psutil.Process(held.pid).terminate()


@pytest.fixture
def espalier(store):
    def call(*arguments, stdin=subprocess.DEVNULL):
        command = [sys.executable, "-m", "prune_core", *arguments]
        done = subprocess.run(command, stdin=stdin, capture_output=True, env=environment(store), timeout=120, check=False, text=True)
        return done.returncode, done.stdout, done.stderr

    return call


@pytest.fixture
def here(store, monkeypatch, capsys):
    """The same in this process, for what starts nothing."""
    monkeypatch.setenv("ESPALIER_HOME", str(store.home))
    settings.cache_clear()

    def call(*arguments):
        status = main(arguments)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    yield call
    settings.cache_clear()


def test_a_sweep_says_what_it_comes_to_runs_and_is_not_run_twice(espalier, store):
    status, out, said = espalier("sweep", *GRID, "--reference", "--random-mask", "--wait")
    assert (status, said.splitlines()[0]) == (0, "2 sparsities · LeNet-300-100 · Digits")
    assert said.splitlines()[1].startswith("5 runs: 5 to start, 2 of them after others. About 0.")
    assert said.splitlines()[-1].endswith("5 finished.")
    sweep = store.sweep(out.strip())
    assert sweep.counts == {"finished": 5}
    status, again, said = espalier("sweep", *GRID, "--reference", "--random-mask", "--name", "mine", "--wait")
    assert said.splitlines()[:2] == ["mine", "5 runs, here already: nothing to start."]
    assert len(store.runs()) == 5
    assert store.sweep(again.strip()).counts == {"finished": 5}
    status, out, _ = espalier("list", "sweeps")
    assert [line.split()[0] for line in out.splitlines()[1:]] == [again.strip(), sweep.id]
    assert "5 of 5 over" in out


def test_a_dry_run_starts_nothing(here, store):
    status, out, said = here("sweep", *GRID, "--seeds", "5", "--dry-run")
    assert (status, out) == (0, "")
    assert "10 runs: 10 to start." in said
    assert store.runs() == store.sweeps() == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--over", "sparsity=0.9,1.5"], "sparsity: must be at least 0 and below 1, got 1.5. In the run sparsity=1.5.\n"),
        (["--over", "sparsity=0.9,,0.95"], "sparsity: must be a number, got ''. In the run sparsity=.\n"),
        (
            ["--over", "criterion=snip,snipp"],
            f"Did you mean 'snip'? Choices: {', '.join(sorted(catalogue.criteria))}. In the run criterion=snipp.\n",
        ),
        (["--over", "sparsity"], "--over: must be field=value, got 'sparsity'.\n"),
        (["--over", "lr=[0.1"], "lr: must be values with commas between them, got '[0.1'.\n"),
        (["--over", "lr=0.1", "--over", "lr=0.2"], "lr: is varied twice."),
        (["--over", "lr=" + "[" * 100_000], "lr: must be values with commas between them"),
        (["--seeds", "0"], "seeds: must be between 1 and 2,000, got 0.\n"),
        (["--seeds", "x"], "'x' is not a valid integer"),
        (["--follow", "nobody"], "follow: there is no 'nobody'. Choices: bottleneck,"),
        (["--name", "x" * 81], "name: must have at most 80 characters, got 81.\n"),
        (["--seeds", "2000", "--over", "lr=0.1,0.2"], "sweep: must have at most 2,000 runs, got 4,000."),
    ],
)
def test_a_bad_value_is_one_line_and_starts_nothing(here, store, arguments, said):
    status, out, error = here("sweep", *arguments)
    assert (status, out) == (2, "")
    assert said in error
    assert "Traceback" not in error
    assert store.runs() == []


def test_on_a_terminal_it_asks_first(espalier, store):
    ours, theirs = pty.openpty()
    os.write(ours, b"n\n")
    status, out, said = espalier("sweep", *GRID, stdin=theirs)
    os.close(ours)
    os.close(theirs)
    assert (status, out) == (1, "")
    assert "Start?" in said
    assert store.runs() == []


def test_a_list_of_runs_says_that_it_is_not_all_of_them(here, store):
    from sqlalchemy import insert

    from prune_core.store.records import facts_of, now
    from prune_core.store.tables import RUNS

    facts = facts_of(RunSpec()) | {"notes": "", "state": "cancelled", "created": now()}
    with store.database.writing() as connection:
        connection.execute(insert(RUNS), [facts | {"id": f"00000000-0000-0000-0000-{i:012}"} for i in range(503)])
    status, out, said = here("list", "runs")
    assert (status, len(out.splitlines()), said) == (0, 501, "These are the newest 500; --all lists the others too.\n")
    status, out, said = here("list", "runs", "--all")
    assert (status, len(out.splitlines()), said) == (0, 504, "")
