"""Secrets and files: no variable of the environment and no folder of this machine in anything that is kept, shown or sent; files are their owner's alone."""

import logging
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import psutil
import pytest

from prune_core import RunSpec
from prune_core.places import Nameless, nameless
from prune_core.reporting import written
from prune_core.service import submit
from prune_core.service.executor import end
from prune_core.settings import settings
from tests.browser.conftest import until
from tests.page_table import page_table
from tests.visit import visit

from .conftest import SECRETS
from .hostile import strings

LEFT_BEHIND_BY_TESTS = {"server.log", "data-of-secrets", "runs_secret"}


@pytest.fixture(scope="module")
def ended(front):
    """Three real runs of the server: one finished, one that diverged, one whose data can't be had."""
    specs = {
        "finished": RunSpec(epochs=1, seed=71),
        "diverged": RunSpec(epochs=2, seed=72, lr=100, momentum=0.99, criterion="random", sparsity=0.1),
        "no data": RunSpec(dataset="fashion_mnist", epochs=1, seed=73),
    }
    runs = {name: submit(front.store, spec) for name, spec in specs.items()}
    until(lambda: not front.store.runs(states=["queued", "running"], limit=1), "the runs to end")
    return {name: front.store.run(run.id) for name, run in runs.items()}


def forbidden(front):
    """What must be nowhere: values of variables, and folders of this machine."""
    return [*SECRETS.values(), str(front.home), str(front.home.parent), str(Path.home() / "x")[:-2] + "/", str(Path(sys.prefix))]


def test_what_went_wrong_is_said_without_the_folder(ended):
    assert ended["finished"].state == "finished"
    assert ended["diverged"].state == "failed"
    assert ended["no data"].state == "failed"
    assert "of the data folder" in ended["no data"].message


def test_nothing_that_is_kept_names_a_secret_or_a_folder(front, ended):
    kept = [p for p in front.home.rglob("*") if p.is_file() and not LEFT_BEHIND_BY_TESTS & {*p.relative_to(front.home).parts}]
    assert {"supervisor.log", "run.log", "espalier.db"} <= {path.name for path in kept}
    for path in kept:
        content = path.read_bytes()
        assert [s for s in forbidden(front) if s.encode() in content] == [], path.name


def test_the_log_still_tells_where_in_our_code_it_happened(front, ended):
    said = front.store.log(ended["no data"].id)
    assert "Traceback" in said
    assert "<Espalier>/prune_core/data/mnist.py" in said


def test_no_bundle_names_a_secret_or_a_folder(front, ended, tmp_path):
    front.store.export_runs([run.id for run in ended.values()], tmp_path / "x.zip")
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        content = b"".join(archive.read(name) for name in archive.namelist())
    assert [s for s in forbidden(front) if s.encode() in content] == []


def test_no_report_names_a_secret_or_a_folder(front, ended):
    said = written(front.store, [run.id for run in ended.values()])
    assert [s for s in forbidden(front) if s in said] == []


@pytest.mark.parametrize("entry", page_table(), ids=lambda entry: entry.title)
def test_no_page_names_a_secret_or_a_folder(front, ended, entry):
    told = {"run": ended["no data"].id, "runs": ",".join(run.id for run in ended.values())}
    said = "\n".join(text for message in visit(front.port, entry.path, told).messages for _, text in strings(message))
    assert [s for s in forbidden(front) if s in said] == []


def test_files_are_their_owner_s_alone_and_so_are_folders(front, ended):
    open_to_others = [
        str(path.relative_to(front.home)) for path in (front.home, *front.home.rglob("*"))
        if not LEFT_BEHIND_BY_TESTS & {*path.relative_to(front.home).parts} and path.stat().st_mode & 0o077
    ]  # fmt: skip
    assert open_to_others == []


def test_a_traceback_names_no_folder_of_this_machine():
    try:
        raise OSError(2, "No such file", str(settings().home / "espalier.db"))
    except OSError:
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, "In %s", (Path.home() / "notes",), sys.exc_info())
    told = Nameless().format(record)
    assert str(settings().home) not in told
    assert "<home>/espalier.db" in told
    assert f"{Path.home()}/" not in told


def test_what_names_no_folder_stays_as_it_is():
    text = "Stopped in epoch 3: the loss is no longer a number. 1/2 of / is //."
    assert nameless(text) == text


def test_a_process_ends_with_everything_that_it_has_started():
    child = "import time; time.sleep(600)"
    code = f"import os, subprocess, sys; os.setsid(); c = subprocess.Popen([sys.executable, '-c', {child!r}]); print(c.pid, flush=True); c.wait()"
    worker = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    started = psutil.Process(int(worker.stdout.readline()))
    end(worker.pid, force=True)
    assert worker.wait() == -9
    until(lambda: not started.is_running() or started.status() == psutil.STATUS_ZOMBIE, "the child to end")


def test_no_command_line_of_ours_carries_a_secret(front):
    ours = [p for p in psutil.process_iter() if front.owns(p)]
    assert ours
    for process in ours:
        said = " ".join(process.cmdline())
        assert [s for s in SECRETS.values() if s in said] == []


@pytest.mark.skipif(not hasattr(os, "getpgid"), reason="process groups are POSIX")
def test_every_worker_is_the_head_of_a_group_of_its_own(front):
    run = submit(front.store, RunSpec(epochs=5_000, seed=74))
    until(lambda: front.store.run(run.id).progress, "the run to be under way")
    pid = front.store.attempts(run.id)[-1].pid
    assert os.getpgid(pid) == pid
    front.store.request_cancel(run.id)
    until(lambda: front.store.run(run.id).state == "cancelled", "the run to be cancelled")
