"""An empty store to copy: opening a new one takes the examples in, which most tests have no use for."""

import shutil
from pathlib import Path

import pytest

from prune_core.store import Store


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory) -> Path:
    """The home folder of a store without any runs; closed, to be copied."""
    home: Path = tmp_path_factory.mktemp("empty") / "home"
    store = Store.open(home)
    for example in store.runs(limit=None):
        store.delete(example.id)
    store.close()
    return home


@pytest.fixture
def empty_store(empty_home, tmp_path) -> Store:
    """A store of one's own with nothing in it."""
    return Store.open(shutil.copytree(empty_home, tmp_path / "home"))
