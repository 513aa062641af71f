"""What the README says is true: its code runs, its recipe for a criterion works word for word, its tables are complete."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from prune_core.settings import Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PYTHON = re.findall(r"```python\n(.*?)```", README, re.S)


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=os.environ | {"PYTHONPATH": str(folder)}, capture_output=True, text=True, check=False
    )


def test_the_recipe_for_a_criterion_works_word_for_word(tmp_path):
    code, entry = (block for block in PYTHON if "gradient" in block.lower())
    for folder in ("prune_core", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "results"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "prune_core/criteria/gradient.py").write_text(code)
    catalogue = tmp_path / "prune_core/catalogue/criteria/at_start.py"
    catalogue.write_text(re.sub(r"^AT_START = .*$", "", catalogue.read_text(), flags=re.M) + "\n" + entry)
    done = python(tmp_path, "-m", "prune_core", "run", "--set", "criterion=gradient", "--set", "epochs=1", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["kind"] == "finished"
    tried = python(
        tmp_path, "-m", "pytest", "tests/contracts/test_criteria.py", "-q", "-k", "gradient and not l2", "-p", "no:cacheprovider"
    )
    assert tried.returncode == 0, tried.stdout
    assert re.search(r"\d+ passed", tried.stdout) or "100%" in tried.stdout


def test_the_library_example_runs_as_it_stands():
    example = next(block for block in PYTHON if "for number, event in run(spec)" in block)
    done = python(ROOT, "-c", example)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].endswith("finished")


@pytest.mark.parametrize("command", re.findall(r"^python -m prune_core (?:list|doctor|run).*$", README, re.M))
def test_commands_that_store_nothing_run_as_they_stand(command):
    words = command.partition("#")[0].split()[1:]
    done = python(ROOT, *words)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_stands_in_the_table(name):
    assert f"| `ESPALIER_{name.upper()}` |" in README


def test_every_file_that_is_linked_is_here():
    for target in re.findall(r"\]\(([^)#h][^)]*)\)", README):
        assert (ROOT / target).exists(), target


@pytest.mark.parametrize("kind", ["criterion", "model", "data set", "protocol", "chart", "page"])
def test_there_is_a_recipe_for_every_kind_of_thing(kind):
    assert f"### A {kind}\n" in README


def test_the_figures_of_the_readme_are_those_that_were_recorded():
    recorded = (ROOT / "tests/bench/results/published.md").read_text()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in recorded.splitlines() if line.startswith("| ")][2:]
    assert len(rows) >= 4
    for what, kept, error, _, published, _ in rows:
        assert f"| {what} | {kept} | {error} | {published} |" in README
