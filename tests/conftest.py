"""A home of its own for every test session; the data sets come from ESPALIER_DATA."""

import os
import tempfile
from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("espalier", deadline=None)  # a busy machine is no counterexample
hypothesis.settings.load_profile("espalier")
SESSION_HOME = tempfile.mkdtemp(prefix="espalier-tests-")
os.environ["ESPALIER_HOME"] = SESSION_HOME
os.environ.setdefault("OMP_NUM_THREADS", "1")

from prune_core import catalogue  # noqa: E402
from prune_core.settings import settings  # noqa: E402


def has(dataset: str) -> bool:
    """Whether the files of a data set are here."""
    return not catalogue.datasets[dataset].missing(settings().data_folder)


@pytest.fixture
def mnist() -> str:
    """The name of MNIST, where it is here."""
    if not has("mnist"):
        pytest.skip("MNIST is not in ESPALIER_DATA")
    return "mnist"


@pytest.fixture(scope="session")
def session_home() -> Path:
    return Path(SESSION_HOME)


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """As a run on two cores has it; sums then don't depend on how the machine is loaded."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def no_home_left_behind():
    import shutil

    yield
    shutil.rmtree(SESSION_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory) -> Path:
    """The home folder of a closed store without any runs, to be copied: a new one would take the examples in, for which most tests have no use."""
    from prune_core.store import Store

    home: Path = tmp_path_factory.mktemp("empty") / "home"
    store = Store.open(home)
    for example in store.runs(limit=None):
        store.delete(example.id)
    store.close()
    return home
