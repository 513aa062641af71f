"""A damaged SQLite database is set aside, and a new one made of everything in it that can still be read."""

import hashlib
import json
import re
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import DateTime
from sqlalchemy.dialects import sqlite as dialect

from ..events import ENDINGS, Event, Failed, Finished, Started, from_json, to_json
from ..spec import RunSpec
from ..wording import SpecError
from . import files
from .database import Database, alone
from .records import STATES, Environment, StoreError, Summary, facts_of, is_id, now
from .tables import METADATA
from .upgrade import upgrade

LOST = "The database was damaged, and a part of what this run had stored could not be read again. What is shown was kept."
UNKNOWN = "not known: the database was damaged"
BESIDE = ("", "-wal", "-shm")

Row = dict[str, Any]
AtWork = Callable[[str | None, int | None, str | None], bool]


class Repaired(NamedTuple):
    """What it came to: ids of the runs that are whole, of those that lost something, of those that are gone; where the damaged file lies."""

    whole: list[str]
    hurt: list[str]
    gone: list[str]
    aside: Path | None


def repair(home: Path, at_work: AtWork) -> Repaired:
    """Make a new database of all that can be read in the one of a home, and set that one aside. Nothing is deleted.

    A run that has lost events is failed and says so; one that was under way is taken up again. `at_work`: whether the process of a host, a
    number and a birth lives. Raises StoreError, and changes nothing, while such a one is at work here.
    """
    place = home / "espalier.db"
    new = place.with_name("espalier.db.new")
    with alone(place) as lock:
        tables = read(place) if place.exists() else {}
        for process in (*tables.get("lease", ()), *(a for a in tables.get("attempts", ()) if a.get("ended") is None)):
            if at_work(process.get("host"), process.get("pid"), process.get("born")):
                raise StoreError(
                    f"Process {process['pid']} is at work on this store. Stop Espalier first (signal TERM ends it), then repair."
                )
        if not new.exists() or tables:
            part = place.with_name("espalier.db.part")
            for end in BESIDE:
                part.with_name(part.name + end).unlink(missing_ok=True)
            outcome = build(part, tables, home)
            part.replace(new)
        else:
            outcome = Repaired([], [], [], None)  # an earlier repair was broken off between the two renamings
        aside = set_aside(place)
        new.replace(place)
        files.sync(home)
        lock.execute("PRAGMA user_version=1")
        lock.execute("COMMIT")
    return outcome._replace(aside=aside)


def set_aside(place: Path) -> Path | None:
    """Give the database and what lies beside it another name, that nothing had before."""
    if not place.exists():
        return None
    aside = next(p for n in count(1) if not (p := place.with_name(f"{place.name}.damaged-{n}")).exists())
    for end in BESIDE:
        with suppress(FileNotFoundError):
            place.with_name(place.name + end).replace(aside.with_name(aside.name + end))
    return aside


def read(place: Path) -> dict[str, list[Row]]:
    """Table -> rows that can be read. A row with a value that is no text of ours any more counts as one that can't."""
    with closing(sqlite3.connect(place, timeout=10, isolation_level=None)) as database:
        database.text_factory = text
        database.row_factory = lambda cursor, values: dict(zip((c[0] for c in cursor.description), values, strict=True))
        return {
            name: [row for row in rows(database, name) if not any(isinstance(v, bytes) for v in row.values())] for name in METADATA.tables
        }


def text(data: bytes) -> str | bytes:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def rows(database: sqlite3.Connection, table: str) -> list[Row]:
    """Rows from the front up to a damaged page, from the back down to one, and from between the two one by one."""
    found: dict[int, Row] = {}
    edges: list[int] = []
    for order, edge in (("ASC", 0), ("DESC", 0)):
        try:
            for row in database.execute(f"SELECT rowid AS rowid_, * FROM {table} ORDER BY rowid {order}"):
                edge = row.pop("rowid_")
                found[edge] = row
        except sqlite3.Error:
            edges.append(edge)
        else:
            break
    if len(edges) == 2:
        for number in range(edges[0] + 1, edges[1]):
            with suppress(sqlite3.Error):
                for row in database.execute(f"SELECT rowid AS rowid_, * FROM {table} WHERE rowid = ?", (number,)):
                    found[row.pop("rowid_")] = row
    return [found[number] for number in sorted(found)]


def build(part: Path, tables: dict[str, list[Row]], home: Path) -> Repaired:
    """A database of this version with everything that fits together, run by run."""
    database = Database(f"sqlite:///{part}")
    with database.writing() as connection:
        upgrade(connection)
    database.close()
    by_run = {name: grouped(tables.get(name, ())) for name in ("events", "attempts", "files")}
    known = {row["id"]: row for row in tables.get("runs", ()) if is_id(row["id"])}
    told = {run_id for run_id in by_run["events"] if is_id(run_id)}
    folders = {path.name for path in (home / "runs").iterdir() if is_id(path.name)} if (home / "runs").is_dir() else set()
    outcome = Repaired([], [], [], None)
    sweeps = {row["id"] for row in tables.get("sweeps", ())}
    with closing(sqlite3.connect(part, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        add(connection, "sweeps", tables.get("sweeps", []))
        for run_id in [*known, *sorted((told | folders) - set(known))]:
            run = restored(run_id, known.get(run_id), by_run["events"][run_id])
            if run is None:
                outcome.gone.append(run_id)
                continue
            if run.row.get("sweep") not in sweeps:
                run.row["sweep"] = None
            kept = [row for row in by_run["files"][run_id] if row.get("stored")]
            attempts = tries(run.row, by_run["attempts"][run_id])
            again = found_again(home / "runs" / run_id, run, {row["name"] for row in kept})
            add(connection, "runs", [run.row])
            add(connection, "events", run.events)
            add(connection, "attempts", attempts)
            add(connection, "files", [*kept, *again])
            whole = run.whole and not any(row["why"] == UNKNOWN for row in attempts)
            (outcome.whole if whole else outcome.hurt).append(run_id)
        there = {*outcome.whole, *outcome.hurt}
        add(connection, "members", [r for r in tables.get("members", ()) if r["sweep"] in sweeps and r["run"] in there])
        add(connection, "follow_ups", [r for r in tables.get("follow_ups", ()) if r["sweep"] in sweeps and r["parent"] in there])
        connection.execute("COMMIT")
    return outcome


class Restored(NamedTuple):
    """A run as it can be had again. `whole`: nothing of it is lost but what is never shown."""

    row: Row
    events: list[Row]
    whole: bool


def restored(run_id: str, row: Row | None, rows: list[Row]) -> Restored | None:
    """The run of its row and events; None where neither says what it was. One that has lost events ends as failed."""
    story = list(sequence(rows))
    named = row is not None and is_sound(row)
    if row is None or not named:
        if not story or not isinstance(story[0][1], Started):
            return None
        row = retold(run_id, story)
    last = story[-1][1] if story else None
    ended = row["state"] in ENDINGS
    whole = len(story) >= row["next_event"] and (last is not None and last.kind == row["state"]) == ended
    row = {
        **facts_of(RunSpec.model_validate_json(row["spec"])),
        **{k: v for k, v in row.items() if v is not None},
        "next_event": len(story),
    }
    kept = [event for event, _ in story]
    if not whole:
        if last is not None and last.kind in ENDINGS:
            kept.pop()
        end = {"run": run_id, "number": len(kept), "attempt": row["attempt"], "time": stamp(), "kind": "failed"}
        kept.append({**end, "data": to_json(Failed(message=LOST))})
        row |= {"state": "failed", "message": LOST, "ended": stamp(), "next_event": len(kept), "summary": None, "progress": None}
    return Restored(row, kept, whole and named)


def is_sound(row: Row) -> bool:
    try:
        RunSpec.model_validate_json(row["spec"])
        return row["state"] in STATES and isinstance(row["next_event"], int) and isinstance(row["attempt"], int)
    except (SpecError, ValueError, TypeError):
        return False


def sequence(rows: list[Row]) -> Iterator[tuple[Row, Event]]:
    """Events from the first one on, up to one that is missing or can't be read."""
    for number, row in enumerate(sorted((r for r in rows if isinstance(r["number"], int)), key=lambda r: r["number"])):
        try:
            if row["number"] != number:
                return
            yield row, from_json(row["data"])
        except (ValueError, TypeError):
            return


def retold(run_id: str, story: list[tuple[Row, Event]]) -> Row:
    """The row of a run whose events are all that is left; its name and notes are gone."""
    (first, start), (final, last) = story[0], story[-1]
    assert isinstance(start, Started)
    row = {
        "id": run_id, "spec": RunSpec.model_validate(start.spec).model_dump_json(), "notes": "", "example": 0, "created": first["time"],
        "started": first["time"], "attempt": max(r["attempt"] for r, _ in story), "next_event": len(story), "cancel_requested": 0, "version": 0,
        "state": last.kind if last.kind in ENDINGS else "queued", **Environment.of(start)._asdict(),
    }  # fmt: skip
    if last.kind in ENDINGS:
        row["ended"] = final["time"]
    if isinstance(last, Finished):
        row["summary"] = json.dumps(Summary.of(last))
    if isinstance(last, Failed):
        row["message"] = last.message
    return row


def tries(run: Row, rows: list[Row]) -> list[Row]:
    """The attempts at a run from the first to the present one; those that are lost are over, for a reason that nobody knows."""
    known = {row["number"]: row for row in rows if isinstance(row["number"], int)}
    lost = {
        "run": run["id"],
        "started": run["created"],
        "ended": run["created"],
        "why": UNKNOWN,
        "from_event": 0,
        "further": 1,
        "threads": 1,
        "beat": 0,
    }
    found = [{**known.get(n, {**lost, "number": n})} for n in range(1, run["attempt"] + 1)]
    for row in found:
        going = run["state"] == "running" and row["number"] == run["attempt"]
        row["ended"] = None if going else row["ended"] or stamp()
    return found


def found_again(folder: Path, run: Restored, known: set[str]) -> list[Row]:
    """Files in the run's folder that the list has lost: each has a part of its own checksum in its name."""
    again: dict[str, Row] = {}
    for path in sorted(folder.iterdir(), key=lambda p: p.stat().st_mtime) if folder.is_dir() else ():
        match = re.fullmatch(files.STORED, path.name)
        name = f"{match['name']}.safetensors" if match else ""
        if not match or name in known:
            continue
        digest = hashlib.sha256(data := path.read_bytes()).hexdigest()
        if digest.startswith(match["digest"]):
            kind = "checkpoint" if name.startswith("checkpoint-") else files.kind_of(name)
            again[name] = {"run": run.row["id"], "name": name, "stored": path.name, "kind": kind, "bytes": len(data), "sha256": digest}
    return list(again.values())


def add(connection: sqlite3.Connection, table: str, rows: list[Row]) -> None:
    """Put rows into a table, as far as it has columns for them; positions are given anew, in the same order."""
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})") if row[1] != "position"]
    for row in rows:
        mine = [name for name in columns if row.get(name) is not None]
        values = [row[name] for name in mine]
        with suppress(sqlite3.IntegrityError):
            connection.execute(f"INSERT INTO {table} ({', '.join(mine)}) VALUES ({', '.join('?' * len(mine))})", values)


def grouped(rows: list[Row] | tuple[Row, ...]) -> defaultdict[str, list[Row]]:
    groups: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["run"]].append(row)
    return groups


def stamp() -> str:
    """This moment as SQLAlchemy writes it into SQLite."""
    write = DateTime().dialect_impl(dialect.dialect()).bind_processor(dialect.dialect())
    assert write is not None
    return str(write(now().replace(tzinfo=None)))
