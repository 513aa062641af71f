"""True effects of removals against numpy and against hooks on another copy; layers pruned alone against a sort."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from prune_core import catalogue
from prune_core.engine.dataset import open_data
from prune_core.engine.judging import prediction, removal, sensitivity
from prune_core.engine.network import Network
from prune_core.engine.reading import Reading
from prune_core.engine.scoring import score
from prune_core.models.initialisation import initialise
from prune_core.protocols.judge import strata

CPU = torch.device("cpu")
IMAGES = 150


def always(_: int) -> bool:
    return True


@pytest.fixture(scope="module")
def data():
    return open_data(catalogue.datasets["digits"], CPU, print)


def subject(model: str, data, seed: int = 3) -> Reading:
    entry = catalogue.models[model]
    network = Network(entry, entry.options(), CPU)
    chance = torch.Generator().manual_seed(seed)
    initialise(network.module, "he", chance)
    with torch.no_grad():  # as after some training
        for name, tensor in network.module.state_dict().items():
            if tensor.is_floating_point() and (name.startswith("bn") or name.endswith("bias")):
                tensor.add_(torch.randn(tensor.shape, generator=chance) * 0.2)
    return Reading(network, data, {}, {}, seed, always, lambda step: score(step, network, data, seed))


def taking_out(layer: str, count: int, unit: str = "weight", images: int = IMAGES) -> dict:
    return {"layer": layer, "unit": unit, "count": count, "images": images}


def numpy_loss(parameters: dict[str, np.ndarray], images: np.ndarray, labels: np.ndarray) -> float:
    """LeNet-300-100 and its mean cross-entropy, in numpy."""
    x = images.reshape(len(images), -1)
    for i in (1, 2, 3):
        x = x @ parameters[f"fc{i}.weight"].T + parameters[f"fc{i}.bias"]
        x = np.maximum(x, 0) if i < 3 else x
    top = x.max(1, keepdims=True)
    return float((np.log(np.exp(x - top).sum(1)) + top[:, 0] - x[np.arange(len(x)), labels]).mean())


@pytest.mark.parametrize("layer", ["fc1.weight", "fc2.weight", "fc3.weight"])
def test_the_rise_without_a_weight_is_that_of_a_network_written_in_numpy(layer, data):
    asked = subject("lenet_300_100", data)
    found = removal(asked._replace(options=taking_out(layer, 12)))
    parameters = {n: p.detach().numpy().astype(np.float64) for n, p in asked.network.module.named_parameters()}
    images, labels = (t.numpy() for t in data["train"].chunk(0, IMAGES))
    before = numpy_loss(parameters, images.astype(np.float64), labels)
    assert found["loss"] == pytest.approx(before, rel=1e-13)
    for place, rise in zip(found["units"], found["rises"], strict=True):
        without = parameters | {layer: parameters[layer].copy()}
        without[layer].flat[place] = 0
        assert rise == pytest.approx(numpy_loss(without, images.astype(np.float64), labels) - before, rel=1e-9, abs=1e-13)


def test_a_rise_of_a_billionth_is_resolved(data):
    """A weight of 1e-6 changes the loss by its slope times 1e-6; in float32 nothing of that would be left."""
    asked = subject("lenet_300_100", data)
    weight = asked.network.parameters["fc3.weight"]
    weight.data.fill_(1e-6)
    found = removal(asked._replace(options=taking_out("fc3.weight", 20)))
    module = copy.deepcopy(asked.network.module).double()
    images, labels = data["train"].chunk(0, IMAGES)
    F.cross_entropy(module(images.double()), labels).backward()
    slopes = module.fc3.weight.grad.flatten()[found["units"]]
    expected = (-1e-6 * slopes).numpy()
    assert 1e-9 < np.abs(expected).max() < 1e-5
    np.testing.assert_allclose(found["rises"], expected, rtol=1e-4, atol=1e-12)


def test_a_channel_is_taken_out_with_what_batch_norm_adds_to_it(data):
    """Another copy whose activation of that channel a hook sets to 0."""
    asked = subject("small_conv", data)
    images, labels = data["train"].chunk(0, IMAGES)
    for group in asked.network.entry.channel_groups:
        found = removal(asked._replace(options=taking_out(group.name, 5, "channel")))
        for place, rise in zip(found["units"], found["rises"], strict=True):
            module = copy.deepcopy(asked.network.module).double().eval()

            def silence(_, __, output, place=place):
                output[:, place] = 0
                return output

            def loss(module=module):
                return float(F.cross_entropy(module(images.double()), labels))

            with torch.no_grad():
                before = loss()
                module.get_submodule(group.batch_norm).register_forward_hook(silence)
                assert rise == pytest.approx(loss() - before, rel=1e-9, abs=1e-12)


def test_predictions_are_the_scores_of_the_same_units(data):
    asked = subject("lenet_300_100", data)
    sample = {"fc2.weight": 30, "fc3.weight": 20}
    told = {"criterion": "magnitude", "options": {}, "unit": "weight", "sample": sample}
    found = prediction(asked._replace(options=told))
    for layer, scores in zip(found["layers"], found["scores"], strict=True):
        places = removal(asked._replace(options=taking_out(layer, sample[layer], images=1)))["units"]
        assert scores == asked.network.parameters[layer].detach().abs().double().flatten()[places].tolist()


def test_units_are_drawn_by_the_seed_and_a_larger_draw_holds_the_smaller(data):
    asked = subject("lenet_300_100", data)
    few, many = (set(removal(asked._replace(options=taking_out("fc3.weight", n, images=1)))["units"]) for n in (10, 40))
    other = set(removal(asked._replace(seed=4, options=taking_out("fc3.weight", 40, images=1)))["units"])
    assert few < many
    assert len(many) == 40
    assert other != many


def test_one_layer_alone_loses_its_smallest_weights_and_the_others_none(data):
    asked = subject("lenet_300_100", data)
    told = {"layer": "fc2.weight", "criterion": "magnitude", "options": {}, "unit": "weight", "sparsities": [0.25, 0.5, 0.9]}
    found = sensitivity(asked._replace(options=told))
    assert found["kept"] == [22_500, 15_000, 3_000]
    parameters = {n: p.detach().numpy() for n, p in asked.network.module.named_parameters()}
    images, labels = (t.numpy() for t in data["validation"].chunk(0, len(data["validation"])))
    for kept, accuracy, loss in zip(found["kept"], found["accuracies"], found["losses"], strict=True):
        weight = parameters["fc2.weight"].copy()
        weight.flat[np.argsort(np.abs(weight), axis=None)[: weight.size - kept]] = 0
        parts = {n: p.astype(np.float64) for n, p in (parameters | {"fc2.weight": weight}).items()}
        assert loss == pytest.approx(numpy_loss(parts, images.astype(np.float64), labels), rel=1e-5)
        hidden = images.reshape(len(images), -1)
        for i in (1, 2, 3):
            hidden = hidden @ parts[f"fc{i}.weight"].T + parts[f"fc{i}.bias"]
            hidden = np.maximum(hidden, 0) if i < 3 else hidden
        assert accuracy == (hidden.argmax(1) == labels).mean()


def test_a_group_of_channels_alone_loses_its_weakest_filters(data):
    asked = subject("small_conv", data)
    told = {"layer": "conv2", "criterion": "l2_norm", "options": {}, "unit": "channel", "sparsities": [0.5]}
    found = sensitivity(asked._replace(options=told))
    module = copy.deepcopy(asked.network.module).eval()
    weakest = module.conv2.weight.detach().flatten(1).norm(dim=1).argsort()[:16]
    module.bn2.register_forward_hook(lambda _, __, output: output.index_fill(1, weakest, 0))
    images, labels = data["validation"].chunk(0, len(data["validation"]))
    with torch.no_grad():
        assert found["accuracies"] == [float((module(images).argmax(1) == labels).double().mean())]
    assert found["kept"] == [16]


def test_a_group_of_channels_cut_to_nearly_nothing_keeps_its_strongest_and_weights_may_all_go(data):
    asked = subject("small_conv", data)
    channels = {"layer": "conv1", "criterion": "l2_norm", "options": {}, "unit": "channel", "sparsities": [0.9, 0.99]}
    found = sensitivity(asked._replace(options=channels))
    assert (found["of"], found["kept"]) == (16, [2, 1])
    module = copy.deepcopy(asked.network.module).eval()
    weakest = module.conv1.weight.detach().flatten(1).norm(dim=1).argsort()[:15]
    module.bn1.register_forward_hook(lambda _, __, output: output.index_fill(1, weakest, 0))
    images, labels = data["validation"].chunk(0, len(data["validation"]))
    with torch.no_grad():
        assert found["losses"][1] == pytest.approx(float(F.cross_entropy(module(images), labels)), rel=1e-5)
    weights = {"layer": "conv1.weight", "criterion": "magnitude", "options": {}, "unit": "weight", "sparsities": [0.999]}
    assert sensitivity(asked._replace(options=weights))["kept"] == [0]


@given(st.integers(1, 2_000), st.lists(st.integers(1, 900), min_size=1, max_size=8))
def test_as_many_units_are_drawn_of_each_layer_as_it_has(units, each):
    sizes = {f"layer {i}": size for i, size in enumerate(each)}
    found = strata(units, sizes)
    assert list(found) == list(sizes)
    assert sum(found.values()) == min(units, sum(each))
    assert all(min(size, units // len(each)) <= found[name] <= size for name, size in sizes.items())
