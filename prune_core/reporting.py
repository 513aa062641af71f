"""Reports of stored runs: what the button on the pages and `python -m prune_core report` share."""

import re
from collections.abc import Sequence

from .charts.compare import LETTERS
from .report import Subject, report, subject
from .store import Run, Store
from .wording import Problem, SpecError


def gather(store: Store, run: Run) -> Subject:
    """Everything about a run that a report tells."""
    history = store.history(run.id)
    scores = (
        {} if "training" in run.spec.protocol_entry.uses else {e.file: store.tensors(run.id, e.file) for e in history.scorings if e.file}
    )
    end = history.finished
    weights = next((file.bytes for file in store.files(run.id) if end and file.name == end.file), None)
    return subject(run, history, scores, weights)


def written(store: Store, run_ids: Sequence[str]) -> str:
    """The report about these runs, each once. Raises NoSuchRun for ids that are not here, SpecError for none or more than twelve."""
    ids = list(dict.fromkeys(run_ids))
    if not 1 <= len(ids) <= len(LETTERS):
        raise SpecError([Problem("runs", f"a report is about 1 to {len(LETTERS)} runs, got {len(ids)}.")])
    return report([gather(store, store.run(run_id)) for run_id in ids])


def file_name(runs: Sequence[Run]) -> str:
    """What the file is called: the run in plain letters, or how many are compared."""
    if len(runs) != 1:
        return f"espalier-{len(runs)}-runs.html"
    return f"espalier-{re.sub('[^a-z0-9]+', '-', runs[0].spec.title.lower().replace(' %', '')).strip('-')}.html"
