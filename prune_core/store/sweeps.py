"""Sweeps: many runs asked for at once, and those that follow when one of them has finished. Every step is one transaction.

A follow-up is a row of its own: it waits until its parent is over, is due in the very transaction in which the parent finishes, and is done in
the one that queues its run. So nothing is lost or run twice, whoever is killed in between.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from sqlalchemy import Connection, case, func, insert, select, update

from ..spec import RunSpec
from ..wording import shown
from .lease import Lease, renewed
from .records import ENDED, LONGEST_NAME, STATES, Environment, Run, State, StoreError, checked_text, facts_of, is_id, now, readable, run_of
from .tables import FOLLOW_UPS, MEMBERS, RUNS, SWEEPS

if TYPE_CHECKING:
    from .store import Store

ALIVE = ("finished", "running", "queued")
FURTHEST = case({state: place for place, state in enumerate(ALIVE)}, value=RUNS.c.state, else_=len(ALIVE))
CHUNK = 500
DROPPED = {"failed": "The run that it follows failed.", "cancelled": "The run that it follows was cancelled."}


class NoSuchSweep(StoreError):  # noqa: N818
    """There is no sweep of that id."""

    def __init__(self, sweep_id: object) -> None:
        super().__init__(f"sweep: there is no {shown(sweep_id)} in this store.")


class Sweep(NamedTuple):
    """A sweep at one moment. `counts`: its runs by state; `own`: those of them that it queued itself; `waiting`: follow-ups not yet queued.

    `definition`: what was asked for. `dropped`: why follow-ups will not run, each reason with how often.
    """

    id: str
    name: str
    created: datetime
    definition: Mapping[str, Any]
    cancelled: bool
    counts: Mapping[State, int]
    own: int
    waiting: int
    dropped: Mapping[str, int]

    @property
    def runs(self) -> int:
        """All of its runs, those still to be queued too."""
        return sum(self.counts.values()) + self.waiting

    @property
    def over(self) -> int:
        return sum(self.counts.get(state, 0) for state in ENDED)

    @property
    def under_way(self) -> bool:
        return self.over < self.runs


class Asked(NamedTuple):
    """One run that a sweep asks for. `environment`: where it would run; one that has run there already is taken instead. None: run it again.

    `twins`: names of what is to follow it.
    """

    spec: RunSpec
    environment: Environment | None
    twins: tuple[str, ...] = ()


class Due(NamedTuple):
    """A follow-up whose parent has finished, and the definition of its sweep."""

    position: int
    sweep: str
    parent: str
    twin: str
    definition: Mapping[str, Any]


def create(store: "Store", asked: Sequence[Asked], name: str, definition: Mapping[str, Any]) -> str:
    """Store a sweep with everything it asks for; its id. Runs that are here already, in the same environment, become members as they are.

    Raises QueueFull where too many runs would wait, those that follow counted too.
    """
    from .queue import make_room

    sweep_id, created = str(uuid4()), now()
    name = checked_text("name", name, LONGEST_NAME)
    with store.database.writing() as connection:
        store.database.alone(connection, SWEEPS.name)
        connection.execute(
            insert(SWEEPS).values(id=sweep_id, created=created, name=name, definition=json.dumps(definition), cancelled=False)
        )
        before = here(connection, {each.spec.fingerprint: each.environment for each in asked if each.environment is not None})
        members, new = dict[str, str](), list[dict[str, Any]]()
        for each in asked:
            fingerprint = each.spec.fingerprint
            if fingerprint not in members:
                members[fingerprint] = before.get(fingerprint) or str(uuid4())
                if fingerprint not in before:
                    new.append(row_of(each.spec, members[fingerprint], sweep_id, created))
        make_room(connection, len(new) + sum(len(each.twins) for each in asked))
        if new:
            connection.execute(insert(RUNS), new)
        connection.execute(insert(MEMBERS), [{"sweep": sweep_id, "run": run_id} for run_id in members.values()])
        follow = dict.fromkeys((members[each.spec.fingerprint], twin) for each in asked for twin in each.twins)
        states = states_of(connection, {parent for parent, _ in follow})
        rows = [{"sweep": sweep_id, "parent": parent, "twin": twin} | standing(states[parent]) for parent, twin in follow]
        if rows:
            connection.execute(insert(FOLLOW_UPS), rows)
    return sweep_id


def row_of(spec: RunSpec, run_id: str, sweep_id: str, created: datetime) -> dict[str, Any]:
    return facts_of(spec) | {"id": run_id, "notes": "", "state": "queued", "created": created, "sweep": sweep_id}


def here(connection: Connection, wanted: Mapping[str, Environment | None]) -> dict[str, str]:
    """Fingerprint -> id of the run that answers it, the furthest one."""
    found: dict[str, str] = {}
    for chunk in chunks(list(wanted)):
        query = select(RUNS.c.id, RUNS.c.fingerprint, RUNS.c.state, RUNS.c.code, RUNS.c.torch, RUNS.c.device)
        query = query.where(RUNS.c.fingerprint.in_(chunk), RUNS.c.state.in_(ALIVE)).order_by(FURTHEST, RUNS.c.position.desc())
        for row in connection.execute(query):
            if fits(row, wanted[row.fingerprint]):
                found.setdefault(row.fingerprint, row.id)
    return found


def found_here(store: "Store", wanted: Mapping[str, Environment | None]) -> dict[str, Run]:
    """The same with the runs themselves."""
    with store.database.reading() as connection:
        ids = list(here(connection, wanted).values())
        rows = [row for chunk in chunks(ids) for row in connection.execute(select(RUNS).where(RUNS.c.id.in_(chunk))).all()]
    runs = {run.fingerprint: run for run in readable(rows)}
    return {fingerprint: runs[fingerprint] for fingerprint in wanted if fingerprint in runs}


def children(store: "Store", parents: Collection[str]) -> list[Run]:
    """Runs that start, or started, from those fingerprints, newest first; none that failed or was cancelled."""
    found: list[Run] = []
    with store.database.reading() as connection:
        for chunk in chunks(list(parents)):
            query = select(RUNS).where(RUNS.c.parent.in_(chunk), RUNS.c.state.in_(ALIVE)).order_by(RUNS.c.position.desc())
            found += readable(list(connection.execute(query).all()))
    return found


def fits(row: Any, environment: Environment | None) -> bool:
    """Whether a run counts as run in the environment: one that has not started yet will be; one that finished without a word of where does not."""
    if environment is None or (row.code is None and row.state != "finished"):
        return True
    return bool((row.code, row.torch, row.device) == environment)


def states_of(connection: Connection, ids: Collection[str]) -> dict[str, str]:
    """States of the runs, held until the transaction ends: none of them can end in between and leave its follow-ups waiting."""
    found: dict[str, str] = {}
    for chunk in chunks(sorted(ids)):
        found |= {
            row.id: row.state for row in connection.execute(select(RUNS.c.id, RUNS.c.state).where(RUNS.c.id.in_(chunk)).with_for_update())
        }
    return found


def chunks(items: Sequence[str]) -> list[Sequence[str]]:
    return [items[i : i + CHUNK] for i in range(0, len(items), CHUNK)]


def standing(parent: str) -> dict[str, Any]:
    """A follow-up whose parent is in that state."""
    if parent == "finished":
        return {"state": "due", "why": None}
    return {"state": "dropped", "why": DROPPED[parent]} if parent in DROPPED else {"state": "waiting", "why": None}


def parents_ended(connection: Connection, run_ids: Collection[str], state: str) -> None:
    """Part of the transaction that ends runs: what waited for them is due, or will not run."""
    mine = FOLLOW_UPS.c.parent.in_(run_ids) & (FOLLOW_UPS.c.state == "waiting")
    connection.execute(update(FOLLOW_UPS).where(mine).values(**standing(state)))


def due(store: "Store", limit: int = 20) -> list[Due]:
    """Follow-ups that can be queued now, oldest first."""
    columns = FOLLOW_UPS.c
    query = select(columns.position, columns.sweep, columns.parent, columns.twin, SWEEPS.c.definition).join(
        SWEEPS, SWEEPS.c.id == columns.sweep
    )
    with store.database.reading() as connection:
        rows = connection.execute(query.where(columns.state == "due").order_by(columns.position).limit(limit)).all()
    return [Due(*row[:4], json.loads(row.definition)) for row in rows]


def follow(store: "Store", lease: Lease, owed: Due, asked: Asked) -> None:
    """Queue the run of a follow-up, or take the one that is here already. Nothing if it is done or dropped by now."""
    with store.database.writing() as connection:
        renewed(connection, lease)
        if not settled(connection, owed, "done", None):
            return
        fingerprint = asked.spec.fingerprint
        found = here(connection, {fingerprint: asked.environment}).get(fingerprint) if asked.environment else None
        among = (
            select(RUNS.c.id)
            .join(MEMBERS, MEMBERS.c.run == RUNS.c.id)
            .where(MEMBERS.c.sweep == owed.sweep, RUNS.c.fingerprint == fingerprint)
        )
        found = found or connection.scalar(among.limit(1))
        run_id = found or str(uuid4())
        if found is None:
            connection.execute(insert(RUNS).values(**row_of(asked.spec, run_id, owed.sweep, now())))
        if not connection.execute(select(MEMBERS.c.run).where(MEMBERS.c.sweep == owed.sweep, MEMBERS.c.run == run_id)).first():
            connection.execute(insert(MEMBERS).values(sweep=owed.sweep, run=run_id))


def drop(store: "Store", lease: Lease, owed: Due, why: str) -> None:
    """A follow-up that can't be run, and the reason in words."""
    with store.database.writing() as connection:
        renewed(connection, lease)
        settled(connection, owed, "dropped", why)


def settled(connection: Connection, owed: Due, state: str, why: str | None) -> bool:
    still = (FOLLOW_UPS.c.position == owed.position) & (FOLLOW_UPS.c.state == "due")
    return connection.execute(update(FOLLOW_UPS).where(still).values(state=state, why=why)).rowcount == 1


def sweeps(store: "Store", limit: int = 100, only: str | None = None) -> list[Sweep]:
    """Sweeps that have any runs, newest first."""
    query = select(SWEEPS).order_by(SWEEPS.c.created.desc(), SWEEPS.c.id).limit(limit)
    if only is not None:
        query = query.where(SWEEPS.c.id == only)
    with store.database.reading() as connection:
        rows = connection.execute(query).all()
        ids = [row.id for row in rows]
        own = func.sum(case((RUNS.c.sweep == MEMBERS.c.sweep, 1), else_=0))
        joined = MEMBERS.join(RUNS, RUNS.c.id == MEMBERS.c.run)
        by_state = select(MEMBERS.c.sweep, RUNS.c.state, func.count(), own).select_from(joined)
        counted = connection.execute(by_state.where(MEMBERS.c.sweep.in_(ids)).group_by(MEMBERS.c.sweep, RUNS.c.state)).all()
        owed = select(FOLLOW_UPS.c.sweep, FOLLOW_UPS.c.state, FOLLOW_UPS.c.why, func.count()).where(FOLLOW_UPS.c.sweep.in_(ids))
        following = connection.execute(owed.group_by(FOLLOW_UPS.c.sweep, FOLLOW_UPS.c.state, FOLLOW_UPS.c.why)).all()
    found = []
    for row in rows:
        counts = {state: n for state in STATES for sweep, s, n, _ in counted if sweep == row.id and s == state}
        waiting = sum(n for sweep, state, _, n in following if sweep == row.id and state in ("waiting", "due"))
        dropped = {why or "": n for sweep, state, why, n in following if sweep == row.id and state == "dropped"}
        mine = sum(int(n) for sweep, _, _, n in counted if sweep == row.id)
        if counts or waiting:
            asked = json.loads(row.definition)
            found.append(Sweep(row.id, row.name or "", row.created, asked, row.cancelled, counts, mine, waiting, dropped))
    return found


def sweep(store: "Store", sweep_id: str) -> Sweep:
    """The sweep of that id. Raises NoSuchSweep."""
    found = sweeps(store, only=sweep_id) if is_id(sweep_id) else []
    if not found:
        raise NoSuchSweep(sweep_id)
    return found[0]


def cancel(store: "Store", sweep_id: str) -> None:
    """Cancel what the sweep has queued itself and is not over, and what would follow. Runs that others asked for go on."""
    from .queue import cancel_all

    sweep(store, sweep_id)
    with store.database.writing() as connection:
        connection.execute(update(SWEEPS).where(SWEEPS.c.id == sweep_id).values(cancelled=True))
        open_ = (FOLLOW_UPS.c.sweep == sweep_id) & FOLLOW_UPS.c.state.in_(("waiting", "due"))
        connection.execute(update(FOLLOW_UPS).where(open_).values(state="dropped", why="The sweep was cancelled."))
        cancel_all(connection, RUNS.c.sweep == sweep_id)


def find(connection: Connection, fingerprint: str, environment: Environment | None) -> Run | None:
    """The furthest run of that fingerprint, of those that ran, or will run, in that environment."""
    query = select(RUNS).where(RUNS.c.fingerprint == fingerprint, RUNS.c.state.in_(ALIVE)).order_by(FURTHEST, RUNS.c.position.desc())
    for row in connection.execute(query.limit(50)).all():
        if fits(row, environment):
            try:
                return run_of(row)
            except StoreError:
                continue
    return None
