"""Bundles: runs as one zip, to carry elsewhere. What comes in is checked piece by piece before any of it counts."""

import hashlib
import json
import logging
import shutil
import zipfile
import zlib
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, BinaryIO, Literal, NamedTuple
from uuid import uuid4

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import Connection, insert, select

from ..events import LARGEST, Event, Failed, Finished, Started, to_json
from ..spec import RunSpec
from ..wording import SpecError, problems_of, shown
from . import files
from .records import ENDED, LONGEST_NAME, LONGEST_NOTES, Environment, Run, StoreError, Summary, Unreadable, checked_text, facts_of
from .tables import ATTEMPTS, EVENTS, RUNS

if TYPE_CHECKING:
    from .store import Store

FORMAT = 1
KINDS = ("masks", "scores", "weights", "file")
MANIFEST = "bundle.json"
EXAMPLES = Path(__file__).parents[2] / "assets" / "examples"
LARGEST_MANIFEST, LARGEST_EVENTS, LARGEST_MEMBER, LARGEST_BUNDLE = 8 << 20, 128 << 20, 1 << 30, 4 << 30
SMALL, DENSEST = 16 << 20, 100  # a member that packs tighter than this, and isn't small, is there to fill memory
UUID = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
SHA256 = r"^[0-9a-f]{64}$"
NEWLINE = b"\n"

log = logging.getLogger(__name__)


class Piece(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FilePiece(Piece):
    name: str = Field(pattern=f"^{files.NAME}$")
    kind: Literal["masks", "scores", "weights", "file"]
    bytes: int = Field(ge=0, le=LARGEST_MEMBER)
    sha256: str = Field(pattern=SHA256)


class EventsPiece(Piece):
    count: int = Field(ge=1, le=1_000_000)
    bytes: int = Field(ge=1, le=LARGEST_EVENTS)
    sha256: str = Field(pattern=SHA256)


class RunPiece(Piece):
    id: str = Field(pattern=UUID)
    spec: dict[str, object]
    name: str | None = Field(max_length=LONGEST_NAME)
    notes: str = Field(max_length=LONGEST_NOTES)
    created: AwareDatetime
    started: AwareDatetime | None
    ended: AwareDatetime | None
    events: EventsPiece
    files: Annotated[tuple[FilePiece, ...], Field(max_length=10_000)]

    def member(self, name: str) -> str:
        """Where in the zip a part of this run lies: never taken from the zip itself."""
        return f"runs/{self.id}/{name}"


class Bundle(Piece):
    format: Literal[1]
    runs: Annotated[tuple[RunPiece, ...], Field(min_length=1, max_length=10_000)]


class Line(Piece):
    """An event in `events.jsonl`."""

    number: int
    time: AwareDatetime
    event: Event


def export_runs(store: "Store", run_ids: Collection[str], target: Path, kinds: Collection[str] = KINDS) -> None:
    """Write the runs, with their events and files of these kinds but without checkpoints, logs and paths, as one zip."""
    runs = [store.run(run_id) for run_id in dict.fromkeys(run_ids)]
    if not runs:
        raise StoreError("run: name at least one to export.")
    for run in runs:
        if run.state not in ENDED:
            raise StoreError(f"run: '{run.title}' is {run.state}. Only runs that are over can be exported.")
    part = target.with_name(f".{target.name}.{uuid4().hex[:8]}.part")
    try:
        with zipfile.ZipFile(part, "x", zipfile.ZIP_DEFLATED) as archive:
            pieces = tuple(export_run(store, run, archive, kinds) for run in runs)
            archive.writestr(MANIFEST, Bundle(format=FORMAT, runs=pieces).model_dump_json(indent=1))
        part.replace(target)
    except OSError as error:
        raise StoreError(f"{target.name} can't be written: {error.strerror}.") from None
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def export_run(store: "Store", run: Run, archive: zipfile.ZipFile, kinds: Collection[str]) -> RunPiece:
    query = select(EVENTS.c.number, EVENTS.c.time, EVENTS.c.data).where(EVENTS.c.run == run.id).order_by(EVENTS.c.number)
    with store.database.reading() as connection:
        rows = connection.execute(query).all()
    lines = "".join(f'{{"number":{number},"time":"{time.isoformat()}","event":{data}}}\n' for number, time, data in rows).encode()
    listed = [file for file in store.files(run.id) if file.kind in kinds]
    try:
        pieces = tuple(FilePiece.model_validate(file._asdict()) for file in listed)
    except ValidationError as error:
        raise Unreadable(f"run {run.id}: the list of its files can't be read ({problems_of(error)[0]}).") from None
    piece = RunPiece(
        id=run.id, spec=run.spec.model_dump(mode="json"), name=run.name, notes=run.notes,
        created=run.created, started=run.started, ended=run.ended,
        events=EventsPiece(count=len(rows), bytes=len(lines), sha256=hashlib.sha256(lines).hexdigest()),
        files=pieces,
    )  # fmt: skip
    archive.writestr(piece.member("events.jsonl"), lines)
    for file in listed:
        archive.write(store.path(run.id, file.name), piece.member(file.name))
    return piece


class Arrival(NamedTuple):
    """A run that was checked, and whose files are in their place."""

    piece: RunPiece
    spec: RunSpec
    lines: list[Line]
    files: list[tuple[FilePiece, files.OnDisk]]


def import_runs(store: "Store", source: Path) -> list[Run]:
    """The runs of the zip that were not here yet. The database is only held for the rows, at the very end."""
    with store.database.reading() as connection:
        here = set(connection.scalars(select(RUNS.c.id)))
    arrivals = unpack(store, source, here)
    try:
        with store.database.writing() as connection:
            here = set(connection.scalars(select(RUNS.c.id)))
            new = [arrival for arrival in arrivals if arrival.piece.id not in here]
            for arrival in new:
                enter(connection, arrival, example=False)
    except StoreError:
        for arrival in arrivals:
            files.forsake(store, arrival.piece.id)
        raise
    return [store.run(arrival.piece.id) for arrival in new]


def load_examples(store: "Store", connection: Connection) -> None:
    """Every bundle that ships with this version, as examples; one that is damaged is logged and hides no other."""
    here: set[str] = set()
    for source in sorted(EXAMPLES.glob("*.zip")):
        try:
            for arrival in unpack(store, source, here):
                enter(connection, arrival, example=True)
                here.add(arrival.piece.id)
        except StoreError as error:
            log.warning("The example %s was left out: %s", source.name, error)


def unpack(store: "Store", source: Path, here: Collection[str]) -> list[Arrival]:
    """Check the whole zip, then put the files of the runs that are not here into their place. Rows come last: a run that is listed is whole."""
    try:
        with zipfile.ZipFile(source) as archive, TemporaryDirectory(dir=store.home / "runs") as scratch:
            wanted = [piece for piece in manifest(archive).runs if piece.id not in here]
            check_size(archive, wanted, Path(scratch))
            checked = [(piece, *check_run(archive, piece, Path(scratch))) for piece in wanted]
            return [Arrival(piece, spec, lines, settle(store, piece, Path(scratch))) for piece, spec, lines in checked]
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, OSError, EOFError, RuntimeError) as error:
        raise StoreError(f"{source.name} can't be read as a bundle: {shown(str(error))}.") from None


def manifest(archive: zipfile.ZipFile) -> Bundle:
    """The table of contents, and nothing in the zip beside what it names."""
    try:
        bundle = Bundle.model_validate_json(member(archive, MANIFEST, LARGEST_MANIFEST))
    except ValidationError as error:
        raise StoreError(f"{MANIFEST}: {'; '.join(map(str, problems_of(error)[:3]))}") from None
    named = [MANIFEST, *(run.member(name) for run in bundle.runs for name in ("events.jsonl", *(file.name for file in run.files)))]
    if sorted(archive.namelist()) != sorted(named):
        odd = sorted(set(archive.namelist()) ^ set(named)) or [name for name in named if named.count(name) > 1]
        raise StoreError(f"{MANIFEST}: what it names and what is there differ: {shown(odd[0])}.")
    return bundle


def check_size(archive: zipfile.ZipFile, runs: Collection[RunPiece], folder: Path) -> None:
    """Refuse what would fill memory or the disk, by the sizes that are announced, before anything is unpacked."""
    announced = {run.member(name): size for run in runs for name, size in sizes(run)}
    total, free = sum(announced.values()), free_bytes(folder)
    if total > LARGEST_BUNDLE:
        raise StoreError(f"{MANIFEST}: {total:,} bytes are too many, at most {LARGEST_BUNDLE:,} are read. Export fewer runs at a time.")
    if 2 * total > free:
        raise StoreError(
            f"{MANIFEST}: {2 * total:,} bytes are needed, and {free:,} are free. Make room, or set ESPALIER_HOME to another disk."
        )
    packed = {info.filename: info.compress_size for info in archive.infolist()}
    dense = [name for name, size in announced.items() if size > max(SMALL, DENSEST * packed[name])]
    if dense:
        raise StoreError(
            f"{MANIFEST}: {shown(dense[0])} packs {announced[dense[0]]:,} bytes into {packed[dense[0]]:,}; nothing of ours does."
        )


def sizes(run: RunPiece) -> list[tuple[str, int]]:
    """Members of a run and the bytes they say they have."""
    return [("events.jsonl", run.events.bytes), *((file.name, file.bytes) for file in run.files)]


def free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def member(archive: zipfile.ZipFile, name: str, largest: int) -> bytes:
    """A member of the zip, never more of it than `largest` bytes, whatever it says of itself."""
    try:
        with archive.open(name) as file:
            data = file.read(largest + 1)
    except KeyError:
        raise StoreError(f"{name} is missing.") from None
    if len(data) > largest:
        raise StoreError(f"{name} is larger than the {largest:,} bytes it may have.")
    return data


def check_run(archive: zipfile.ZipFile, piece: RunPiece, scratch: Path) -> tuple[RunSpec, list[Line]]:
    """Spec and events of a run that fits together; its files lie in the scratch folder then, each one read once."""
    try:
        spec = RunSpec.read(piece.spec)
        checked_text("name", piece.name or "", LONGEST_NAME)
        checked_text("notes", piece.notes, LONGEST_NOTES)
    except SpecError as error:
        raise StoreError(f"run {piece.id}: {error.problems[0]}") from None
    data = member(archive, piece.member("events.jsonl"), piece.events.bytes)
    if hashlib.sha256(data).hexdigest() != piece.events.sha256:
        raise StoreError(f"run {piece.id}: events.jsonl is damaged.")
    if data.count(NEWLINE) != piece.events.count:
        raise StoreError(f"run {piece.id}: it has {data.count(NEWLINE):,} events, and says {piece.events.count:,}.")
    lines = [line_of(piece, text) for text in data.removesuffix(NEWLINE).split(NEWLINE)]
    if [line.number for line in lines] != list(range(piece.events.count)) or any(line.event.kind in ENDED for line in lines[:-1]):
        raise StoreError(f"run {piece.id}: its events are not one sequence from 0 to {piece.events.count - 1}.")
    if lines[-1].event.kind not in ENDED:
        raise StoreError(f"run {piece.id}: it is not over.")
    first = lines[0].event
    if isinstance(first, Started) and not is_of(first, spec):
        raise StoreError(f"run {piece.id}: its events are those of another run.")
    for file in piece.files:
        path = scratch / piece.id / file.name
        path.parent.mkdir(exist_ok=True)
        with archive.open(piece.member(file.name)) as incoming, path.open("wb") as kept:
            copy(incoming, kept, file.bytes)
        files.check(path, file.bytes, file.sha256)
        files.unpacked(path)
    return spec, lines


def is_of(started: Started, spec: RunSpec) -> bool:
    try:
        return RunSpec.model_validate(started.spec).fingerprint == spec.fingerprint
    except SpecError:
        return False


def copy(incoming: object, kept: BinaryIO, largest: int) -> None:
    """At most `largest` bytes and one: a longer member is caught by its size afterwards, before it fills the disk."""
    left = largest + 1
    while left and (chunk := incoming.read(min(left, 1 << 20))):  # type: ignore[attr-defined]
        kept.write(chunk)
        left -= len(chunk)


def line_of(piece: RunPiece, text: bytes) -> Line:
    if len(text) > LARGEST + 200:
        raise StoreError(f"run {piece.id}: one of its events is larger than {LARGEST:,} bytes.")
    try:
        return Line.model_validate_json(text)
    except ValidationError as error:
        raise StoreError(f"run {piece.id}: an event can't be read ({problems_of(error)[0]})") from None


def settle(store: "Store", piece: RunPiece, scratch: Path) -> list[tuple[FilePiece, files.OnDisk]]:
    folder = store.folder(piece.id)
    return [(file, files.put(folder, file.name, (scratch / piece.id / file.name).read_bytes())) for file in piece.files]


def enter(connection: Connection, arrival: Arrival, example: bool) -> None:
    """The rows of a run."""
    piece, spec, lines, kept = arrival
    last = lines[-1].event
    ended: datetime = piece.ended or lines[-1].time
    row = facts_of(spec) | {
        "id": piece.id, "name": piece.name, "notes": piece.notes, "state": last.kind, "example": example, "created": piece.created,
        "started": piece.started, "ended": ended, "attempt": 1, "next_event": len(lines),
        "message": last.message if isinstance(last, Failed) else None,
        "summary": json.dumps(Summary.of(last)) if isinstance(last, Finished) else None,
    }  # fmt: skip
    if isinstance(lines[0].event, Started):
        row |= Environment.of(lines[0].event)._asdict()
    tried = {"run": piece.id, "number": 1, "started": piece.started or piece.created, "ended": ended, "why": "imported"}
    connection.execute(insert(RUNS).values(**row))
    connection.execute(insert(ATTEMPTS).values(from_event=0, threads=1, **tried))
    common = {"run": piece.id, "attempt": 1}
    connection.execute(
        insert(EVENTS), [common | {"number": n, "time": at, "kind": e.kind, "data": to_json(e)} for n, at, e in map(parts, lines)]
    )
    for file, stored in kept:
        files.remember(connection, piece.id, stored, file.kind)


def parts(line: Line) -> tuple[int, datetime, Event]:
    return line.number, line.time, line.event
