"""What holds for every data set of the catalogue: counts, classes, constants, and words where it is missing."""

import hashlib
import pickle
import tarfile

import numpy as np
import pytest
import torch

from prune_core import catalogue, method_words
from prune_core.catalogue.published import PUBLISHED
from prune_core.data import cifar
from prune_core.data.torchvision_import import torchvision_datasets
from prune_core.data.types import DataError
from prune_core.doctor import data as findings
from prune_core.engine.dataset import PARTS, open_data
from prune_core.settings import settings

EVERY = pytest.mark.parametrize("name", catalogue.datasets)
CPU = torch.device("cpu")
WHOLE = ("train", "validation", "test")


def here(name):
    if catalogue.datasets[name].missing(settings().data_folder):
        pytest.skip(f"{name} is not in ESPALIER_DATA")
    return open_data(catalogue.datasets[name], CPU, print)


def quiet(_):
    pass


@EVERY
class TestEveryDataSet:
    def test_has_as_many_images_in_its_classes_as_in_its_parts(self, name):
        entry = catalogue.datasets[name]
        for part in WHOLE:
            each = getattr(entry.balance, part)
            assert len(each) == len(entry.classes)
            assert sum(each) == getattr(entry, part)

    def test_is_what_its_entry_says(self, name):
        entry, data = catalogue.datasets[name], here(name)
        for part in PARTS:
            counts = torch.bincount(data[part].labels, minlength=len(entry.classes))
            assert data[part].images.dtype == torch.uint8
            assert data[part].images.shape[1:] == entry.shape
            off = np.abs(counts.numpy() - getattr(entry.balance, part))
            assert off.max() <= (0 if entry.balance.exact else 40)  # six standard deviations of a class's share in a tenth drawn by lot

    def test_is_standardised_by_its_own_constants(self, name):
        """Those of a part are nearly those of the whole; CIFAR's are the ones in public use."""
        entry, data = catalogue.datasets[name], here(name)
        pixels = data["train"].images.numpy() / np.float32(255)
        np.testing.assert_allclose(pixels.mean((0, 2, 3)), entry.mean, atol=2e-3)
        np.testing.assert_allclose(pixels.std((0, 2, 3)), entry.std, atol=2e-3)

    def test_recipe_asks_for_no_augmentation_that_it_does_not_have(self, name):
        entry = catalogue.datasets[name]
        assert entry.augmentation or not entry.recipe.augment

    def test_missing_is_told_by_the_doctor_with_what_to_do(self, name, tmp_path, monkeypatch):
        monkeypatch.setattr("prune_core.doctor.settings", lambda: settings().model_copy(update={"data": tmp_path}))
        entry = catalogue.datasets[name]
        found = next(f for f in findings() if f.what == name)
        assert found.remedy == ""
        for file in entry.files:
            assert file.path.rpartition("/")[2] in found.place
        assert ("downloads" in found.found) == bool(entry.files and entry.downloads)
        assert ("comes with the software" in found.found) == (not entry.files)

    def test_says_in_its_facts_where_its_files_come_from(self, name):
        facts = dict(method_words.facts(catalogue.datasets[name]))
        assert {"Images", "Of a class", "Size", "Augmentation", "Licence", "Download"} <= set(facts)


def test_the_small_cifar_says_that_it_is_not_the_whole_and_stands_beside_no_published_number():
    small = catalogue.datasets["cifar_10_small"]
    assert "are not accuracies on CIFAR-10" in small.summary
    assert "no accuracy on CIFAR-10" in small.caution
    assert not [p for p in PUBLISHED if p.dataset == small.name]


def test_the_small_cifar_is_the_beginning_of_the_file_in_its_order():
    here("cifar_10_small")
    found = cifar.load_cifar_10_small(settings().data_folder, quiet)
    names = catalogue.datasets["cifar_10_small"].classes
    assert [names[i] for i in found.train_labels[:5]] == ["frog", "truck", "truck", "deer", "automobile"]
    assert found.test_labels[:10].tolist() == [3, 8, 8, 0, 6, 6, 1, 6, 3, 1]
    with np.load(settings().data_folder / "cifar_10_small.npz") as archive:
        assert tuple(archive["classes"]) == names
        for i, row, column, colour in ((0, 0, 0, 0), (17, 3, 30, 1), (7_999, 31, 2, 2)):
            assert found.train_images[i, colour, row, column] == archive["x_train"][i, row, column, colour]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, r"CIFAR-10 small is not here\. Put cifar_10_small\.npz into the data folder; `python -m prune_core doctor` says where"),
        (b"", r"cifar_10_small\.npz can't be read"),
        (b"PK\x03\x04 cut off", r"cifar_10_small\.npz can't be read"),
        (np.zeros(3), r"cifar_10_small\.npz can't be read"),
        ({"x_train": np.zeros((1, 32, 32, 3), np.uint8)}, r"cifar_10_small\.npz can't be read"),
        ({n: np.zeros(1, np.uint8) for n in cifar.SMALL}, r"cifar_10_small\.npz holds other images than it should"),
        ({n: np.array([{}], object) for n in cifar.SMALL}, r"cifar_10_small\.npz can't be read: Object arrays cannot be loaded"),
    ],
    ids=["missing", "empty", "cut off", "one array", "incomplete", "other images", "pickled"],
)
def test_a_small_cifar_that_is_no_such_file_is_refused_in_words(content, said, tmp_path):
    if isinstance(content, bytes):
        (tmp_path / "cifar_10_small.npz").write_bytes(content)
    elif isinstance(content, np.ndarray):
        np.save(tmp_path / "array", content)
        (tmp_path / "array.npy").rename(tmp_path / "cifar_10_small.npz")
    elif content is not None:
        np.savez(tmp_path / "cifar_10_small.npz", **content)
    with pytest.raises(DataError, match=said):
        cifar.load_cifar_10_small(tmp_path, quiet)


def archive_of(folder, images, labels):
    """A little archive laid out as CIFAR-10's: five training batches, one test batch, names; returns torchvision's class with its checksums."""
    inside = folder / "made" / "cifar-10-batches-py"
    inside.mkdir(parents=True)
    sums = {}
    batches = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
    for name, x, y in zip(batches, np.array_split(images, 6), np.array_split(labels, 6), strict=True):
        (inside / name).write_bytes(pickle.dumps({"data": x.transpose(0, 3, 1, 2).reshape(len(x), -1), "labels": y.tolist()}))
    (inside / "batches.meta").write_bytes(pickle.dumps({"label_names": ["a", "b"]}))
    for path in inside.iterdir():
        sums[path.name] = hashlib.md5(path.read_bytes()).hexdigest()
    with tarfile.open(folder / "cifar-10-python.tar.gz", "w:gz") as tar:
        tar.add(inside, "cifar-10-batches-py")
    return type(
        "Little", (torchvision_datasets().CIFAR10,),
        {
            "tgz_md5": hashlib.md5((folder / "cifar-10-python.tar.gz").read_bytes()).hexdigest(),
            "train_list": [[name, sums[name]] for name in batches[:5]], "test_list": [["test_batch", sums["test_batch"]]],
            "meta": {"filename": "batches.meta", "key": "label_names", "md5": sums["batches.meta"]},
        },
    )  # fmt: skip


def test_an_archive_in_the_layout_of_cifar_is_read_by_torchvision_and_comes_out_channels_first(tmp_path):
    chance = np.random.default_rng(0)
    images, labels = chance.integers(0, 256, (12, 32, 32, 3), np.uint8), chance.integers(0, 2, 12)
    kind = archive_of(tmp_path, images, labels)
    found = cifar.load("cifar_10", lambda _: kind, tmp_path, quiet)
    assert found.train_images.shape == (10, 3, 32, 32)
    for i in range(10):
        for colour in range(3):
            assert (found.train_images[i, colour] == images[i, :, :, colour]).all()
    assert found.train_labels.tolist() == labels[:10].tolist()
    assert found.test_labels.tolist() == labels[10:].tolist()
    assert (found.test_images[1, 2] == images[11, :, :, 2]).all()


@pytest.mark.parametrize(("name", "file"), [("cifar_10", "cifar-10-python.tar.gz"), ("cifar_100", "cifar-100-python.tar.gz")])
def test_a_cifar_that_can_not_be_had_names_its_file_and_where_it_belongs(name, file, tmp_path):
    blocked = tmp_path / "data"
    blocked.write_text("a file where the folder belongs: neither found nor downloaded")
    words = rf"{catalogue.datasets[name].title} is not here and could not be downloaded\. Put {file} into the data folder; .*doctor"
    with pytest.raises(DataError, match=words):
        getattr(cifar, f"load_{name}")(blocked, quiet)
