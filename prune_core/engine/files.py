"""Where a run's files go. The engine writes through `Files`; a run that stores nothing writes `NOWHERE`."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

Arrays = Mapping[str, NDArray]
CHECKPOINTS_KEPT = 2


class Files(Protocol):
    def save(self, name: str, tensors: Arrays, metadata: Mapping[str, str]) -> None:
        """A safetensors file of the run, durable when this returns. The same name again replaces it."""

    def save_checkpoint(self, event: int, tensors: Arrays, metadata: Mapping[str, str]) -> None:
        """A checkpoint; `event` is the number that the next event will have. The last two are kept."""

    def checkpoints(self) -> Iterator[tuple[dict[str, NDArray], dict[str, str]]]:
        """Undamaged checkpoints, newest first."""


class Nowhere:
    """Keeps nothing."""

    def save(self, name: str, tensors: Arrays, metadata: Mapping[str, str]) -> None: ...

    def save_checkpoint(self, event: int, tensors: Arrays, metadata: Mapping[str, str]) -> None: ...

    def checkpoints(self) -> Iterator[tuple[dict[str, NDArray], dict[str, str]]]:
        return iter(())


NOWHERE = Nowhere()


class Folder:
    """Keeps a run's files in a folder: for scripts that want to resume without the store."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)

    def save(self, name: str, tensors: Arrays, metadata: Mapping[str, str]) -> None:
        beside = self.path / f"{name}.{os.getpid()}.part"
        with beside.open("wb") as file:
            file.write(save(dict(tensors), dict(metadata)))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path / name)

    def save_checkpoint(self, event: int, tensors: Arrays, metadata: Mapping[str, str]) -> None:
        known = self.checkpoint_paths()
        number = 1 + max((int(path.stem.rpartition("-")[2]) for path in known), default=0)
        self.save(f"checkpoint-{number:08d}.safetensors", tensors, metadata)
        for path in self.checkpoint_paths()[CHECKPOINTS_KEPT:]:
            path.unlink()

    def checkpoints(self) -> Iterator[tuple[dict[str, NDArray], dict[str, str]]]:
        for path in self.checkpoint_paths():
            try:
                with safe_open(path, "numpy") as file:
                    yield {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
            except SafetensorError:
                path.rename(path.with_suffix(".damaged"))

    def checkpoint_paths(self) -> list[Path]:
        return sorted(self.path.glob("checkpoint-*.safetensors"), reverse=True)
