"""Runs of a study, queued into the store of ESPALIER_HOME and waited for; those that are there already are not run again."""

import time
from collections.abc import Iterable

from prune_core import RunSpec
from prune_core.service import ensure_supervisor, submit
from prune_core.store import Run, Store

LOOK_SECONDS = 1.0


def finished(store: Store, specs: Iterable[RunSpec]) -> list[Run]:
    """The finished run of every spec, in order. Raises SystemExit, in words, if one fails."""
    specs = list(specs)
    ids = {s.fingerprint: (store.find(s.fingerprint) or submit(store, s)).id for s in specs}
    waiting = dict(ids)
    while waiting:
        ensure_supervisor(store)
        for fingerprint, run_id in list(waiting.items()):
            run = store.run(run_id)
            if run.state in ("failed", "cancelled"):
                raise SystemExit(f"{run.title}: {run.message or run.state}")
            if run.state == "finished":
                del waiting[fingerprint]
                print(f"{len(ids) - len(waiting)} of {len(ids)}: {run.title}", flush=True)
        time.sleep(LOOK_SECONDS if waiting else 0)
    return [store.run(ids[s.fingerprint]) for s in specs]
