"""Members and follow-ups of sweeps; what runs are filtered by in columns of their own; where a run was carried out."""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

from prune_core.spec import RunSpec
from prune_core.wording import SpecError

revision = "0002"
down_revision = "0001"

BATCH = 500
OLD_DEFAULTS = {"model": "lenet_300_100", "dataset": "digits", "protocol": "prune_at_init", "criterion": "snip"}
FIELDS = ("model", "dataset", "protocol", "criterion", "code", "torch", "device", "title", "fingerprint", "family")
RUNS = sa.table("runs", *map(sa.column, ("position", "id", "spec", *FIELDS)))
EVENTS = sa.table("events", *map(sa.column, ("run", "number", "kind", "data")))


def upgrade() -> None:
    op.add_column("sweeps", sa.Column("definition", sa.Text, nullable=False, server_default="{}"))
    op.add_column("sweeps", sa.Column("cancelled", sa.Boolean, nullable=False, server_default=sa.false()))
    for name, length in (("model", 64), ("dataset", 64), ("protocol", 64), ("criterion", 64), ("parent", 64)):
        op.add_column("runs", sa.Column(name, sa.String(length)))
    for name in ("code", "torch", "device"):
        op.add_column("runs", sa.Column(name, sa.Text))
    op.create_index("ix_runs_model", "runs", ["model", "dataset", "created", "position"])
    op.create_index("ix_runs_protocol", "runs", ["protocol", "created", "position"])
    op.create_index("ix_runs_parent", "runs", ["parent"])
    op.create_index("ix_runs_sweep", "runs", ["sweep", "state"])
    op.create_table(
        "members",
        sa.Column("sweep", sa.String(36), nullable=False),
        sa.Column("run", sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint("sweep", "run", name="pk_members"),
        sa.ForeignKeyConstraint(["sweep"], ["sweeps.id"], name="fk_members_sweep", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_members_run", ondelete="CASCADE"),
    )
    op.create_index("ix_members_run", "members", ["run"])
    op.create_table(
        "follow_ups",
        sa.Column("position", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("sweep", sa.String(36), nullable=False),
        sa.Column("parent", sa.String(36), nullable=False),
        sa.Column("twin", sa.String(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("why", sa.Text),
        sa.PrimaryKeyConstraint("position", name="pk_follow_ups"),
        sa.UniqueConstraint("sweep", "parent", "twin", name="uq_follow_ups_sweep"),
        sa.ForeignKeyConstraint(["sweep"], ["sweeps.id"], name="fk_follow_ups_sweep", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["parent"], ["runs.id"], name="fk_follow_ups_parent", ondelete="CASCADE"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_follow_ups_state", "follow_ups", ["state", "position"])
    op.create_index("ix_follow_ups_parent", "follow_ups", ["parent"])
    fill_in()


def fill_in() -> None:
    """The new columns of the runs that are here, a batch at a time: a large store need not fit into memory."""
    connection, last = op.get_bind(), 0
    known: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in FIELDS}
    while True:
        query = sa.select(RUNS).where(RUNS.c.position > last).order_by(RUNS.c.position).limit(BATCH)
        rows = connection.execute(query).all()
        if not rows:
            return
        last = rows[-1].position
        starts = sa.select(EVENTS.c.run, EVENTS.c.data).where(EVENTS.c.run.in_([r.id for r in rows]), EVENTS.c.kind == "started")
        started = {row.run: row.data for row in connection.execute(starts)}
        connection.execute(
            sa.update(RUNS).where(RUNS.c.position == sa.bindparam("at")).values(known),
            [{"at": r.position} | chosen(r.spec) | place(started.get(r.id, "null")) | identity(r) for r in rows],
        )


def chosen(spec: str) -> dict[str, Any]:
    """Whatever a damaged row says, its run is only left out of what is filtered."""
    told = read(spec)
    known = {field: text(told.get(field, default)) for field, default in OLD_DEFAULTS.items()}
    if known["protocol"] in ("dense", "score"):
        known["criterion"] = None
    return {f"new_{field}": value for field, value in known.items()}


def identity(row: Any) -> dict[str, Any]:
    """Title and fingerprints as this version makes them, so that an old run is found by its spec; what can't be read stays as it is."""
    try:
        spec = RunSpec.model_validate(json.loads(row.spec))
    except (SpecError, ValueError, RecursionError):
        return {"new_title": row.title, "new_fingerprint": row.fingerprint, "new_family": row.family}
    return {"new_title": spec.title, "new_fingerprint": spec.fingerprint, "new_family": spec.group}


def place(started: str) -> dict[str, Any]:
    told = read(started)
    versions = told.get("versions")
    versions = versions if isinstance(versions, dict) else {}
    return {"new_code": text(versions.get("espalier")), "new_torch": text(versions.get("torch")), "new_device": text(told.get("device"))}


def read(data: str) -> dict[str, Any]:
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def text(value: object) -> str | None:
    return value[:64] if isinstance(value, str) else None
