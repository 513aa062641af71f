"""The walls of the house: who may import whom. The contracts stand in pyproject.toml."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[2]
PAGES = sorted(p for p in (ROOT / "pages").rglob("*.py"))


def test_arrows_point_one_way(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(str(ROOT))
    code = lint_imports(config_filename="pyproject.toml", no_cache=True)
    assert code == 0, capsys.readouterr().out


def test_what_pages_import_leaves_torch_out_of_a_fresh_process():
    names = sorted({n for page in PAGES for n in imported(page) if n.partition(".")[0] in ("prune_core", "pages")})
    code = "import sys, importlib\nfor n in sys.argv[1:]: importlib.import_module(n)\nsys.exit('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, *names],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert names
    assert done.returncode == 0, done.stderr


def imported(path: Path) -> set[str]:
    """Absolute names of modules that a file imports anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module)
    return found


@pytest.mark.parametrize("path", list(ROOT.glob("prune_core/**/*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_every_module_says_what_it_is_for(path):
    text = path.read_text()
    assert not text.strip() or ast.get_docstring(ast.parse(text)), "no docstring"
