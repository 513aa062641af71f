"""Files of runs: safetensors, written beside and renamed, known by their checksum. Nothing is ever pickled."""

import hashlib
import logging
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

from sqlalchemy import Connection, Row, delete, insert, select

from .records import StoreError, shown
from .tables import FILES, RUNS

if TYPE_CHECKING:
    import numpy as np

    from .attempts import Attempt
    from .store import Store

CHECKPOINTS_KEPT = 2
LEFT_SECONDS = 86_400
LOG = "run.log"
NAME = r"[a-z0-9][a-z0-9_-]{0,63}\.safetensors"
STORED = r"(?P<name>[a-z0-9][a-z0-9_-]{0,63})-(?P<digest>[0-9a-f]{16})\.safetensors"

log = logging.getLogger(__name__)


class OnDisk(NamedTuple):
    """A file that is safely on disk, under a name that holds part of its checksum: other contents never overwrite it."""

    name: str
    stored: str
    bytes: int
    sha256: str


class AttemptFiles:
    """Where the engine's files of one attempt go (the engine's `Files`). Every write raises AttemptOver once the attempt is over."""

    def __init__(self, attempt: "Attempt") -> None:
        self.attempt = attempt
        self.folder = attempt.store.folder(attempt.run_id)
        self.run_id = attempt.run_id

    def save(self, name: str, tensors: Mapping[str, "np.ndarray"], metadata: Mapping[str, str]) -> None:
        """Write `name`, durable on return; the same name again replaces it."""
        self.attempt.check()
        file = put(self.folder, name, packed(tensors, metadata))
        with self.attempt.writing() as connection:
            replaced = forget(connection, self.run_id, [name])
            remember(connection, self.run_id, file, kind_of(name))
        self.unlink(stored for stored in replaced if stored != file.stored)

    def save_checkpoint(self, event: int, tensors: Mapping[str, "np.ndarray"], metadata: Mapping[str, str]) -> None:
        """Write where the run stands before its event number `event`. The last two are kept, older ones go."""
        self.attempt.check()
        kept = self.stored_checkpoints()
        name = f"checkpoint-{1 + max((int(row.name[11:-12]) for row in kept), default=0):06d}.safetensors"
        file = put(self.folder, name, packed(tensors, {**metadata, "next_event": str(event)}))
        with self.attempt.writing(further=True) as connection:
            replaced = forget(connection, self.run_id, [row.name for row in kept[CHECKPOINTS_KEPT - 1 :]])
            remember(connection, self.run_id, file, "checkpoint")
        self.unlink(replaced)

    def checkpoints(self) -> Iterator[tuple[dict[str, "np.ndarray"], dict[str, str]]]:
        """Tensors and metadata of the checkpoints, newest first. A damaged one is set aside under *.damaged and logged."""
        for row in self.stored_checkpoints():
            path = self.folder / row.stored
            try:
                check(path, row.bytes, row.sha256)
                found = unpacked(path)
            except StoreError as error:
                log.warning("%s It is set aside, an older one is used.", error)
                with self.attempt.writing() as connection:
                    forget(connection, self.run_id, [row.name])
                set_aside(path)
                continue
            yield found

    def stored_checkpoints(self) -> list[Row[Any]]:
        query = select(FILES).where(FILES.c.run == self.run_id, FILES.c.kind == "checkpoint").order_by(FILES.c.position.desc())
        with self.attempt.store.database.reading() as connection:
            return list(connection.execute(query).all())

    def unlink(self, stored: Iterable[str]) -> None:
        for name in stored:
            remove(self.folder / name)


def tidy(store: "Store", run_id: str) -> bool:
    """Remove what was left half written in the folder of a run that nobody writes to just now. False if some of it can't be removed."""
    with store.database.reading() as connection:
        known = set(connection.scalars(select(FILES.c.stored).where(FILES.c.run == run_id)))
    folder = store.folder(run_id)
    left = [path for path in (folder.iterdir() if folder.is_dir() else ()) if re.search(r"\.(safetensors|part)$", path.name)]
    refused = [path for path in left if path.name not in known and not remove(path)]
    return not refused


def forsake(store: "Store", run_id: str) -> None:
    """Remove the folder of a run that never came to be; one that is on the list keeps its own."""
    with suppress(StoreError), store.database.reading() as connection:
        if connection.execute(select(RUNS.c.id).where(RUNS.c.id == run_id)).first() is None:
            shutil.rmtree(store.folder(run_id), ignore_errors=True)


def sweep_up(store: "Store") -> None:
    """Remove what imports that were broken off have left among the folders of runs: what no run knows of and is older than a day."""
    with store.database.reading() as connection:
        known = set(connection.scalars(select(RUNS.c.id)))
    for path in (store.home / "runs").iterdir():
        if path.name not in known and abs(time.time() - path.stat().st_mtime) > LEFT_SECONDS and path.is_dir():
            shutil.rmtree(path, ignore_errors=True)


def set_aside(path: Path) -> None:
    try:
        path.replace(path.with_name(path.name + ".damaged"))
    except FileNotFoundError:
        pass
    except OSError as error:
        log.warning("%s can't be set aside: %s.", path.name, error.strerror)


def remove(path: Path) -> bool:
    """A file that nobody needs any more: where it can't be removed it stays, and that is no reason to stop."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        log.warning("%s can't be removed: %s.", path.name, error.strerror)
        return False
    return True


def put(folder: Path, name: str, data: bytes) -> OnDisk:
    """Bytes as a file of the folder: written beside, flushed to the disk, renamed."""
    if not re.fullmatch(NAME, name):
        raise StoreError(f"file: {shown(name)} is no name for a file of a run.")
    digest = hashlib.sha256(data).hexdigest()
    stored = f"{name.removesuffix('.safetensors')}-{digest[:16]}.safetensors"
    part = folder / f"{stored}.{uuid4().hex[:8]}.part"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(folder / stored)
        sync(folder)
    except OSError as error:
        remove(part)
        raise StoreError(f"{name} can't be written: {error.strerror}.") from error
    return OnDisk(name, stored, len(data), digest)


def sync(folder: Path) -> None:
    """Make a rename in the folder last, where the platform can open folders."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def check(path: Path, size: int, sha256: str) -> None:
    """StoreError unless the file is there and is the one that was written."""
    try:
        with path.open("rb") as file:
            found = os.fstat(file.fileno()).st_size
            same = found == size and hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except OSError as error:
        raise StoreError(f"{path.name} can't be read: {error.strerror}.") from None
    if not same:
        raise StoreError(f"{path.name} is damaged: it is not the file that was written ({found} bytes, {size} expected).")


def packed(tensors: Mapping[str, "np.ndarray"], metadata: Mapping[str, str]) -> bytes:
    from safetensors.numpy import save

    return save(dict(tensors), dict(metadata))


def unpacked(path: Path) -> tuple[dict[str, "np.ndarray"], dict[str, str]]:
    """Tensors and metadata of a safetensors file; StoreError if its header lies."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, TypeError, OverflowError) as error:
        raise StoreError(f"{path.name} is no safetensors file that can be read: {shown(str(error))}.") from None


def kind_of(name: str) -> str:
    """masks, scores, weights or file, by what the name begins with: it only sorts them for people."""
    word = re.split("[-.]", name)[0]
    return word if word in {"masks", "scores", "weights"} else "file"


def forget(connection: Connection, run_id: str, names: list[str]) -> list[str]:
    """Take the files off the list; returns their names on disk."""
    mine = (FILES.c.run == run_id) & FILES.c.name.in_(names)
    stored = list(connection.scalars(select(FILES.c.stored).where(mine)))
    connection.execute(delete(FILES).where(mine))
    return stored


def remember(connection: Connection, run_id: str, file: OnDisk, kind: str) -> None:
    connection.execute(insert(FILES).values(run=run_id, kind=kind, **file._asdict()))
