"""What holds for every network of the catalogue in the engine, tried on all of them at a fraction of their channels, on random images."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from prune_core import RunSpec, SpecError, catalogue
from prune_core.engine import checkpoint
from prune_core.engine.checkpoint import Position
from prune_core.engine.dataset import Data, Images
from prune_core.engine.execute import small
from prune_core.engine.inheriting import expanded
from prune_core.engine.network import Network
from prune_core.engine.optimiser import Sgd
from prune_core.engine.scoring import alive, histograms, score
from prune_core.engine.survey import survey
from prune_core.engine.training import Clock
from prune_core.events import LARGEST, Scored, to_json
from prune_core.steps import Score
from tests.oracles.narrow import images, narrow, network

CPU = torch.device("cpu")
CHANNELS = [name for name, entry in catalogue.models.items() if entry.channel_groups]


def random_data(entry) -> Data:
    """32 random images of the network's shape, four of each of eight classes."""
    chance = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (32, *entry.input_shape), generator=chance, dtype=torch.uint8)
    part = Images(pixels, torch.arange(32) % 8, torch.tensor(127.5), torch.tensor(1 / 64))
    shape = catalogue.datasets["digits"].model_copy(update={"shape": entry.input_shape, "classes": tuple("01234567")})
    return Data(shape, {"train": part, "validation": part, "test": part})


def asked(criterion: str, granularity: str = "weight", **fields) -> Score:
    entry = catalogue.criteria[criterion]
    options = entry.options(n_examples=8) if "n_examples" in entry.options.model_fields else entry.options()
    return Score(criterion=criterion, granularity=granularity, options=options.model_dump(mode="json"), **fields)


def train(net: Network, optimiser: Sgd, seed: int) -> None:
    net.gradient.zero_()
    F.cross_entropy(net.module.train()(images(net.entry, 4, seed)), torch.arange(4)).backward()
    net.mask_gradient()
    optimiser.step(0.01)


def half(net: Network) -> dict[str, torch.Tensor]:
    chance = torch.Generator().manual_seed(5)
    return {layer.name: torch.rand(layer.shape, generator=chance) < 0.5 for layer in net.entry.layers}


@pytest.mark.parametrize("name", catalogue.models)
def test_a_masked_network_saved_and_loaded_goes_on_as_if_nothing_had_happened(name, tmp_path):
    first, second = network(name), network(name, seed=1)
    optimisers = [Sgd(net.weights, net.gradient, 0.9, 5e-4) for net in (first, second)]
    train(first, optimisers[0], 1)
    first.apply_masks(half(first), optimisers[0])
    train(first, optimisers[0], 2)
    tensors, metadata = checkpoint.pack(first, optimisers[0], Clock(32, 4), Position(1, 2, 3.0), "f" * 64)
    save_file({n: torch.from_numpy(t) for n, t in tensors.items()}, tmp_path / "it.safetensors")
    read = {n: t.numpy() for n, t in load_file(tmp_path / "it.safetensors").items()}
    assert checkpoint.unpack(read, metadata, second, optimisers[1], Clock(32, 4)) == Position(1, 2, 3.0)
    assert second.weights_sha256() == first.weights_sha256()
    for net, optimiser in zip((first, second), optimisers, strict=True):
        train(net, optimiser, 3)
    assert second.weights_sha256() == first.weights_sha256()
    assert all(not second.parameters[n][~mask].any() for n, mask in second.masks.items())
    assert torch.equal(second.module.eval()(images(second.entry, 2)), first.module.eval()(images(first.entry, 2)))


@pytest.mark.parametrize("criterion", ["snip", "magnitude"])
@pytest.mark.parametrize("name", catalogue.models)
def test_every_weight_has_a_finite_score_and_most_have_one_above_zero(name, criterion):
    net = network(name)
    before = net.weights_sha256()
    scores = score(asked(criterion), net, random_data(net.entry), seed=0)
    assert {n: tuple(s.shape) for n, s in scores.items()} == {layer.name: layer.shape for layer in net.entry.layers}
    assert all(bool(s.isfinite().all()) for s in scores.values())
    assert sum(int((s > 0).sum()) for s in scores.values()) > 0.5 * net.entry.weights
    assert net.weights_sha256() == before


@pytest.mark.parametrize("name", CHANNELS)
def test_channels_that_are_removed_stay_silent_through_training(name):
    net = network(name)
    optimiser = Sgd(net.weights, net.gradient, 0.9, 5e-4)
    scores = score(asked("l2_norm", "channel"), net, random_data(net.entry), seed=0)
    assert {n: tuple(s.shape) for n, s in scores.items()} == {g.name: (g.channels,) for g in net.entry.channel_groups}
    net.apply_masks(expanded(net, {n: s > s.min() for n, s in scores.items()}), optimiser)
    for i in range(3):
        train(net, optimiser, i)
    heard = {}
    for group in net.entry.channel_groups:
        part = net.module.get_submodule(group.batch_norm or group.name)
        part.register_forward_hook(lambda _, __, out, name=group.name: heard.update({name: out}))
    net.module.eval()(images(net.entry, 2))
    for group in net.entry.channel_groups:
        silent = ~net.mask_of(group.members[0]).flatten(1).any(1)
        assert bool(silent.any())
        assert not heard[group.name][:, silent].any()
    assert sum(layer.kept for layer in net.kept_channels()) == sum(len(s) - int((s == s.min()).sum()) for s in scores.values())


@pytest.mark.parametrize("name", catalogue.models)
def test_an_event_stays_small_whatever_the_number_of_layers(name):
    net = network(name)
    step = asked("magnitude", sparsities=tuple(i / 200 for i in range(1, 200)))
    scores = score(step, net, random_data(net.entry), seed=0)
    looking = survey(step, net, scores, seed=0)
    event = small(Scored(
        epoch=0.0, criterion="magnitude", options=step.options, seconds=0.1, histograms=histograms(scores, alive(step, net, scores)),
        layers=looking.layers, sparsities=step.sparsities, kept=looking.kept, file="scores-0001.safetensors",
    ))  # fmt: skip
    assert len(to_json(event).encode()) <= LARGEST
    assert [sum(kept) for kept in event.kept] == [sum(kept) for kept in looking.kept]
    assert len(event.histograms) == len(net.entry.layers)
    assert all(sum(h.counts) + h.zeros == s.numel() for h, s in zip(event.histograms, scores.values(), strict=True))


@pytest.mark.parametrize("name", catalogue.models)
def test_every_network_says_what_it_is_and_has_a_speed_to_be_guessed_from(name):
    entry = catalogue.models[name]
    assert entry.summary.endswith(".")
    assert entry.reference_seconds > 0
    assert entry.papers or name == "small_conv"
    assert all(info.description for info in entry.options.model_fields.values())


def test_no_two_networks_have_one_title():
    assert len({entry.title for entry in catalogue.models.values()}) == len(catalogue.models)


@pytest.mark.parametrize("name", catalogue.models)
def test_images_of_another_shape_are_refused_in_words(name):
    others = [d.name for d in catalogue.datasets.values() if d.shape != catalogue.models[name].input_shape]
    for data in others:
        with pytest.raises(SpecError, match=rf"dataset: {data} has images of .* and {name} takes .* Data sets that fit: "):
            RunSpec(model=name, dataset=data)


def test_networks_of_another_width_are_told_apart_by_name():
    wide, slim = (narrow("wrn_16_4", width)[1] for width in (1.0, 0.25))
    names = [RunSpec.model_construct(model="wrn_16_4", model_options=options).network for options in (wide, slim)]
    assert names == ["wrn_16_4", "wrn_16_4 at a quarter of its channels"]
    assert [catalogue.network_title(n) for n in names] == ["WRN-16-4", "WRN-16-4 at a quarter of its channels"]
    assert catalogue.network_title("wrn_1_1 at a quarter of its channels") is None
