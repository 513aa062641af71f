"""What a data set's loader returns, and how it says that it can't."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Report = Callable[[str], None]


class DataError(Exception):
    """The data set can't be had, in words for a person: what is missing and where it belongs."""


class Arrays(NamedTuple):
    """A data set as its source has it: images uint8 (N, C, H, W), labels int64 (N,)."""

    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.int64]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.int64]
