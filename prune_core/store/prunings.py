"""The prunings of many runs at once, without their other events: a few hundred runs in a tenth of a second."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from sqlalchemy import select

from ..events import Pruned, from_json
from .records import log
from .sweeps import chunks
from .tables import EVENTS

if TYPE_CHECKING:
    from .store import Store


def prunings(store: "Store", run_ids: Collection[str]) -> dict[str, tuple[Pruned, ...]]:
    """Run id -> its prunings in order, for those that pruned. A run with an event that can't be read is logged and left out."""
    rows = list[tuple[str, str]]()
    with store.database.reading() as connection:
        for chunk in chunks(sorted(run_ids)):
            query = select(EVENTS.c.run, EVENTS.c.data).where(EVENTS.c.run.in_(chunk), EVENTS.c.kind == "pruned")
            rows += [(row.run, row.data) for row in connection.execute(query.order_by(EVENTS.c.run, EVENTS.c.number))]
    found: dict[str, list[Pruned]] = {}
    damaged = set[str]()
    for run_id, data in rows:
        try:
            event = from_json(data)
        except ValueError as error:
            log.warning("run %s: a pruning of it can't be read (%s)", run_id, error)
            damaged.add(run_id)
            continue
        if isinstance(event, Pruned):
            found.setdefault(run_id, []).append(event)
    return {run_id: tuple(events) for run_id, events in found.items() if run_id not in damaged}
