"""The store: runs, their events and files, durable. Reading never changes a run and never waits for a writer."""

import re
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, Unpack
from uuid import uuid4

from sqlalchemy import Connection, delete, func, insert, select, update

from ..events import Numbered, from_json
from ..history import History
from ..places import nameless
from ..settings import settings
from ..spec import RunSpec
from ..wording import shown
from . import bundles, queue, sweeps
from .attempts import Attempt
from .database import PATIENCE, Database, make_private, private
from .files import LOG, STORED, check, unpacked
from .lease import OWED, WORK
from .listing import Filters, conditions
from .records import (
    ENDED,
    LONGEST_NAME,
    LONGEST_NOTES,
    WAY_OUT,
    AttemptRecord,
    Environment,
    NoSuchRun,
    Run,
    State,
    StoredFile,
    StoreError,
    Unreadable,
    checked_text,
    facts_of,
    is_id,
    now,
    readable,
    run_of,
)  # fmt: skip
from .sweeps import Sweep
from .tables import EVENTS, FILES, RUNS
from .upgrade import upgrade

if TYPE_CHECKING:
    import numpy as np

LOG_TAIL = 64 * 1024


class Store:
    """Runs of one home folder. Safe to share among threads; any number of processes may have it open."""

    def __init__(self, home: Path, database: Database, url: str | None = None) -> None:
        self.home, self.database, self.url = home, database, url

    @classmethod
    def open(cls, home: Path | None = None, url: str | None = None, *, patience: float = PATIENCE) -> Self:
        """The store in `home` (made if need be), its rows in the database `url`; defaults come from the settings.

        An older store is upgraded, a newer one refused with a StoreError, a new one starts with the examples that ship with this
        version. `patience`: seconds that a write waits for other writers before it is an error.
        """
        home = private((home or settings().home).expanduser().absolute())
        private(home / "runs")
        url = url or settings().database_url
        if url is None:
            make_private(home / "espalier.db")
        store = cls(home, Database(url or f"sqlite:///{home / 'espalier.db'}", patience), url)
        with store.database.opening(), store.database.writing() as connection:
            if upgrade(connection):
                bundles.load_examples(store, connection)
        return store

    def close(self) -> None:
        self.database.close()

    def submit(self, spec: RunSpec, name: str | None = None, notes: str = "") -> Run:
        """Queue a run. Raises SpecError for a name of more than 80 characters or notes of more than 2,000, QueueFull where too many wait."""
        name, notes = checked_name(name), checked_text("notes", notes, LONGEST_NOTES)
        row = facts_of(spec) | {"id": str(uuid4()), "name": name, "notes": notes, "state": "queued", "created": now()}
        with self.database.writing() as connection:
            queue.make_room(connection)
            connection.execute(insert(RUNS).values(**row))
        return self.run(row["id"])

    def run(self, run_id: str) -> Run:
        """The run of that id. Raises NoSuchRun for anything else, whatever it looks like."""
        with self.database.reading() as connection:
            return run_of(self._row(connection, run_id))

    def runs(self, states: Collection[State] = (), search: str = "", limit: int | None = 500, **filters: Unpack[Filters]) -> list[Run]:
        """Runs, newest first, at most `limit` (None: all).

        states: only these; search: only those with this text in name, title or notes; filters: only what they name (`listing.Filters`).
        """
        query = select(RUNS).where(*conditions(states, search, filters)).order_by(RUNS.c.created.desc(), RUNS.c.position.desc())
        asked = limit
        with self.database.reading() as connection:
            while True:
                rows = list(connection.execute(query.limit(asked)).all())
                found = readable(rows)
                if limit is None or asked is None or len(found) >= limit or len(rows) < asked:
                    return found[:limit]
                asked = 2 * asked + len(rows) - len(found)  # damaged rows take nobody's place

    def count(self, states: Collection[State] = (), search: str = "", **filters: Unpack[Filters]) -> int:
        """How many runs there are of a kind, without reading them. Filters as in `runs`."""
        query = select(func.count()).select_from(RUNS)
        with self.database.reading() as connection:
            return connection.scalar(query.where(*conditions(states, search, filters))) or 0

    def find(self, fingerprint: str, environment: Environment | None = None) -> Run | None:
        """The run of that fingerprint that is furthest: finished, else running, else queued; never a failed or cancelled one.

        environment: only one that was started there, or not yet at all.
        """
        with self.database.reading() as connection:
            return sweeps.find(connection, fingerprint, environment)

    def find_all(self, wanted: Mapping[str, Environment | None]) -> dict[str, Run]:
        """The same for many: fingerprint -> environment in, fingerprint -> run out, in that order, for those that are here."""
        return sweeps.found_here(self, wanted)

    def finished(self, fingerprint: str) -> list[Run]:
        """Every finished run of that fingerprint, newest first."""
        query = select(RUNS).where(RUNS.c.fingerprint == fingerprint, RUNS.c.state == "finished").order_by(RUNS.c.position.desc())
        with self.database.reading() as connection:
            return readable(list(connection.execute(query.limit(50)).all()))

    def children(self, parents: Collection[str]) -> list[Run]:
        """Runs that start from runs of these fingerprints, newest first; none that failed or was cancelled."""
        return sweeps.children(self, parents)

    def sweeps(self, limit: int = 100) -> list[Sweep]:
        """Sweeps that have any runs, newest first."""
        return sweeps.sweeps(self, limit)

    def sweep(self, sweep_id: str) -> Sweep:
        """The sweep of that id. Raises NoSuchSweep for anything else, whatever it looks like."""
        return sweeps.sweep(self, sweep_id)

    def cancel_sweep(self, sweep_id: str) -> None:
        """Cancel every run that the sweep has queued and that is not over, and those that would follow them."""
        sweeps.cancel(self, sweep_id)

    def is_busy(self) -> bool:
        """Whether any run is queued, running, or owed by a sweep: then there must be a supervisor."""
        with self.database.reading() as connection:
            return any(connection.execute(work).first() for work in (WORK, OWED))

    def events(self, run_id: str, after: int = -1, kinds: Collection[str] = ()) -> list[Numbered]:
        """Events of the run with a number above `after`, in order; of these kinds alone, if any are named."""
        query = select(EVENTS.c.number, EVENTS.c.data).where(EVENTS.c.run == run_id, EVENTS.c.number > after).order_by(EVENTS.c.number)
        if kinds:
            query = query.where(EVENTS.c.kind.in_(kinds))
        with self.database.reading() as connection:
            rows = connection.execute(query).all() if is_id(run_id) else []
            if not rows:
                self._row(connection, run_id)
        try:
            return [Numbered(number, from_json(data)) for number, data in rows]
        except ValueError as error:
            raise Unreadable(f"run {run_id}: one of its events can't be read. {WAY_OUT}") from error

    def history(self, run_id: str) -> History:
        """All events of the run so far, folded."""
        return History.of(event for _, event in self.events(run_id))

    def rename(self, run_id: str, name: str | None) -> None:
        """Give the run a name; an empty one takes it away. Raises SpecError for more than 80 characters."""
        self._change(run_id, name=checked_name(name))

    def annotate(self, run_id: str, notes: str) -> None:
        """Replace the notes of the run. Raises SpecError for more than 2,000 characters."""
        self._change(run_id, notes=checked_text("notes", notes, LONGEST_NOTES))

    def request_cancel(self, run_id: str) -> None:
        """Cancel the run: at once if it is queued, through the supervisor if it is running; nothing if it is over."""
        self.run(run_id)
        queue.request_cancel(self, run_id)

    def delete(self, run_id: str) -> None:
        """Remove the run with its events and files. Raises StoreError while it is queued or running."""
        with self.database.writing() as connection:
            row = self._row(connection, run_id)
            gone = connection.execute(delete(RUNS).where(RUNS.c.id == run_id, RUNS.c.state.in_(ENDED))).rowcount
        if not gone:
            raise StoreError(f"run: '{row.name or row.title}' is {row.state}. Cancel it first, then delete it.")
        shutil.rmtree(self.folder(run_id), ignore_errors=True)

    def files(self, run_id: str) -> list[StoredFile]:
        """The files of the run, in the order they were written."""
        columns = [FILES.c[field] for field in StoredFile._fields]
        with self.database.reading() as connection:
            self._row(connection, run_id)
            return [
                StoredFile(*row) for row in connection.execute(select(*columns).where(FILES.c.run == run_id).order_by(FILES.c.position))
            ]

    def path(self, run_id: str, name: str) -> Path:
        """Where a file of the run lies. Raises StoreError if there is none of that name, or if it isn't what was written."""
        with self.database.reading() as connection:
            self._row(connection, run_id)
            rows = connection.execute(select(FILES).where(FILES.c.run == run_id)).all()
        row = next((row for row in rows if row.name == name), None)
        if row is None:
            raise StoreError(
                f"file: run {run_id} has no file of that name. Choices: {', '.join(sorted(r.name for r in rows)) or 'none yet'}."
            )
        if not isinstance(row.stored, str) or not re.fullmatch(STORED, row.stored):
            raise Unreadable(f"run {run_id}: where its file {shown(name)} lies can't be read.")
        path = self.folder(row.run) / row.stored
        check(path, row.bytes, row.sha256)
        return path

    def tensors(self, run_id: str, name: str) -> "dict[str, np.ndarray]":
        """The arrays of a safetensors file of the run. Raises StoreError as `path` does."""
        return unpacked(self.path(run_id, name))[0]

    def metadata(self, run_id: str, name: str) -> dict[str, str]:
        """The metadata in the header of a safetensors file of the run."""
        return unpacked(self.path(run_id, name))[1]

    def log(self, run_id: str) -> str:
        """The last 64 KB of what the workers of the run wrote; empty if they wrote nothing."""
        path = self.log_path(run_id)
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - LOG_TAIL))
            return nameless(file.read(LOG_TAIL).decode(errors="replace"))

    def speeds(self) -> dict[tuple[str, str], float]:
        """(`RunSpec.network`, `RunSpec.data`) -> seconds per epoch in the latest run of the two that finished here, for estimates."""
        query = select(RUNS).where(RUNS.c.epoch_seconds.is_not(None), RUNS.c.state == "finished").order_by(RUNS.c.ended.desc()).limit(200)
        with self.database.reading() as connection:
            rows = list(connection.execute(query).all())
        seconds = {row.id: row.epoch_seconds for row in rows}
        return {(run.spec.network, run.spec.data): seconds[run.id] for run in reversed(readable(rows))}

    def queue_length(self) -> int:
        """How many runs are queued."""
        return self.count(states=["queued"])

    def attempts(self, run_id: str) -> list[AttemptRecord]:
        """Every try at the run: when, by which process, from which event, why it ended."""
        self.run(run_id)
        return queue.attempts(self, run_id)

    def attempt(self, run_id: str, number: int) -> Attempt:
        """The worker's side of one try at a run: all its writes are fenced."""
        return Attempt(self, self.run(run_id).id, number)

    def export_runs(self, run_ids: Collection[str], target: Path, kinds: Collection[str] = bundles.KINDS) -> None:
        """Write runs that are over into one zip, with their files of these kinds. Raises StoreError for others."""
        bundles.export_runs(self, run_ids, target, kinds)

    def import_runs(self, source: Path) -> list[Run]:
        """Take in the runs of a zip made by `export_runs`, with their ids; one that is already here is left alone.

        Returns the runs that came in. Raises StoreError, and takes in nothing, if anything about the zip is wrong.
        """
        return bundles.import_runs(self, source)

    def folder(self, run_id: str) -> Path:
        """Where the files of a run lie; the id must be one of ours."""
        if not is_id(run_id):
            raise NoSuchRun(run_id)
        return self.home / "runs" / run_id

    def log_path(self, run_id: str) -> Path:
        """Where the workers of the run write what they have to say."""
        return self.folder(run_id) / LOG

    def _row(self, connection: Connection, run_id: str) -> Any:
        row = connection.execute(select(RUNS).where(RUNS.c.id == run_id)).first() if is_id(run_id) else None
        if row is None:
            raise NoSuchRun(run_id)
        return row

    def _change(self, run_id: str, **facts: Any) -> None:
        with self.database.writing() as connection:
            self._row(connection, run_id)
            connection.execute(update(RUNS).where(RUNS.c.id == run_id).values(version=RUNS.c.version + 1, **facts))


def checked_name(name: str | None) -> str | None:
    return checked_text("name", name, LONGEST_NAME).strip() or None if name is not None else None
