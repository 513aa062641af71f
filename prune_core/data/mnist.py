"""MNIST and Fashion-MNIST through torchvision: found in the data folder, else downloaded there and verified."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import catalogue
from .torchvision_import import torchvision_datasets
from .types import Arrays, DataError, Report


def load_mnist(folder: Path, report: Report) -> Arrays:
    return load("mnist", lambda d: d.MNIST, folder, report)


def load_fashion_mnist(folder: Path, report: Report) -> Arrays:
    return load("fashion_mnist", lambda d: d.FashionMNIST, folder, report)


def load(name: str, choose: Callable[[Any], Any], folder: Path, report: Report) -> Arrays:
    """Both parts of a data set of MNIST's format. Raises DataError that names the files and where they belong."""
    entry = catalogue.datasets[name]
    here = all((folder / file.path).exists() for file in entry.files)
    report(f"Unpacking {entry.title}" if here else f"Downloading {entry.title}, {entry.download_bytes / 1e6:.0f} MB")
    kind = choose(torchvision_datasets())
    try:
        train, test = (kind(folder, train=part, download=True) for part in (True, False))
    except (OSError, RuntimeError) as error:
        files = ", ".join(Path(file.path).name for file in entry.files)
        where = Path(entry.files[0].path).parent.as_posix()
        raise DataError(
            f"{entry.title} is not here and could not be downloaded. Put {files} into {where} of the data folder; "
            "`python -m prune_core doctor` says where that is."
        ) from error
    return Arrays(*arrays(train), *arrays(test))


def arrays(part: Any) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    return part.data.numpy()[:, None], part.targets.numpy().astype(np.int64)
