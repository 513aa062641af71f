"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009), and the beginning of CIFAR-10 as one file of arrays.

torchvision unpickles the original archives, after it has compared their checksums.
"""

import hashlib
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import catalogue
from .downloaded import absent, both_parts
from .types import Arrays, DataError, Report

SMALL = ("x_train", "y_train", "x_test", "y_test")  # (N, 32, 32, 3) and (N,), uint8
SMALL_SHA256 = "ac5bbb29ce57ca22bac664a9726ec10e134ab5c26fc431acf1c3a81eda960cbe"  # of their bytes, one array after another


def load_cifar_10(folder: Path, report: Report) -> Arrays:
    return load("cifar_10", lambda d: d.CIFAR10, folder, report)


def load_cifar_100(folder: Path, report: Report) -> Arrays:
    return load("cifar_100", lambda d: d.CIFAR100, folder, report)


def load(name: str, choose: Callable[[Any], Any], folder: Path, report: Report) -> Arrays:
    train, test = both_parts(name, choose, folder, report)
    return Arrays(*arrays(train.data, train.targets), *arrays(test.data, test.targets))


def load_cifar_10_small(folder: Path, report: Report) -> Arrays:
    """The first 8,000 training and 2,000 test images. Raises DataError where the file is missing, or holds anything else."""
    entry = catalogue.datasets["cifar_10_small"]
    (file,) = entry.files
    report(f"Unpacking {entry.title}")
    try:
        with np.load(folder / file.path, allow_pickle=False) as archive:
            found = [archive[name] for name in SMALL]
    except FileNotFoundError:
        raise absent(entry) from None
    except (OSError, EOFError, ValueError, TypeError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{file.path} can't be read: {error}.") from error
    digest = hashlib.sha256(b"".join(array.tobytes() for array in found)).hexdigest()
    if digest != SMALL_SHA256:
        raise DataError(f"{file.path} holds other images than it should: the SHA-256 of its arrays begins with {digest[:8]}.")
    return Arrays(*arrays(*found[:2]), *arrays(*found[2:]))


def arrays(images: NDArray[np.uint8], labels: Any) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Channels first: images (N, H, W, C) -> (N, C, H, W)."""
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2)), np.asarray(labels, np.int64)
