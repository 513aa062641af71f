"""How much the store holds, asked of the database alone: no folder is searched, however many runs there are."""

from typing import NamedTuple

from sqlalchemy import func, select

from .store import Store
from .tables import FILES, RUNS


class Usage(NamedTuple):
    """Runs by state, bytes of their files by kind, and of the database itself (None: it lies elsewhere). `database`: which one it is."""

    runs: dict[str, int]
    files: dict[str, int]
    database: str
    database_bytes: int | None

    @property
    def bytes(self) -> int:
        return sum(self.files.values()) + (self.database_bytes or 0)


def usage(store: Store) -> Usage:
    """What the store holds now."""
    with store.database.reading() as connection:
        runs = connection.execute(select(RUNS.c.state, func.count()).group_by(RUNS.c.state)).all()
        files = connection.execute(select(FILES.c.kind, func.sum(FILES.c.bytes)).group_by(FILES.c.kind)).all()
    database = store.database
    beside = [] if database.place is None else [database.place.with_name(database.place.name + end) for end in ("", "-wal")]
    own = sum(path.stat().st_size for path in beside if path.is_file()) if beside else None
    name = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}.get(database.engine.dialect.name, database.engine.dialect.name)
    return Usage({str(state): int(n) for state, n in runs}, {kind: int(n or 0) for kind, n in files}, name, own)
