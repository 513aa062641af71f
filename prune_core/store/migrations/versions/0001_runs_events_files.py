"""Runs, events, attempts, files, sweeps and the supervisor's lease."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "sweeps",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("created", sa.DateTime, nullable=False),
        sa.Column("name", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_sweeps"),
    )
    op.create_table(
        "runs",
        sa.Column("position", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("spec", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("family", sa.String(64), nullable=False),
        sa.Column("name", sa.Text),
        sa.Column("notes", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("example", sa.Boolean, nullable=False),
        sa.Column("sweep", sa.String(36)),
        sa.Column("created", sa.DateTime, nullable=False),
        sa.Column("started", sa.DateTime),
        sa.Column("ended", sa.DateTime),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("next_event", sa.Integer, nullable=False),
        sa.Column("cancel_requested", sa.Boolean, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("progress", sa.Text),
        sa.Column("summary", sa.Text),
        sa.Column("message", sa.Text),
        sa.Column("epoch_seconds", sa.Float),
        sa.PrimaryKeyConstraint("position", name="pk_runs"),
        sa.UniqueConstraint("id", name="uq_runs_id"),
        sa.ForeignKeyConstraint(["sweep"], ["sweeps.id"], name="fk_runs_sweep", ondelete="SET NULL"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_runs_state", "runs", ["state", "position"])
    op.create_index("ix_runs_created", "runs", ["created", "position"])
    op.create_index("ix_runs_fingerprint", "runs", ["fingerprint"])
    op.create_index("ix_runs_family", "runs", ["family"])
    op.create_table(
        "events",
        sa.Column("run", sa.String(36), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("time", sa.DateTime, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("run", "number", name="pk_events"),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_events_run", ondelete="CASCADE"),
    )
    op.create_table(
        "attempts",
        sa.Column("run", sa.String(36), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("started", sa.DateTime, nullable=False),
        sa.Column("ended", sa.DateTime),
        sa.Column("why", sa.Text),
        sa.Column("from_event", sa.Integer, nullable=False),
        sa.Column("further", sa.Boolean, nullable=False),
        sa.Column("threads", sa.Integer, nullable=False),
        sa.Column("host", sa.Text),
        sa.Column("pid", sa.Integer),
        sa.Column("born", sa.Text),
        sa.Column("beat", sa.Integer, nullable=False),
        sa.Column("heartbeat", sa.DateTime),
        sa.PrimaryKeyConstraint("run", "number", name="pk_attempts"),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_attempts_run", ondelete="CASCADE"),
    )
    op.create_table(
        "files",
        sa.Column("position", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("run", sa.String(36), nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("stored", sa.String(160), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_files"),
        sa.UniqueConstraint("run", "name", name="uq_files_run"),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_files_run", ondelete="CASCADE"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("owner", sa.String(36), nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("born", sa.Text, nullable=False),
        sa.Column("beat", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_lease"),
    )
