"""The database behind the store: connections, transactions, pragmas, errors in words. The only place that knows SQLite from others."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DisconnectionError, NoSuchModuleError, StatementError
from sqlalchemy.pool import ConnectionPoolEntry

from ..wording import shown
from .records import Damaged, StoreError

PATIENCE = 10.0
DAMAGE = ("malformed", "not a database", "no such table", "Could not decode")


class Database:
    """Short transactions over one engine. `patience`: seconds that a write waits for other writers."""

    def __init__(self, url: str, patience: float = PATIENCE) -> None:
        try:
            parsed = make_url(url)
            self.sqlite = parsed.get_backend_name() == "sqlite"
            self.engine = create_engine(url, pool_pre_ping=not self.sqlite)
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            raise StoreError(f"database_url: can't be used ({error}).") from None
        self.place = Path(parsed.database) if self.sqlite and parsed.database else None
        if self.sqlite:
            prepare_sqlite(self.engine, patience, self.place)
        self.writer = self.engine.execution_options(writes=True)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent view; never waits for a writer and never holds one up."""
        with in_words("read"), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, durable when the block is left; undone by any exception."""
        with in_words("written"), self.writer.begin() as connection:
            yield connection

    def alone(self, connection: Connection, table: str) -> None:
        """From here to the end of a writing transaction no other one that asks for the same goes on. In SQLite writers are alone anyway."""
        if not self.sqlite:
            connection.execute(text(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"))

    @contextmanager
    def opening(self) -> Iterator[None]:
        """Held by one process at a time while it makes the database what this version needs."""
        if self.place is None:
            yield
            return
        with alone(self.place) as lock:
            self.use_wal()
            known = lock.execute("PRAGMA user_version").fetchone()[0]
            if known and self.is_empty():
                raise Damaged("it is empty, and there were runs in it")
            yield
            if not known:
                self.checkpoint()
                lock.execute("PRAGMA user_version=1")
                lock.execute("COMMIT")

    def use_wal(self) -> None:
        with in_words("opened"), self.engine.connect() as connection:
            connection.connection.driver_connection.execute("PRAGMA journal_mode=WAL")  # type: ignore[union-attr]

    def is_empty(self) -> bool:
        with self.reading() as connection:
            return not inspect(connection).get_table_names()

    def checkpoint(self) -> None:
        """Move what SQLite has in its log of writes into the database, as far as nobody reads there. Waits for nobody."""
        if self.sqlite:
            with suppress(StoreError), in_words("written"), self.engine.connect() as connection:
                connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(PASSIVE)")  # type: ignore[union-attr]

    def close(self) -> None:
        self.engine.dispose()


@contextmanager
def alone(place: Path) -> Iterator[sqlite3.Connection]:
    """Held by one process at a time, whatever state the database is in. The lock's `user_version` is 1 once there has been a store."""
    # SQLite's own file lock works on every platform; WAL mode can't be switched on while others read, and says so instead of waiting.
    beside = place.with_name(place.name + ".opening")
    make_private(beside)
    with in_words("opened"):
        lock = sqlite3.connect(beside, timeout=120, isolation_level=None)
    with closing(lock):
        with in_words("opened"):
            lock.execute("BEGIN EXCLUSIVE")
        yield lock


def prepare_sqlite(engine: Engine, patience: float, place: Path | None) -> None:
    """Transactions that begin when we say so, writers that queue up instead of failing, commits that are on disk."""

    @event.listens_for(engine, "checkout")
    def checkout(connection: sqlite3.Connection, record: ConnectionPoolEntry, proxy: object) -> None:
        """A connection to a file that was set aside since is given up: what is written there would be lost."""
        if record.info.setdefault("file", number_of(place)) != number_of(place):
            raise DisconnectionError

    @event.listens_for(engine, "connect")
    def connect(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        record.info["file"] = number_of(place)
        connection.isolation_level = None
        for pragma in (f"busy_timeout={int(1000 * patience)}", "foreign_keys=ON", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")


def number_of(place: Path | None) -> int | None:
    """Tells a file from another one of the same name."""
    try:
        return place.stat().st_ino if place else None
    except OSError:
        return None


@contextmanager
def in_words(done: str) -> Iterator[None]:
    try:
        yield
    except (StatementError, sqlite3.Error) as error:
        cause = error.orig if isinstance(error, StatementError) else error
        if isinstance(cause, sqlite3.Error) and any(word in str(cause) for word in DAMAGE):
            raise Damaged(" ".join(str(cause).split())) from error
        raise StoreError(f"The database can't be {done}: {' '.join(str(cause).split())}.") from error
    except ValueError as error:
        raise StoreError(f"The database can't be {done}: a value in it is not one that was written ({shown(str(error))}).") from error


def private(folder: Path) -> Path:
    """A folder that only its owner can enter, made if need be."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"home: {folder} can't be made or entered ({error.strerror}). Set ESPALIER_HOME to a folder that can be written."
        ) from None
    return folder


def make_private(file: Path) -> None:
    """An empty file with mode 0600 before anyone else writes to it; what SQLite lays beside it takes the same mode.

    A file that is there is never opened: closing it would drop the locks that SQLite holds on it for this process (POSIX locks go with any
    descriptor), and the next process to leave would take the write-ahead log away from under us.
    """
    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        pass
    except OSError as error:
        raise StoreError(f"home: {file} can't be written ({error.strerror}). Set ESPALIER_HOME to a folder that can be written.") from None
