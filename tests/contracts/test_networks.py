"""What holds for every network of the catalogue in the engine, tried on all of them at a fraction of their channels, on random images."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from prune_core import RunSpec, SpecError, catalogue, memory
from prune_core.engine import checkpoint
from prune_core.engine.asking import small
from prune_core.engine.checkpoint import Position
from prune_core.engine.dataset import Data, Images
from prune_core.engine.errors import RunError
from prune_core.engine.inheriting import refuse_strangers
from prune_core.engine.network import Network
from prune_core.engine.optimiser import Sgd
from prune_core.engine.paths import effective
from prune_core.engine.scoring import alive, histograms, score
from prune_core.engine.survey import survey
from prune_core.engine.training import Clock
from prune_core.estimate import estimate
from prune_core.events import LARGEST, Scored, to_json
from prune_core.parents import Inherited
from prune_core.spec_words import settings_of
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
    net.apply_masks(net.channel_masks({n: s > s.min() for n, s in scores.items()}), optimiser)
    for i in range(3):
        train(net, optimiser, i)
    heard = {}
    for group in net.entry.channel_groups:
        part = net.module.get_submodule(group.batch_norm or group.name)
        part.register_forward_hook(lambda _, __, out, name=group.name: heard.update({name: out}))
    net.module.eval()(images(net.entry, 2))
    for group in net.entry.channel_groups:
        silent = ~net.mask_of(group.producer).flatten(1).any(1)
        assert bool(silent.any())
        assert not heard[group.name][:, silent].any()
    assert sum(layer.kept for layer in net.kept_channels()) == sum(len(s) - int((s == s.min()).sum()) for s in scores.values())


GATED = [c.name for c in catalogue.criteria.values() if "channel" in c.granularities and not c.needs & {"batch_norm", "factors"}]


@pytest.mark.parametrize("criterion", GATED)
@pytest.mark.parametrize("name", ["lenet_5", "conv_4"])
def test_channels_without_batch_norm_have_scores_of_all_criteria_that_do_not_read_it(name, criterion):
    net = network(name)
    scores = score(asked(criterion, "channel"), net, random_data(net.entry), seed=0)
    assert {n: tuple(s.shape) for n, s in scores.items()} == {g.name: (g.channels,) for g in net.entry.channel_groups}
    assert all(len(s.unique()) > len(s) / 2 for s in scores.values())


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


class TestARunOfANarrowNetwork:
    spec = RunSpec(model="vgg_16", dataset="cifar_10_small", model_options={"width": 0.25})

    def test_says_so_in_its_title_and_its_settings(self):
        assert "VGG-16 at a quarter of its channels" in self.spec.title
        told = {s.field: s.value for s in settings_of(self.spec)}
        assert told["model_options.width"] == "a quarter of all channels"
        full = {s.field: s.value for s in settings_of(RunSpec(model="vgg_16", dataset="cifar_10_small"))}
        assert full["model_options.width"] == "all channels"

    def test_is_another_run_than_that_of_the_full_network(self):
        full = RunSpec(model="vgg_16", dataset="cifar_10_small")
        assert self.spec.fingerprint != full.fingerprint
        assert RunSpec(model="vgg_16", dataset="cifar_10_small", model_options={"width": 1}).fingerprint == full.fingerprint

    def test_is_estimated_by_its_own_speed_and_never_by_that_of_the_full_network(self):
        guess = estimate(self.spec, {})
        assert estimate(self.spec, {("vgg_16", "cifar_10_small"): 1e6}) == guess
        measured = estimate(self.spec, {(self.spec.network, "cifar_10_small"): 1e6})
        assert measured.measured
        assert measured.seconds > guess.seconds

    def test_needs_less_memory(self):
        full = memory.needed(RunSpec(model="vgg_16", dataset="cifar_10_small"))
        assert memory.needed(self.spec)["model"] < 0.1 * full["model"]

    def test_is_not_taken_for_a_parent_by_one_of_the_full_network(self):
        twin = self.spec.resolved().model_copy(update={"model_options": catalogue.models["vgg_16"].options()})
        with pytest.raises(RunError, match="parent: it has network vgg_16 at a quarter of its channels, this run has vgg_16"):
            refuse_strangers(twin, Inherited(self.spec, {}, {}, {}))


@pytest.mark.parametrize("classes", [10, 100])
def test_a_network_has_as_many_outputs_as_its_data_has_classes(classes):
    spec = RunSpec(model="wrn_16_4", dataset=f"cifar_{classes}", model_options={"width": 0.1})
    net = Network(spec.model_entry, spec.model_options, CPU)
    assert net.module.eval()(images(net.entry, 2)).shape == (2, classes)
    assert effective(net)["fc.weight"] == spec.model_entry.layers[-1].weights == 26 * classes


@pytest.mark.parametrize(("changed", "field"), [
    ({"batch_size": 7_199}, "batch_size"), ({"batch_size": 1}, "batch_size"),
    ({"criterion_options": {"bn_mode": "train", "n_examples": 65, "scoring_batch": 64}}, "criterion_options.scoring_batch"),
    ({"criterion_options": {"calibrate_bn": 1, "n_examples": 1}}, "criterion_options.scoring_batch"),
])  # fmt: skip
def test_a_last_batch_of_one_image_is_refused_where_batch_norm_stands_over_single_numbers(changed, field):
    with pytest.raises(SpecError, match=rf"^{field}: .* leaves a last batch of one image of "):
        RunSpec(model="vgg_d", dataset="cifar_10_small", **changed)
    RunSpec(model="vgg_16", dataset="cifar_10_small", **changed)


@pytest.mark.parametrize("name", [n for n, e in catalogue.models.items() if e.input_shape == (3, 32, 32)])
def test_recipes_are_for_data_sets_that_are_here_and_train_as_they_stand(name):
    entry = catalogue.models[name]
    assert set(entry.recipes) <= set(catalogue.datasets)
    resolved = RunSpec(model=name, dataset="cifar_10").resolved()
    assert {f: getattr(resolved, f) for f in ("lr", "batch_size", "augment")} == {
        f: getattr(entry.recipes["cifar_10"], f) for f in ("lr", "batch_size", "augment")
    }
