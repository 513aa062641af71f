"""Stores with nothing in them."""

import shutil

import pytest

from prune_core.store import Store


@pytest.fixture
def empty_store(empty_home, tmp_path) -> Store:
    """A store of one's own with nothing in it."""
    return Store.open(shutil.copytree(empty_home, tmp_path / "home"))
