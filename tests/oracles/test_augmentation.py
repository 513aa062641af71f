"""Augmentation against one picture after another by hand, and its draws against chance."""

from itertools import takewhile

import numpy as np
import pytest
import torch
from scipy import stats

from prune_core import RunSpec, catalogue, run
from prune_core.engine.augmentation import REACH, Moves, drawn, moved
from prune_core.engine.dataset import Images, open_data
from prune_core.engine.execute import execute
from prune_core.engine.files import Folder
from prune_core.engine.masks import generator
from prune_core.engine.network import Network
from prune_core.engine.optimiser import OPTIMISERS
from prune_core.engine.training import Clock, train
from prune_core.events import to_json
from prune_core.models.initialisation import initialise
from prune_core.steps import Train

CPU = torch.device("cpu")
STEP = Train(start=0, until=2, lr=0.05)
BOTH = ("shift", "mirror")


def draws(n=20_000, seed=0, epoch=0, kinds=BOTH, step=STEP) -> Moves:
    return drawn(n, seed, step, epoch, kinds, CPU)


def by_hand(images, moves):
    """Each picture by itself, pixel by pixel: where does this one come from?"""
    result = np.zeros_like(images)
    n, channels, height, width = images.shape
    for i in range(n):
        for row in range(height):
            for column in range(width):
                there = width - 1 - column if moves.mirrored[i] else column
                y, x = row + int(moves.down[i]) - REACH, there + int(moves.right[i]) - REACH
                if 0 <= y < height and 0 <= x < width:
                    for c in range(channels):
                        result[i, c, row, column] = images[i, c, y, x]
    return result


@pytest.mark.parametrize("shape", [(12, 3, 32, 32), (12, 1, 28, 28), (12, 2, 5, 9), (1, 1, 1, 1)], ids=str)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_a_batch_comes_out_as_picture_after_picture_would(shape, dtype):
    images = torch.randint(1, 256, shape, generator=generator(3), dtype=torch.uint8).to(dtype)
    moves = draws(shape[0])
    np.testing.assert_array_equal(moved(images, moves).numpy(), by_hand(images.numpy(), moves))


def test_channels_are_never_mixed():
    images = torch.tensor([10.0, 20.0, 30.0]).reshape(1, 3, 1, 1).expand(500, 3, 32, 32)
    found = moved(images, draws(500))
    for c, value in enumerate((10, 20, 30)):
        assert set(found[:, c].unique().tolist()) == {0, value}


def test_every_shift_is_as_likely_as_any_other_and_half_of_the_pictures_are_mirrored():
    moves = draws(81 * 500)
    together = torch.bincount(moves.down * 9 + moves.right, minlength=81)
    assert stats.chisquare(together.numpy()).pvalue > 0.01
    assert stats.binomtest(int(moves.mirrored.sum()), len(moves.mirrored)).pvalue > 0.01
    where_mirrored = torch.bincount(moves.down[moves.mirrored] * 9 + moves.right[moves.mirrored], minlength=81)
    assert stats.chisquare(where_mirrored.numpy()).pvalue > 0.01


def test_only_what_the_data_set_has_is_done():
    shifted, mirrored, nothing = (draws(kinds=kinds) for kinds in (("shift",), ("mirror",), ()))
    assert not shifted.mirrored.any()
    assert len(shifted.down.unique()) == len(shifted.right.unique()) == 9
    assert mirrored.mirrored.any()
    assert set(mirrored.down.tolist()) == set(mirrored.right.tolist()) == {REACH}
    images = torch.randint(0, 256, (20_000, 1, 2, 2), generator=generator(0), dtype=torch.uint8)
    assert torch.equal(moved(images, nothing), images)


def test_every_epoch_seed_and_order_draws_anew_and_the_same_again():
    assert torch.equal(draws().down, draws().down)
    reordered, later = (Train(start=0, until=2, lr=0.05, **of) for of in ({"order": "reorder"}, {"order_from": 7}))
    others = [draws(epoch=1), draws(seed=1), draws(step=reordered), draws(step=later)]
    assert not any(torch.equal(draws().down, other.down) for other in others)
    assert torch.equal(draws(epoch=7).down, draws(step=later).down)


def trained(augment: bool, images: Images, seed: int = 0) -> Network:
    """Two epochs of LeNet-300-100 by the training loop itself."""
    entry, spec = catalogue.models["lenet_300_100"], RunSpec(dataset="mnist", augment=augment, seed=seed, batch_size=100).resolved()
    network = Network(entry, entry.options(), CPU)
    initialise(network.module, "glorot", generator(0))
    optimiser = OPTIMISERS["sgd"](network.weights, network.gradient, 0.9, 0.0)
    for _ in train(spec, STEP, network, optimiser, images, Clock(len(images), 100), lambda _: False):
        pass
    return network


def test_the_order_of_the_images_is_the_same_with_augmentation_as_without():
    """Black pictures look alike however they are shifted: only their labels, in their order, make the weights."""
    digits = open_data(catalogue.datasets["digits"], CPU, print)["train"]
    black = Images(torch.zeros_like(digits.images), digits.labels, digits.shift, digits.scale)
    assert torch.equal(trained(True, black).weights, trained(False, black).weights)
    assert not torch.equal(trained(True, digits).weights, trained(False, digits).weights)
    assert not torch.equal(trained(True, black, seed=1).weights, trained(True, black).weights)


@pytest.fixture
def augmented(monkeypatch) -> RunSpec:
    """A run on digits, as if they might be shifted and mirrored: the other data sets are not small."""
    digits = catalogue.datasets["digits"].model_copy(update={"augmentation": BOTH})
    monkeypatch.setattr(catalogue, "datasets", {**catalogue.datasets, "digits": digits})
    return RunSpec(augment=True, epochs=2)


def test_a_run_that_augments_ends_in_the_same_weights_however_often_it_is_broken_off(augmented, tmp_path):
    *_, whole = run(augmented)
    for n in (3, 37, 1, 20, 10**9):
        asked = iter(range(n))
        *_, last = execute(augmented, files=Folder(tmp_path), stop=lambda asked=asked: next(asked, None) is None)
    assert last.event.kind == "finished"
    assert last.event.weights_sha256 == whole.event.weights_sha256


def test_scores_and_evaluations_see_the_pictures_as_they_are(augmented):
    """Until the first step of training nothing differs from the run without."""
    found = []
    for augment in (True, False):
        events = (e for _, e in run(augmented.model_copy(update={"augment": augment})))
        before = list(takewhile(lambda e: e.epoch == 0 if e.kind != "started" else True, events))
        found.append([to_json(e) for e in before if e.kind in ("pruned", "evaluated")])
    assert found[0] == found[1]
    assert len(found[0]) == 2
