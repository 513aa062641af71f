"""MNIST and Fashion-MNIST."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .downloaded import both_parts
from .types import Arrays, Report


def load_mnist(folder: Path, report: Report) -> Arrays:
    train, test = both_parts("mnist", lambda d: d.MNIST, folder, report)
    return Arrays(*arrays(train), *arrays(test))


def load_fashion_mnist(folder: Path, report: Report) -> Arrays:
    train, test = both_parts("fashion_mnist", lambda d: d.FashionMNIST, folder, report)
    return Arrays(*arrays(train), *arrays(test))


def arrays(part: Any) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    return part.data.numpy()[:, None], part.targets.numpy().astype(np.int64)
