"""Plugins are code: nothing of the kind is read unless the person who starts the server names a file; until something reads it, that variable does nothing."""

import os
import subprocess
import sys

import pytest

from prune_core.settings import Settings

from .conftest import ROOT


@pytest.mark.parametrize("command", [("list", "criteria"), ("run", "--set", "epochs=0")], ids=lambda c: c[0])
def test_a_python_file_in_home_data_or_working_folder_is_never_run(tmp_path, command):
    trap = f"open({str(tmp_path / 'was-run')!r}, 'w')"
    for folder in ("home", "home/plugins", "data", "work", "work/plugins"):
        (tmp_path / folder).mkdir(exist_ok=True)
        for name in ("plugins.py", "plugin.py", "conftest.py", "sitecustomize_espalier.py", "espalier.py"):
            (tmp_path / folder / name).write_text(trap)
    env = os.environ | {"ESPALIER_HOME": str(tmp_path / "home"), "ESPALIER_DATA": str(tmp_path / "data"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "prune_core", *command],
        cwd=tmp_path / "work",
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    assert not (tmp_path / "was-run").exists()


def test_there_is_no_plugin_by_default():
    assert Settings.model_fields["plugins"].default is None
