"""Data sets that torchvision reads: found in the data folder, else downloaded there and verified."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .. import catalogue
from ..catalogue import DataSet
from .torchvision_import import torchvision_datasets
from .types import DataError, Report


def both_parts(name: str, choose: Callable[[Any], Any], folder: Path, report: Report) -> tuple[Any, Any]:
    """torchvision's (training, test) parts. choose: its class, from its module. Raises DataError that names the files and where they belong."""
    entry = catalogue.datasets[name]
    missing = entry.missing(folder)
    report(f"Downloading {entry.title}, {entry.download_bytes / 1e6:.0f} MB" if missing else f"Unpacking {entry.title}")
    kind = choose(torchvision_datasets())
    try:
        return kind(folder, train=True, download=True), kind(folder, train=False, download=True)
    except (OSError, RuntimeError) as error:
        raise absent(entry, " and could not be downloaded") from error


def absent(entry: DataSet, why: str = "") -> DataError:
    """That the files of a data set are not here, and where they belong."""
    files, where = ", ".join(Path(file.path).name for file in entry.files), Path(entry.files[0].path).parent
    place = "the data folder" if where == Path() else f"{where.as_posix()} of the data folder"
    return DataError(f"{entry.title} is not here{why}. Put {files} into {place}; `python -m prune_core doctor` says where that is.")
