"""The runs that came with this version, however many others there are."""

from sqlalchemy import select

from .records import Run, readable
from .store import Store
from .tables import RUNS


def examples(store: Store, limit: int = 500) -> list[Run]:
    """Finished examples that are still here, newest first."""
    query = (
        select(RUNS).where(RUNS.c.example, RUNS.c.state == "finished").order_by(RUNS.c.created.desc(), RUNS.c.position.desc()).limit(limit)
    )
    with store.database.reading() as connection:
        return readable(list(connection.execute(query).all()))
