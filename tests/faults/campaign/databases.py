"""Faults of the database: locked, cut, flipped, robbed of its log of writes, half upgraded, with rows of nonsense."""

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sqlalchemy import text

from prune_core.service import processes
from prune_core.store import NoSuchRun, Store, StoreError
from prune_core.store.repair import repair

from . import hands, invariants
from .ground import stored
from .scene import DEADLINE, Scene

PAGE = 4096
NONSENSE = ("", "{", "nonsense", "[1", "null", "-1", "[]", '{"kind":"epoch"}', b"\xff\xfe\x00", 10**12, -1, 1.5, None)


def locked(scene: Scene) -> None:
    """Another program holds the database for half a minute."""
    run = scene.start()
    scene.at_random(run)
    with closing(sqlite3.connect(scene.home / "espalier.db", timeout=30, isolation_level=None)) as database:
        database.execute("BEGIN EXCLUSIVE")
        number = len(scene.look(run))
        scene.wait(long=30.0, short=0.7)
        if len(scene.look(run)) != number:
            scene.found.append("events came in while the database was locked")
    scene.attempts = 1


def truncated(scene: Scene) -> None:
    """The file ends somewhere, or is empty."""

    def cut(database: Path) -> None:
        with database.open("r+b") as file:
            file.truncate(scene.chance.choice((0, 1, PAGE, scene.chance.randrange(database.stat().st_size))))

    hurt(scene, cut)


def page_flipped(scene: Scene) -> None:
    """Every bit of one page is the other way round."""

    def flip(database: Path) -> None:
        with database.open("r+b") as file:
            start = PAGE * scene.chance.randrange(database.stat().st_size // PAGE)
            file.seek(start)
            page = bytes(255 - byte for byte in file.read(PAGE))
            file.seek(start)
            file.write(page)

    hurt(scene, flip)


def wal_removed(scene: Scene) -> None:
    """The log of writes is gone, and with it what SQLite had not yet moved into the database."""
    hurt(scene, lambda database: database.with_name("espalier.db-wal").unlink(missing_ok=True))


def hurt(scene: Scene, damage: Callable[[Path], None]) -> None:
    """Everybody is killed at a random moment, the files are damaged; the store says so, or is true; repaired, it works again."""
    run = scene.start()
    if scene.chance.random() < 0.3:
        scene.settle()
    else:
        scene.at_random(run)
    database = scene.home / "espalier.db"
    with scene.left_open():
        damage(database)
    complaints = complaints_about(scene)
    if complaints:
        if not all("python -m prune_core repair" in said for said in complaints if "damaged" in said):
            scene.found.append(f"the way out is not said: {complaints}")
        outcome = repair(scene.home, at_work)
        lost = [*outcome.hurt, *outcome.gone]
        if not list(scene.home.glob("espalier.db.damaged*")):
            scene.found.append("the damaged database was not set aside")
    else:
        lost = []
    scene.store = Store.open(scene.home)
    account_for(scene, set(lost))
    scene.supervise()
    scene.submit()


def at_work(host: str | None, pid: int | None, born: str | None) -> bool:
    """Whether such a process lives. The supervisor was a thread of this one, and its last word may be lost with the log of writes."""
    return pid != os.getpid() and processes.at_work(host, pid, born)


def complaints_about(scene: Scene) -> list[str]:
    """What the store says of itself, read in every way; errors that are not ours are found. An index that is damaged and that nobody
    has looked into yet would be noticed later."""
    try:
        scene.store = Store.open(scene.home)
    except StoreError as error:
        return [str(error)]
    said = list[str]()
    scene.found += invariants.unnamed(scene, said)
    try:
        with scene.store.database.reading() as connection:
            if (unsaid := connection.execute(text("PRAGMA integrity_check")).scalar()) != "ok":
                said.append(f"(not noticed yet: the database is damaged, {unsaid}; python -m prune_core repair)")
    except StoreError as error:
        said.append(str(error))
    scene.store.close()
    return [line for line in said if "damaged" in line]


def account_for(scene: Scene, lost: set[str]) -> None:
    """Reference runs are what they were, or named as lost; of the others, what is shown was once true."""
    for reference in scene.ground.references.values():
        try:
            same = stored(scene.store, reference.run.id) == reference.stored
        except StoreError:  # which says so
            scene.damaged.add(reference.run.id)
            continue
        if not same:
            scene.damaged.add(reference.run.id)
            if reference.run.id not in lost:
                scene.found.append(f"{reference.run.title} has changed, and the repair does not say so")
    for run in scene.runs:
        scene.states.pop(run.id, None)
        seen = scene.seen.pop(run.id, {})
        try:
            events = scene.look(run)
        except NoSuchRun:
            scene.damaged.add(run.id)
            continue
        if run.id in lost:
            scene.damaged.add(run.id)
        elif any(seen[number] != said for number, said in events.items() if number in seen):
            scene.found.append("an event has changed")
    scene.runs = [run for run in scene.runs if run.id not in scene.damaged]


def upgrade_interrupted(scene: Scene) -> None:
    """A store of the first version is opened by this one, which is killed in the midst of it."""
    with scene.left_open():
        scene.make_old()
    process = hands.started(hands.open_store, scene.home)
    process.join(scene.chance.uniform(0, 0.12))
    process.kill()
    process.join(DEADLINE)
    scene.store = Store.open(scene.home)
    scene.supervise()
    scene.submit()


def nonsense_in_rows(scene: Scene) -> None:
    """One value of one row is nonsense: of a finished run, a queued one, or one that goes on."""
    run = scene.start()
    scene.at_random(run)
    waiting = scene.submit()
    victim = scene.chance.choice([run, waiting, next(iter(scene.ground.references.values())).run])
    table, key, columns = scene.chance.choice(
        (
            ("runs", "id", ("spec", "title", "fingerprint", "name", "notes", "state", "created", "started", "attempt", "next_event", "progress",
                            "summary", "message", "epoch_seconds", "cancel_requested", "version")),
            ("events", "run", ("data", "kind", "time", "attempt", "number")),
            ("attempts", "run", ("started", "ended", "threads", "born", "pid", "beat", "further")),
            ("files", "run", ("stored", "bytes", "sha256", "kind", "name")),
        )
    )  # fmt: skip
    column, value = scene.chance.choice(columns), scene.chance.choice(NONSENSE)
    nth = f"(SELECT {scene.chance.randrange(1 << 20)} % count(*) FROM {table} WHERE {key} = :run)"
    one = f"rowid = (SELECT rowid FROM {table} WHERE {key} = :run ORDER BY rowid LIMIT 1 OFFSET {nth})"
    scene.note = f"{table}.{column} = {value!r} of the {'finished' if victim not in scene.runs else 'queued' if victim is waiting else 'running'} run"
    try:
        with scene.store.database.writing() as connection:
            connection.execute(text(f"UPDATE {table} SET {column} = :value WHERE {one}"), {"value": value, "run": victim.id})
    except StoreError:
        return
    scene.damaged.add(victim.id)
    for _ in range(3):
        scene.found += invariants.unnamed(scene)
        time.sleep(0.1)
    scene.runs = [r for r in scene.runs if r.id != victim.id]
    scene.submit()
