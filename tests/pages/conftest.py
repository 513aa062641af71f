"""Pages as a script run shows them, over a real store with one real run of each state."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from prune_core import RunSpec, run
from prune_core.events import Numbered, Progress
from prune_core.settings import settings
from prune_core.store import Run, Store, queue
from prune_core.store.lease import Lease, lease, take

SHELL = Path(__file__).parents[2] / "pages" / "_shell.py"
SPEC = RunSpec(sparsity=0.95, epochs=2)
LOOKER = Lease("0" * 36, "here", 1, "then")

Open = Callable[..., AppTest]


@pytest.fixture(scope="session")
def events() -> list[Numbered]:
    """What a real run of SPEC said."""
    return list(run(SPEC))


@pytest.fixture
def store(tmp_path, empty_home, monkeypatch) -> Iterator[Store]:
    """The store that pages ask, with nothing in it."""
    shutil.copytree(empty_home, tmp_path, dirs_exist_ok=True)
    monkeypatch.setenv("ESPALIER_HOME", str(tmp_path))
    settings.cache_clear()
    st.cache_resource.clear()
    st.cache_data.clear()
    store = Store.open()
    assert take(store, LOOKER, lease(store))
    yield store
    settings.cache_clear()
    st.cache_resource.clear()


@pytest.fixture
def page(store) -> Open:
    """Opens a page at an address: page("run.py", run=ID)."""

    def open_page(file: str, **query: str) -> AppTest:
        shell = AppTest.from_file(str(SHELL), default_timeout=60)
        shell.switch_page(file)
        for name, value in query.items():
            shell.query_params[name] = value
        return shell.run()

    return open_page


@pytest.fixture
def states(store, events) -> dict[str, Run]:
    """One run of each state, oldest first; the queued one is last."""
    runs = {}
    for state in ("finished", "failed", "cancelled", "running"):
        run_id = store.submit(SPEC.model_copy(update={"seed": len(runs)})).id
        claim = queue.claim(store, LOOKER, 1)
        assert claim is not None
        attempt = store.attempt(run_id, claim.attempt)
        for event in events if state == "finished" else events[: len(events) // 2]:
            attempt.append(event)
        if state == "failed":
            attempt.fail("Stopped in epoch 1: the loss is no longer a number. Try a smaller learning rate than 0.1.")
        if state == "cancelled":
            store.request_cancel(run_id)
            queue.requeue(store, run_id, claim.attempt, "lost")
        if state == "running":
            attempt.progress(Progress(1.2, 2.0, 1500, 2688, "Training"))
        runs[state] = store.run(run_id)
    runs["queued"] = store.submit(SPEC.model_copy(update={"seed": 9}))
    assert {name: store.run(r.id).state for name, r in runs.items()} == {name: name for name in runs}
    return runs


def words(shown: AppTest) -> str:
    """Everything that a page says, in its order."""
    assert not shown.exception, shown.exception[0].message
    said = []
    for element in shown.main:
        proto = getattr(element, "proto", None)
        said += [text for name in ("label", "body", "text", "value") if isinstance(text := getattr(proto, name, ""), str) and text]
    return "\n".join(said)
