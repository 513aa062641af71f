"""The lease: one supervisor a store. Each step is one compare-and-swap, so that of two who want it one gets it."""

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from .tables import FOLLOW_UPS, LEASE, RUNS

if TYPE_CHECKING:
    from .store import Store

NAME = "supervisor"
WORK = select(RUNS.c.id).where(RUNS.c.state.in_(("queued", "running"))).limit(1)
OWED = select(FOLLOW_UPS.c.position).where(FOLLOW_UPS.c.state == "due").limit(1)


class LeaseLost(Exception):  # noqa: N818
    """Another supervisor has taken over. Nothing was written."""


class Lease(NamedTuple):
    """Who supervises: a UUID, the process behind it, and a counter that grows while it lives."""

    owner: str
    host: str
    pid: int
    born: str
    beat: int = 0


def lease(store: "Store") -> Lease | None:
    """The lease as it stands; None if nobody has it."""
    with store.database.reading() as connection:
        row = connection.execute(select(*(LEASE.c[field] for field in Lease._fields)).where(LEASE.c.name == NAME)).first()
    return None if row is None else Lease(*row)


def take(store: "Store", wanted: Lease, seen: Lease | None) -> bool:
    """Take the lease, provided that it still stands as it was seen. False if someone was faster, or its holder lives."""
    with store.database.writing() as connection:
        if seen is None:
            if connection.execute(select(LEASE.c.owner).where(LEASE.c.name == NAME)).first():
                return False
            connection.execute(insert(LEASE).values(name=NAME, **wanted._asdict()))
            return True
        same = (LEASE.c.name == NAME) & (LEASE.c.owner == seen.owner) & (LEASE.c.beat == seen.beat)
        return connection.execute(update(LEASE).where(same).values(**wanted._asdict())).rowcount == 1


def renew(store: "Store", held: Lease) -> None:
    """Let the counter grow; LeaseLost if someone else holds the lease by now."""
    with store.database.writing() as connection:
        renewed(connection, held)


def renewed(connection: Connection, held: Lease) -> None:
    mine = (LEASE.c.name == NAME) & (LEASE.c.owner == held.owner)
    if connection.execute(update(LEASE).where(mine).values(beat=LEASE.c.beat + 1)).rowcount != 1:
        raise LeaseLost("Another supervisor has taken over this store.")


def release_if_idle(store: "Store", held: Lease) -> bool:
    """Give the lease back, provided that no run waits, goes on or is owed. One transaction: a run that is queued later finds no lease."""
    with store.database.writing() as connection:
        renewed(connection, held)
        for work in (WORK, OWED):
            if connection.execute(work).first():
                return False
        release(connection, held)
        return True


def give_back(store: "Store", held: Lease) -> None:
    """Give the lease back, if it is still held."""
    with store.database.writing() as connection:
        release(connection, held)


def release(connection: Connection, held: Lease) -> None:
    connection.execute(delete(LEASE).where(LEASE.c.name == NAME, LEASE.c.owner == held.owner))
