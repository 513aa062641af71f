"""Runs carried out in this process, as the supervisor and its workers would: real engine, real store, no waiting."""

from functools import partial
from pathlib import Path

from prune_core import RunSpec
from prune_core.engine.execute import execute
from prune_core.service.following import advance
from prune_core.store import Run, Store, queue
from prune_core.store.inheritance import inherited
from prune_core.store.lease import lease, take

from .conftest import LOOKER


def carry_out(store: Store, *specs: RunSpec) -> list[Run]:
    """Queue the specs, then carry out everything that is queued and what follows it; the runs of the specs as they ended."""
    ids = [store.submit(spec).id for spec in specs]
    while True:
        while claim := queue.claim(store, LOOKER, 1):
            attempt = store.attempt(claim.run.id, claim.attempt)
            for event in execute(claim.run.spec, files=attempt.files, parents=partial(inherited, store), threads=1):
                attempt.append(event)
        if not advance(store, LOOKER):
            return [store.run(run_id) for run_id in ids]


class Recorded:
    """Runs that were carried out once for many tests, each of which takes those it needs into a store of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.store = folder, Store.open(folder / "home")
        assert take(self.store, LOOKER, lease(self.store))

    def bring(self, store: Store, *runs: Run) -> None:
        bundle = self.folder / "runs.zip"
        self.store.export_runs([run.id for run in runs], bundle)
        store.import_runs(bundle)
        bundle.unlink()
