"""The tables of the store, in SQLAlchemy Core. A change here needs a migration beside it (a test compares the two)."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
)  # fmt: skip


class Utc(TypeDecorator[datetime]):
    """A point in time, kept as UTC in every database, with its zone in Python."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        """As SQLAlchemy has it, with one kind of error for everything that is no time: a number is a TypeError there."""
        read = super().result_processor(dialect, coltype)

        def told(value: Any) -> Any:
            try:
                return read(value) if read else value
            except TypeError as error:
                raise ValueError(str(error)) from error

        return told


class Told(Utc):
    """A point in time in a row that is read together with others: nonsense comes back as it stands there, and hides no other row."""

    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        read = super().result_processor(dialect, coltype)

        def told(value: Any) -> Any:
            try:
                return read(value) if read else value
            except ValueError:
                return str(value)

        return told


METADATA = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_name)s", "uq": "uq_%(table_name)s_%(column_0_name)s",
                       "fk": "fk_%(table_name)s_%(column_0_name)s", "pk": "pk_%(table_name)s"}
)  # fmt: skip

# `definition`: what was asked for, as JSON.
SWEEPS = Table(
    "sweeps", METADATA,
    Column("id", String(36), primary_key=True),
    Column("created", Utc, nullable=False),
    Column("name", Text),
    Column("definition", Text, nullable=False, server_default="{}"),
    Column("cancelled", Boolean, nullable=False, server_default=false()),
)  # fmt: skip

# `position` orders runs as they came, which clocks don't. `next_event` is the number that the next event will have.
# `sweep`: the one that queued it. From `model` to `parent`: what the spec says, to filter by. `code`, `torch`, `device`: where it was started.
RUNS = Table(
    "runs", METADATA,
    Column("position", Integer, primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False),
    Column("spec", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("fingerprint", String(64), nullable=False),
    Column("family", String(64), nullable=False),
    Column("name", Text),
    Column("notes", Text, nullable=False, default=""),
    Column("state", String(16), nullable=False),
    Column("example", Boolean, nullable=False, default=False),
    Column("sweep", String(36), ForeignKey("sweeps.id", ondelete="SET NULL")),
    Column("created", Told, nullable=False),
    Column("started", Told),
    Column("ended", Told),
    Column("attempt", Integer, nullable=False, default=0),
    Column("next_event", Integer, nullable=False, default=0),
    Column("cancel_requested", Boolean, nullable=False, default=False),
    Column("version", Integer, nullable=False, default=0),
    Column("progress", Text),
    Column("summary", Text),
    Column("message", Text),
    Column("epoch_seconds", Float),
    Column("model", String(64)),
    Column("dataset", String(64)),
    Column("protocol", String(64)),
    Column("criterion", String(64)),
    Column("parent", String(64)),
    Column("code", Text),
    Column("torch", Text),
    Column("device", Text),
    UniqueConstraint("id"),
    Index("ix_runs_state", "state", "position"),
    Index("ix_runs_created", "created", "position"),
    Index("ix_runs_fingerprint", "fingerprint"),
    Index("ix_runs_family", "family"),
    Index("ix_runs_model", "model", "dataset", "created", "position"),
    Index("ix_runs_protocol", "protocol", "created", "position"),
    Index("ix_runs_parent", "parent"),
    Index("ix_runs_sweep", "sweep", "state"),
    sqlite_autoincrement=True,
)  # fmt: skip

# Which runs belong to a sweep: those it queued, and those that were here before and answer one of its specs.
MEMBERS = Table(
    "members", METADATA,
    Column("sweep", String(36), ForeignKey("sweeps.id", ondelete="CASCADE"), nullable=False),
    Column("run", String(36), ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    PrimaryKeyConstraint("sweep", "run"),
    Index("ix_members_run", "run"),
)  # fmt: skip

# Runs that a sweep still owes: `twin` of `parent`. waiting for the parent -> due, its parent has finished -> done | dropped, and `why`.
FOLLOW_UPS = Table(
    "follow_ups", METADATA,
    Column("position", Integer, primary_key=True, autoincrement=True),
    Column("sweep", String(36), ForeignKey("sweeps.id", ondelete="CASCADE"), nullable=False),
    Column("parent", String(36), ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("twin", String(32), nullable=False),
    Column("state", String(16), nullable=False),
    Column("why", Text),
    UniqueConstraint("sweep", "parent", "twin"),
    Index("ix_follow_ups_state", "state", "position"),
    Index("ix_follow_ups_parent", "parent"),
    sqlite_autoincrement=True,
)  # fmt: skip

EVENTS = Table(
    "events", METADATA,
    Column("run", String(36), ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("time", Utc, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("data", Text, nullable=False),
    PrimaryKeyConstraint("run", "number"),
)  # fmt: skip

# `born` tells a process from a later one with the same pid; `beat` grows while the worker lives; `further`: it stored something new.
ATTEMPTS = Table(
    "attempts", METADATA,
    Column("run", String(36), ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("started", Utc, nullable=False),
    Column("ended", Utc),
    Column("why", Text),
    Column("from_event", Integer, nullable=False),
    Column("further", Boolean, nullable=False, default=False),
    Column("threads", Integer, nullable=False),
    Column("host", Text),
    Column("pid", Integer),
    Column("born", Text),
    Column("beat", Integer, nullable=False, default=0),
    Column("heartbeat", Utc),
    PrimaryKeyConstraint("run", "number"),
)  # fmt: skip

# `name` is what events and people call a file, `stored` its name on disk, which holds part of its checksum.
FILES = Table(
    "files", METADATA,
    Column("position", Integer, primary_key=True, autoincrement=True),
    Column("run", String(36), ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    Column("name", String(128), nullable=False),
    Column("stored", String(160), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    UniqueConstraint("run", "name"),
    sqlite_autoincrement=True,
)  # fmt: skip

LEASE = Table(
    "lease", METADATA,
    Column("name", String(32), primary_key=True),
    Column("owner", String(36), nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("born", Text, nullable=False),
    Column("beat", Integer, nullable=False),
)  # fmt: skip
