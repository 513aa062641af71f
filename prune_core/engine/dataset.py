"""A data set on its device: decoded once to uint8 arrays, memory-mapped, a batch is an index."""

import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..catalogue import DataSet, function_of
from ..data.types import Arrays, DataError
from ..settings import settings
from ..steps import Part
from ..streams import seed_of
from .augmentation import Moves, moved
from .masks import generator

CACHE_FORMAT = "2"
PARTS: tuple[Part, ...] = ("train", "validation", "test")
FIXED_TRAIN = 5_000

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Images:
    """One part of a data set on a device. images: uint8 (n, C, H, W); labels: int64 (n,)."""

    images: Tensor
    labels: Tensor
    shift: Tensor
    scale: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def with_random_labels(self, classes: int, seed: int) -> "Images":
        """The same images, each with a label drawn from all classes alike."""
        labels = torch.randint(classes, (len(self),), generator=generator(seed_of(seed, "labels")))
        return replace(self, labels=labels.to(self.labels.device))

    def batch(self, index: Tensor, moves: Moves | None = None) -> tuple[Tensor, Tensor]:
        """Standardised float32 images (B, C, H, W) and labels (B,) of the given rows; `moves` augments the images."""
        pixels = self.images.index_select(0, index)
        pixels = pixels if moves is None else moved(pixels.float(), moves)
        return self.standardised(pixels), self.labels.index_select(0, index)

    def chunk(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        return self.standardised(self.images[start:stop]), self.labels[start:stop]

    def standardised(self, pixels: Tensor) -> Tensor:
        return pixels.float().sub_(self.shift).mul_(self.scale)

    def first(self, n: int | None) -> "Images":
        """The first n of them; all for None."""
        return replace(self, images=self.images[:n], labels=self.labels[:n])


@dataclass(frozen=True)
class Data:
    """All parts of a data set, and how many classes there are."""

    entry: DataSet
    parts: dict[Part, Images]

    @property
    def classes(self) -> int:
        return len(self.entry.classes)

    def __getitem__(self, part: Part) -> Images:
        return self.parts[part]

    def asked(self, entry: DataSet, images: int | None) -> "Data":
        """The data of an entry with so many training images (all for None): the first of them, which the cut into parts put there by lot."""
        return Data(entry, self.parts | {"train": self.parts["train"].first(images)})


def open_data(entry: DataSet, device: torch.device, report: Callable[[str], None], classes: Sequence[int] = ()) -> Data:
    """The data set on the device, or only these classes of it, numbered anew in the order given.

    Decodes it first where that has not been done, or anew where it is damaged; raises DataError in words.
    """
    folder = settings().home / "cache" / f"{entry.name}-{CACHE_FORMAT}"
    if not folder.exists():
        decode(entry, folder, report)
    try:
        return read(entry, folder, device, classes)
    except (ValueError, EOFError, FileNotFoundError):
        log.warning("%s is damaged. It is set aside and decoded anew.", folder.name)
        with suppress(OSError):  # another run was faster
            folder.rename(tempfile.mkdtemp(prefix=f"{folder.name}.damaged-", dir=folder.parent))
    if not folder.exists():
        decode(entry, folder, report)
    return read(entry, folder, device, classes)


def read(entry: DataSet, folder: Path, device: torch.device, classes: Sequence[int]) -> Data:
    """The decoded parts. Raises ValueError, EOFError or FileNotFoundError where a file is not what was written."""
    shape = (1, entry.shape[0], 1, 1)
    shift = 255 * torch.tensor(entry.mean, device=device).reshape(shape)
    scale = 1 / (255 * torch.tensor(entry.std, device=device).reshape(shape))
    parts: dict[Part, Images] = {}
    for part in PARTS:
        images, labels = mapped(folder, f"{part}-images"), mapped(folder, f"{part}-labels")
        images, labels = only(images, labels, classes) if classes else (images, labels)
        parts[part] = Images(images.to(device), labels.to(device), shift, scale)
    return Data(entry, parts)


def only(images: Tensor, labels: Tensor, classes: Sequence[int]) -> tuple[Tensor, Tensor]:
    """The images of these classes in their order, and the places of their labels among the classes."""
    wanted = torch.tensor(classes)
    rows = torch.isin(labels, wanted).nonzero().squeeze(1)
    place = torch.zeros(1 + max(*classes, *labels.unique().tolist()), dtype=torch.int64)
    place[wanted] = torch.arange(len(wanted))
    return images[rows], place[labels[rows]]


def mapped(folder: Path, name: str) -> Tensor:
    """Copy-on-write memory map: processes share the pages, and nothing reaches the file."""
    return torch.from_numpy(np.load(folder / f"{name}.npy", mmap_mode="c", allow_pickle=False))


def decode(entry: DataSet, folder: Path, report: Callable[[str], None]) -> None:
    """Load from the source, cut the validation part by a fixed seed, write beside and rename: two processes may do it at once."""
    source: Arrays = function_of(entry)(settings().data_folder, report)
    order = np.random.default_rng(seed_of(0, "split")).permutation(len(source.train_labels))
    validation, train = order[: entry.validation], order[entry.validation :]
    found, wanted = (len(train), len(source.test_labels)), (entry.train, entry.test)
    if found != wanted:
        raise DataError(f"{entry.title} has (training, test) images {found} where {wanted} should be.")
    for needed in (settings().home, folder.parent):
        needed.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=folder.name, dir=folder.parent))
    try:
        for part, images, labels in (
            ("train", source.train_images[train], source.train_labels[train]),
            ("validation", source.train_images[validation], source.train_labels[validation]),
            ("test", source.test_images, source.test_labels),
        ):
            keep(beside / f"{part}-images.npy", np.ascontiguousarray(images))
            keep(beside / f"{part}-labels.npy", labels)
        os.rename(beside, folder)
    except OSError as error:
        shutil.rmtree(beside)
        if not folder.exists():
            raise DataError(f"{entry.title} can't be written to the cache: {error.strerror or error}.") from error


def keep(path: Path, array: NDArray[Any]) -> None:
    """An array as a file that only its owner reads."""
    with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        np.save(file, array)
