"""The network of a run as a file to take along, built by a process of its own: it takes torch, which no server has to load for that."""

import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from ..store import NoSuchRun, Run, Store
from .starting import environment

FOLDER = "exports"
LAST_WORDS = 400
USUAL_SECONDS = 15.0  # that it takes, with torch and onnxruntime to load


class Building(NamedTuple):
    """An export that is under way: its process, when it began, and where it writes what it says."""

    process: "subprocess.Popen[bytes]"
    began: float
    log: Path

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    @property
    def share(self) -> float:
        """How far it may be, by the usual time; never whole before it is over."""
        return min(0.95, self.seconds / USUAL_SECONDS)

    @property
    def trouble(self) -> str | None:
        """None while it goes on or went well, else what it said last."""
        code = self.process.poll()
        if not code:
            return None
        said = self.log.read_text(errors="replace").strip() if self.log.exists() else ""
        return (said.splitlines() or [f"The export stopped with status {code}."])[-1][-LAST_WORDS:]


def built(store: Store, run: Run) -> Path | None:
    """The file, if it has been built; a run that is over never changes."""
    path = place(store, run)
    return path if path.exists() else None


def place(store: Store, run: Run) -> Path:
    return store.home / "cache" / FOLDER / f"{run.id}.zip"


def build(store: Store, run: Run) -> Building:
    """Start building it. It is written beside its place, so that half a file is never found there."""
    path = place(store, run)
    path.parent.mkdir(parents=True, exist_ok=True)
    forget_deleted(store, path.parent)
    command = [sys.executable, "-m", "prune_core", "export", run.id, "--as", "model", "--to", str(path)]
    log = path.with_suffix(".log")
    with log.open("wb") as said:  # not a pipe, which would fill up while nobody reads
        return Building(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said, env=environment(store)), time.monotonic(), log)


def stop(building: Building) -> None:
    """End an export, and take away what it had written so far."""
    building.process.terminate()
    building.process.wait()
    building.log.with_suffix(".zip.part").unlink(missing_ok=True)


def forget_deleted(store: Store, folder: Path) -> None:
    """Files of runs that are not here any more go."""
    for path in folder.glob("*.zip"):
        try:
            store.run(path.stem)
        except NoSuchRun:
            path.unlink(missing_ok=True)
