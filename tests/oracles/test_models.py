"""Models against the counts of the literature and against torch's own flop counter; initialisations against their moments."""

import math

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from prune_core import catalogue
from prune_core.models.initialisation import INITIALISATIONS, initialise

PUBLISHED = {
    "lenet_300_100": (266_610, 266_200, 266_200),
    "lenet_5": (431_080, 430_500, 2_293_000),
    "small_conv": (14_458, 14_288, 1_467_968),
}


def built(entry):
    return catalogue.function_of(entry)(entry.options(), entry.classes)


@pytest.mark.parametrize("entry", catalogue.models.values(), ids=catalogue.models)
def test_counts_are_those_of_the_table(entry):
    parameters, weights, macs = PUBLISHED[entry.name]
    assert (entry.parameters, entry.weights, entry.macs) == (parameters, weights, macs)
    model = built(entry)
    assert sum(p.numel() for p in model.parameters()) == parameters
    with FlopCounterMode(display=False) as counter:
        model.eval()(torch.zeros(1, *entry.input_shape))
    assert counter.get_total_flops() == 2 * macs


@pytest.mark.parametrize("entry", catalogue.models.values(), ids=catalogue.models)
def test_layers_and_channel_groups_of_the_entry_are_those_of_the_module(entry):
    shapes = {n: tuple(p.shape) for n, p in built(entry).named_parameters()}
    ranked = {n: s for n, s in shapes.items() if len(s) > 1}
    assert {layer.name: layer.shape for layer in entry.layers} == ranked
    for group in entry.channel_groups:
        assert all(shapes[m][0] == group.channels for m in group.members)


@pytest.mark.parametrize("entry", catalogue.models.values(), ids=catalogue.models)
@pytest.mark.parametrize("batch", [1, 2])
def test_output_is_logits_and_every_parameter_gets_a_gradient(entry, batch):
    model = built(entry)
    initialise(model, entry.options().initialisation, torch.Generator().manual_seed(0))
    logits = model(torch.randn(batch, *entry.input_shape, generator=torch.Generator().manual_seed(1)))
    assert logits.shape == (batch, entry.classes)
    logits.logsumexp(1).sum().backward()
    for name, p in model.named_parameters():
        assert p.grad is not None, name
        assert bool(p.grad.any()), name


WANTED_STD = {
    "glorot": lambda i, o: math.sqrt(2 / (i + o)), "he": lambda i, o: math.sqrt(2 / i), "lecun": lambda i, o: math.sqrt(1 / i),
    "random_normal": lambda i, o: 0.1, "truncated_normal": lambda i, o: 0.1 * 0.87962566103423978, "torch_default": lambda i, o: 1 / math.sqrt(3 * i),
}  # fmt: skip


@pytest.mark.parametrize("name", INITIALISATIONS)
def test_initial_weights_have_the_moments_they_should(name):
    for entry in catalogue.models.values():
        model = built(entry)
        initialise(model, name, torch.Generator().manual_seed(0))
        for weight in (p for p in model.parameters() if p.numel() > 10_000):
            fan_in, fan_out = torch.nn.init._calculate_fan_in_and_fan_out(weight)
            std = WANTED_STD[name](fan_in, fan_out)
            assert abs(float(weight.detach().std()) / std - 1) < 0.02
            assert abs(float(weight.detach().mean())) < 4 * std / math.sqrt(weight.numel())


def test_truncated_draws_never_go_beyond_two_standard_deviations():
    model = built(catalogue.models["lenet_300_100"])
    initialise(model, "truncated_normal", torch.Generator().manual_seed(0))
    assert float(model.fc1.weight.detach().abs().max()) <= 0.2


def test_relu_after_the_convolutions_is_an_option_of_lenet_5():
    entry = catalogue.models["lenet_5"]
    plain = catalogue.function_of(entry)(entry.options(), entry.classes)
    rectified = catalogue.function_of(entry)(entry.options(relu_after_conv=True), 10)
    rectified.load_state_dict(plain.state_dict())
    images = torch.randn(2, 1, 28, 28)
    assert not torch.allclose(plain(images), rectified(images))
