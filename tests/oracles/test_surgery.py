"""Physically smaller networks against masked ones, torch-pruning's dependency graph, torch's own counter and counting by hand, and training."""

import copy

import pytest
import torch
import torch_pruning
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from prune_core import catalogue
from prune_core.catalogue import shrunk as numbers
from prune_core.engine.channels import expanded
from prune_core.engine.dataset import open_data
from prune_core.engine.network import Network
from prune_core.engine.optimiser import OPTIMISERS
from prune_core.engine.shrinking import carry_over, difference
from prune_core.engine.surgery import shrunk, standing
from prune_core.models.initialisation import initialise
from tests.conftest import has
from tests.oracles.narrow import narrow

CPU = torch.device("cpu")
ABLE = [name for name, entry in catalogue.models.items() if entry.channel_groups]
CASES = [(name, {}) for name in ABLE] + [("resnet_20", {"shortcut": "B"})]
EVERY = pytest.mark.parametrize(("name", "options"), CASES, ids=[f"{n}{'-B' if o else ''}" for n, o in CASES])
# what torch-pruning 1.6 makes of channels of zeros appended to a shortcut is no network that runs
TRACEABLE = pytest.mark.parametrize(("name", "options"), [c for c in CASES if c != ("resnet_20", {})], ids=str)


def real_images(entry, n: int) -> torch.Tensor:
    """Standardised images of a real data set that the network takes."""
    data = next(d for d in ("digits", "cifar_10_small") if catalogue.datasets[d].shape == entry.input_shape)
    if not has(data):
        pytest.skip(f"{data} is not in ESPALIER_DATA")
    return open_data(catalogue.datasets[data], CPU, print)["train"].chunk(0, n)[0]


def built(name: str, options: dict, seed: int = 0):
    """(entry with all its channel groups to remove, module whose batch norms have seen images)."""
    entry, chosen = narrow(name, **options)
    entry = entry.removing(True)
    module = catalogue.function_of(entry)(chosen, entry.classes)
    chance = torch.Generator().manual_seed(seed)
    initialise(module, chosen.initialisation, chance)
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, nn.BatchNorm2d | nn.BatchNorm1d):
                part.weight.copy_(torch.randn(part.weight.shape, generator=chance))
                part.bias.copy_(torch.randn(part.bias.shape, generator=chance))
    module.train()(real_images(entry, 32))
    return entry, module


def flags(entry, share: float = 0.5, seed: int = 0) -> dict[str, torch.Tensor]:
    """Every channel stays by lot, one of each group at least."""
    chance = torch.Generator().manual_seed(seed)
    return standing({g.name: torch.rand(g.channels, generator=chance) < share for g in entry.channel_groups})


def masked(module: nn.Module, entry, kept) -> nn.Module:
    twin = copy.deepcopy(module)
    parameters = dict(twin.named_parameters())
    with torch.no_grad():
        for name, mask in expanded(entry, {n: p.shape for n, p in parameters.items()}, kept).items():
            parameters[name].mul_(mask)
    return twin


def apart(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).detach().abs().max() / one.detach().abs().max())


@EVERY
def test_the_smaller_network_computes_what_the_masked_one_does(name, options):
    entry, module = built(name, options)
    kept, images = flags(entry), real_images(entry, 16)
    twin, small = masked(module, entry, kept), shrunk(module, entry, kept)
    assert difference(twin, small, images, torch.float64) <= 1e-10
    assert difference(twin, small, images, torch.float32) <= 1e-4
    assert sum(p.numel() for p in small.parameters()) < sum(p.numel() for p in module.parameters())
    twin, small, images = twin.double().train(), small.double().train(), images.double()
    assert apart(twin(images), small(images)) <= 1e-10  # by the statistics of the batch too


@EVERY
def test_removing_something_else_is_noticed(name, options):
    """The guard of the guard: another channel out of one group, and outputs differ."""
    entry, module = built(name, options)
    kept = flags(entry)
    other = {n: f.clone() for n, f in kept.items()}
    group = next(g for g in entry.channel_groups if 0 < int(kept[g.name].sum()) < g.channels)
    inside, outside = (int(places.flatten()[0]) for places in (kept[group.name].nonzero(), (~kept[group.name]).nonzero()))
    other[group.name][inside], other[group.name][outside] = False, True
    assert difference(masked(module, entry, kept), shrunk(module, entry, other), real_images(entry, 16), torch.float64) > 1e-10


@TRACEABLE
def test_groups_are_those_of_the_dependency_graph(name, options):
    entry, module = built(name, options)
    graph = torch_pruning.DependencyGraph().build_dependency(module.eval(), example_inputs=real_images(entry, 1))
    names = {part: n for n, part in module.named_modules()}
    for group in entry.channel_groups:
        gone = list(range(0, group.channels, 2))
        theirs: dict = {}
        root = module.get_submodule(group.producer.removesuffix(".weight"))
        for dep, places in graph.get_pruning_group(root, torch_pruning.prune_conv_out_channels, gone):
            if dep.target.module in names:
                kind = "columns" if "in_channels" in dep.handler.__name__ else "rows"
                theirs.setdefault((names[dep.target.module], kind), set()).update(places)
        ours = {(p.name.removesuffix(".weight"), "rows"): {p.start + k for k in gone} for p in group.members if p.name.endswith(".weight")}
        ours |= {
            (p.name.removesuffix(".weight"), "columns"): {p.start + k * p.each + i for k in gone for i in range(p.each)}
            for p in group.readers
        }
        assert ours == theirs


def test_appended_zeros_tie_the_first_channels_of_all_stages():
    """Option A appends zeros: channel 3 of the third stage is channel 3 of the first, and channel 40 is no other's."""
    entry = catalogue.models["resnet_20"].removing(True)
    shared = [g for g in entry.channel_groups if g.shared]
    assert [(g.name, g.channels, g.producers[0].start) for g in shared] == [
        ("conv", 16, 0), ("stage2.block1.conv2", 16, 16), ("stage3.block1.conv2", 32, 32)
    ]  # fmt: skip
    assert [len(g.producers) for g in shared] == [10, 6, 3]


@EVERY
def test_plain_numbers_after_surgery_are_those_of_the_module(name, options):
    entry, module = built(name, options)
    kept = flags(entry)
    small, widths = shrunk(module, entry, kept), {n: int(f.sum()) for n, f in kept.items()}
    assert numbers.parameters(entry, widths) == sum(p.numel() for p in small.parameters())
    assert {x.name: x.shape for x in numbers.layers(entry, widths)} == {
        n: tuple(p.shape) for n, p in small.named_parameters() if p.ndim > 1
    }
    image = real_images(entry, 1)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        small.eval()(image)
    assert 2 * numbers.macs(entry, widths) == counter.get_total_flops()


@EVERY
def test_multiply_adds_are_outputs_times_what_each_is_a_sum_of(name, options):
    """Counted by hand from what every layer is heard to put out."""
    entry, module = built(name, options)
    kept, counted = flags(entry), []
    small = shrunk(module, entry, kept)
    for part in small.modules():
        if isinstance(part, nn.Conv2d | nn.Linear):
            part.register_forward_hook(lambda layer, _, out: counted.append(out[0].numel() * layer.weight[0].numel()))
    small.eval()(real_images(entry, 1))
    assert sum(counted) == numbers.macs(entry, {n: int(f.sum()) for n, f in kept.items()})


@EVERY
def test_what_a_channel_costs_is_what_the_network_is_smaller_by_without_it(name, options):
    entry, _ = narrow(name, **options)
    entry = entry.removing(True)
    widths = {g.name: g.channels for g in entry.channel_groups}
    costs, chance = numbers.Costs(entry, widths), torch.Generator().manual_seed(0)
    for _ in range(25):
        able = [n for n, width in widths.items() if width > 1]
        if not able:
            break
        group = able[int(torch.randint(len(able), (), generator=chance))]
        fewer = {**widths, group: widths[group] - 1}
        assert costs.macs(group) == numbers.macs(entry, widths) - numbers.macs(entry, fewer)
        assert costs.parameters(group) == numbers.parameters(entry, widths) - numbers.parameters(entry, fewer)
        costs.remove(group)
        widths = fewer
        assert (costs.total_macs, costs.total_parameters) == (numbers.macs(entry, widths), numbers.parameters(entry, widths))


@EVERY
def test_surgery_twice_is_surgery_once(name, options):
    """Places move with what was taken out before them."""
    entry, module = built(name, options)
    first, chance = flags(entry, 0.7), torch.Generator().manual_seed(3)
    once = numbers.at(entry, {n: int(f.sum()) for n, f in first.items()})
    smaller = entry.model_copy(update=dict(once))
    second = {n: f.clone() for n, f in first.items()}
    for f in second.values():
        f[f.nonzero().flatten()[1:]] = torch.rand(int(f.sum()) - 1, generator=chance) < 0.5
    rest = {n: second[n][first[n]] for n in first}
    twice = shrunk(shrunk(module, entry, first), smaller, rest)
    for (n, p), q in zip(twice.named_parameters(), shrunk(module, entry, second).parameters(), strict=True):
        assert torch.equal(p, q), n
    assert dict(numbers.at(once, {n: int(f.sum()) for n, f in rest.items()})) == dict(
        numbers.at(entry, {n: int(f.sum()) for n, f in second.items()})
    )


@pytest.mark.parametrize("name", ["small_conv", "vgg_11", "resnet_20", "wrn_16_4", "densenet_40"])
def test_training_under_the_masks_is_training_of_the_smaller_network(name):
    """Twenty steps of SGD on the same batches in double precision: what is left has the same numbers."""
    entry, module = built(name, {})
    kept = flags(entry)
    twin, small = masked(module, entry, kept).double().train(), shrunk(module, entry, kept).double().train()
    masks = expanded(entry, {n: p.shape for n, p in twin.named_parameters()}, kept)
    optimisers = [torch.optim.SGD(m.parameters(), lr=0.02, momentum=0.9, weight_decay=5e-4) for m in (twin, small)]
    images = real_images(entry, 160).double()
    for i in range(20):
        batch = images[8 * i : 8 * i + 8]
        for m, optimiser in zip((twin, small), optimisers, strict=True):
            optimiser.zero_grad()
            F.cross_entropy(m(batch), torch.arange(8)).backward()
            if m is twin:
                for n, p in twin.named_parameters():
                    if n in masks:
                        p.grad *= masks[n]
            optimiser.step()
    again = shrunk(twin, entry, kept)
    for (n, p), q in zip(again.named_parameters(), small.named_parameters(), strict=True):
        torch.testing.assert_close(p, q[1], rtol=1e-8, atol=1e-10, msg=n)


@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_an_optimiser_goes_on_with_what_it_knew(kind):
    """Surgery between two steps: what is left moves as it would have moved under its masks."""
    nets = []
    for _ in range(2):
        entry, options = narrow("small_conv")
        net = Network(entry, options, CPU)
        initialise(net.module, "he", torch.Generator().manual_seed(1))
        nets.append((net, OPTIMISERS[kind](net.weights, net.gradient, 0.9, 5e-4)))
    images = real_images(nets[0][0].entry, 64)

    def step(net, optimiser, i):
        net.gradient.zero_()
        F.cross_entropy(net.module.train()(images[8 * i : 8 * i + 8]), torch.arange(8)).backward()
        net.mask_gradient()
        optimiser.step(0.05)

    for i in range(8):
        for j, (net, optimiser) in enumerate(nets):
            if i == 3:
                net.apply_masks(net.channel_masks(flags(net.entry, 0.6)), optimiser)
            if i == 3 and j == 1:
                parts = {name: net.split(optimiser.state[name]) for name in optimiser.per_weight}
                net.shrink()
                after = OPTIMISERS[kind](net.weights, net.gradient, 0.9, 5e-4)
                carry_over(net, optimiser, after, parts)
                nets[1] = net, after
            step(*nets[j], i)
    (whole, _), (small, _) = nets
    assert small.weights.numel() < whole.weights.numel()
    again = shrunk(whole.module, whole.entry, small.standing)
    for (n, p), q in zip(again.named_parameters(), small.parameters.values(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-4, atol=1e-5, msg=n)
    assert [x.kept for x in small.kept_layers()] == [x.kept for x in whole.kept_layers()]
    assert small.kept_channels() == whole.kept_channels()
    assert small.first_layer() == whole.first_layer()


def test_of_a_layer_that_lost_all_one_channel_stays_silent():
    entry, options = narrow("wrn_16_4")
    net = Network(entry, options, CPU)
    initialise(net.module, "he", torch.Generator().manual_seed(1))
    gone = {g.name: torch.ones(g.channels, dtype=torch.bool) for g in entry.channel_groups}
    emptied = entry.channel_groups[2].name
    gone[emptied][:] = False
    net.apply_masks(net.channel_masks(gone), None)
    before = copy.deepcopy(net.module)
    net.shrink()
    images = real_images(entry, 8)
    assert difference(before, net.module, images, torch.float64) <= 1e-10
    assert net.module.get_submodule(emptied).out_channels == 1
    assert {x.name: x.kept for x in net.kept_channels()}[emptied] == 0
    optimiser = OPTIMISERS["sgd"](net.weights, net.gradient, 0.9, 5e-4)
    for _ in range(3):
        net.gradient.zero_()
        F.cross_entropy(net.module.train()(images), torch.arange(8)).backward()
        net.mask_gradient()
        optimiser.step(0.1)
    assert not net.module.get_submodule(emptied).weight.any()
