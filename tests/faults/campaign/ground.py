"""What every injection starts from: a store in which reference runs have finished, made once and copied."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import NamedTuple

from prune_core.events import Event, to_json
from prune_core.service.executor import LocalExecutor
from prune_core.service.supervisor import Plan, Supervisor
from prune_core.spec import RunSpec
from prune_core.store import Run, Store

from ..conftest import until

VICTIMS = (
    RunSpec(model="lenet_300_100", dataset="digits", criterion="snip", sparsity=0.95, epochs=2),
    RunSpec(model="lenet_300_100", dataset="digits", criterion="magnitude", protocol="iterative", sparsity=0.9, epochs=3),
    RunSpec(model="lenet_300_100", dataset="digits", criterion="random", sparsity=0.8, epochs=2, optimizer="adam", lr=1e-3, seed=3),
)
CHECKPOINT_SECONDS = 0.05
PLAN = Plan(slots=1, threads=1, checkpoint_seconds=CHECKPOINT_SECONDS)


class Reference(NamedTuple):
    """A run that nothing happened to: what it said, and all that is stored of it."""

    run: Run
    events: tuple[str, ...]
    stored: str
    weights_sha256: str


class Ground(NamedTuple):
    """The folder to copy, and the reference run of each spec in it."""

    home: Path
    references: dict[str, Reference]

    def copy(self, home: Path) -> None:
        shutil.copytree(self.home, home, dirs_exist_ok=True)


def prepare(home: Path) -> Ground:
    """Carry out the reference runs. The store is closed afterwards, with nothing left in its log of writes."""
    store = Store.open(home)
    for example in store.runs(limit=10_000):
        store.delete(example.id)
    runs = [store.submit(spec, name=f"reference {n}") for n, spec in enumerate(VICTIMS)]
    supervisor = Supervisor(store, LocalExecutor, PLAN)
    thread = Thread(target=supervisor.run, daemon=True)
    thread.start()
    until(lambda: all(store.run(run.id).state == "finished" for run in runs), "the reference runs to finish", 120)
    supervisor.stop.set()
    thread.join()
    references = {run.spec.fingerprint: reference(store, run.id) for run in runs}
    store.close()
    with closing(sqlite3.connect(home / "espalier.db", isolation_level=None)) as database:
        database.execute("VACUUM")  # without the pages that the examples had: a fault is to hit something
    return Ground(home, references)


def reference(store: Store, run_id: str) -> Reference:
    finished = store.history(run_id).finished
    assert finished is not None
    events = tuple(said(event) for _, event in store.events(run_id))
    return Reference(store.run(run_id), events, stored(store, run_id), finished.weights_sha256)


def said(event: Event) -> str:
    """An event without how long it took, which no two runs share."""
    return json.dumps({key: value for key, value in json.loads(to_json(event)).items() if key != "seconds"}, sort_keys=True)


def stored(store: Store, run_id: str) -> str:
    """Everything that can be read of a run, in one text: two of them are equal only if nothing at all has changed."""
    run = store.run(run_id)
    parts = [run, store.events(run_id), sorted(store.files(run_id)), store.attempts(run_id)]
    contents = [str({n: t.tobytes()[:64] for n, t in store.tensors(run_id, file.name).items()}) for file in sorted(store.files(run_id))]
    return "\n".join([*map(repr, parts), *contents])
