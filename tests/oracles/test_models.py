"""Models against the counts of the literature and against torch's own flop counter; initialisations against their moments."""

import math
from collections import Counter

import pytest
import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from prune_core import RunSpec, SpecError, catalogue
from prune_core.models.initialisation import INITIALISATIONS, initialise

from .narrow import images, narrow, network

# parameters, weights, of convolutions, of dense layers, biases, batch norm, multiply-adds; with options and classes where they are not the usual ones
COUNTS = {
    ("lenet_300_100",): (266_610, 266_200, 0, 266_200, 410, 0, 266_200),
    ("lenet_5",): (431_080, 430_500, 25_500, 405_000, 580, 0, 2_293_000),
    ("small_conv",): (14_458, 14_288, 13_968, 320, 10, 160, 1_467_968),
    ("conv_2",): (4_301_642, 4_300_992, 38_592, 4_262_400, 650, 0, 43_780_608),
    ("conv_4",): (1_250_858, 1_250_144, 65_376, 1_184_768, 714, 0, 20_741_120),
    ("conv_4_lth",): (2_425_930, 2_425_024, 259_776, 2_165_248, 906, 0, 98_306_560),
    ("conv_6",): (2_262_602, 2_261_184, 1_144_512, 1_116_672, 1_418, 0, 153_881_088),
    ("alexnet_s",): (5_077_066, 5_066_784, 3_745_824, 1_320_960, 3_434, 6_848, 69_912_576),
    ("alexnet_b",): (8_501_322, 8_484_896, 3_745_824, 4_739_072, 5_482, 10_944, 73_330_688),
    ("vgg_11",): (9_231_114, 9_222_848, 9_217_728, 5_120, 2_762, 5_504, 152_769_536),
    ("vgg_11", "conv_bias", False): (9_228_362, 9_222_848, 9_217_728, 5_120, 10, 5_504, 152_769_536),
    ("vgg_16",): (14_724_042, 14_715_584, 14_710_464, 5_120, 10, 8_448, 313_201_664),
    ("vgg_16", "conv_bias", True): (14_728_266, 14_715_584, 14_710_464, 5_120, 4_234, 8_448, 313_201_664),
    ("vgg_19",): (20_035_018, 20_024_000, 20_018_880, 5_120, 10, 11_008, 398_136_320),
    ("vgg_19", "conv_bias", True): (20_040_522, 20_024_000, 20_018_880, 5_120, 5_514, 11_008, 398_136_320),
    ("vgg_19", "classes", 100): (20_081_188, 20_070_080, 20_018_880, 51_200, 100, 11_008, 398_182_400),
    ("vgg_c",): (10_537_034, 10_521_280, 9_991_872, 529_408, 5_258, 10_496, 238_228_480),
    ("vgg_d",): (15_255_626, 15_239_872, 14_710_464, 529_408, 5_258, 10_496, 313_725_952),
    ("vgg_like",): (14_991_946, 14_977_728, 14_710_464, 267_264, 4_746, 9_472, 313_463_808),
    ("resnet_18",): (11_173_962, 11_164_352, 11_159_232, 5_120, 10, 9_600, 555_422_720),
    ("resnet_20",): (269_722, 268_336, 267_696, 640, 10, 1_376, 40_551_040),
    ("resnet_20", "shortcut", "B"): (272_474, 270_896, 270_256, 640, 10, 1_568, 40_813_184),
    ("wrn_16_4",): (2_748_890, 2_745_264, 2_742_704, 2_560, 10, 3_616, 392_612_352),
    ("wrn_40_2",): (2_243_546, 2_238_128, 2_236_848, 1_280, 10, 5_408, 327_599_360),
    ("preresnet_164",): (1_703_258, 1_679_024, 1_676_464, 2_560, 10, 24_224, 247_646_720),
    ("densenet_40",): (1_059_298, 1_040_568, 1_036_008, 4_560, 10, 18_720, 282_917_328),
}
WIDE = [name for name, entry in catalogue.models.items() if "width" in entry.options.model_fields]


def built(entry, options, device="cpu"):
    with torch.device(device):
        return catalogue.function_of(entry)(options, entry.classes)


def multiply_adds(module, entry, device="cpu") -> int:
    return multiply_adds_of_parts(module, entry, device)["Global"]


def multiply_adds_of_parts(module, entry, device="cpu") -> dict[str, int]:
    """As torch counts them, by the name of each part; "Global" is all of it."""
    with FlopCounterMode(display=False) as counter:
        module.eval()(torch.zeros(1, *entry.input_shape, device=device))
    return {name.partition(".")[2] or name: sum(flops.values()) // 2 for name, flops in counter.get_flop_counts().items()}


def count(module) -> tuple[int, ...]:
    """(parameters, weights, of convolutions, of dense layers, biases, batch norm), by the kind of module that has them."""
    found = Counter({"conv": 0, "dense": 0, "bias": 0, "norm": 0})
    for part in module.modules():
        own = dict(part.named_parameters(recurse=False))
        if isinstance(part, torch.nn.modules.batchnorm._BatchNorm):
            found["norm"] += sum(p.numel() for p in own.values())
        elif own:
            found["conv" if isinstance(part, torch.nn.Conv2d) else "dense"] += own["weight"].numel()
            found["bias"] += own["bias"].numel() if "bias" in own else 0
    return (found.total(), found["conv"] + found["dense"], *found.values())


@pytest.mark.parametrize("case", COUNTS, ids=lambda case: "-".join(map(str, case)))
def test_counts_are_those_of_the_papers(case):
    name, *changed = case
    options = dict([changed]) if changed else {}
    classes, table = options.pop("classes", 10), catalogue.models[name]
    entry = table.built(table.options(**options), classes)
    module = built(entry, table.options(**options), "meta")
    assert (*count(module), multiply_adds(module, entry, "meta")) == COUNTS[case]
    assert (entry.parameters, entry.weights, entry.macs) == (COUNTS[case][0], COUNTS[case][1], COUNTS[case][-1])


def test_every_network_has_its_counts_here():
    assert {name for name, *changed in COUNTS if not changed} == set(catalogue.models)


@pytest.mark.parametrize("width", [1.0, 0.3, 0.125, 0.001])
@pytest.mark.parametrize("classes", [10, 100])
@pytest.mark.parametrize("name", catalogue.models)
def test_layers_groups_and_counts_of_the_entry_are_those_of_the_module(name, classes, width):
    table, (_, options) = catalogue.models[name], narrow(name, width)
    entry = table.built(options, classes)
    module = built(entry, options, "meta")
    shapes = {n: tuple(p.shape) for n, p in module.named_parameters()}
    assert [(layer.name, layer.shape) for layer in entry.layers] == [(n, s) for n, s in shapes.items() if len(s) > 1]
    assert entry.parameters == sum(math.prod(s) for s in shapes.values())
    assert entry.layers[-1].shape[0] == classes
    assert len({layer.title for layer in entry.layers}) == len(entry.layers)
    norms = {n for n, part in module.named_modules() if isinstance(part, torch.nn.BatchNorm2d)}
    for group in entry.channel_groups:
        assert all(shapes[m.name][0] >= m.start + group.channels for m in group.members)
        conv, normed = group.name, group.batch_norm
        assert group.producer == f"{conv}.weight"
        if group.shared:
            continue
        assert all(shapes[m.name][0] == group.channels and not m.start for m in group.members)
        own = {f"{conv}.weight", f"{conv}.bias"} | ({f"{normed}.weight", f"{normed}.bias"} if normed else set())
        assert {m.name for m in group.members} == own & set(shapes)
        assert normed is None or normed in norms


@pytest.mark.parametrize("name", catalogue.models)
def test_multiply_adds_of_every_layer_are_what_torch_counts(name):
    entry, options = narrow(name, 0.3)
    parts = multiply_adds_of_parts(built(entry, options, "meta"), entry, "meta")
    assert {layer.name: layer.macs for layer in entry.layers} == {x.name: parts[x.name.removesuffix(".weight")] for x in entry.layers}


@pytest.mark.parametrize("name", WIDE)
def test_multiply_adds_of_a_narrow_network_are_what_torch_counts(name):
    entry, options = narrow(name, 0.3)
    assert multiply_adds(built(entry, options, "meta"), entry, "meta") == entry.macs


@pytest.mark.parametrize("name", catalogue.models)
def test_the_channels_of_a_group_are_what_comes_out_of_its_batch_norm_or_else_its_convolution(name):
    """A removed channel is silent whatever the image: all members of one channel at 0, its output is 0."""
    net = network(name, "he")
    modules, heard = dict(net.module.named_modules()), {}
    for group in net.entry.channel_groups:
        part = modules[group.batch_norm or group.name]
        part.register_forward_hook(lambda _, __, out, name=group.name: heard.update({name: out}))
        with torch.no_grad():
            for member in group.members:
                net.parameters[member.name][member.start] = 0
    net.module.eval()(images(net.entry, 2))
    assert list(heard) == [g.name for g in net.entry.channel_groups]
    for out in heard.values():
        assert not out[:, 0].any()
        assert out.shape[1] == 1 or out[:, 1:].any()


@pytest.mark.parametrize("name", catalogue.models)
@pytest.mark.parametrize("batch", [1, 2])
def test_output_is_logits_and_every_parameter_gets_a_gradient(name, batch):
    net = network(name, "he", width=0.25)
    logits = net.module.eval()(
        images(net.entry, batch)
    )  # in training, batch norm of single numbers needs two images, and hides biases before it
    assert logits.shape == (batch, net.entry.classes)
    logits.logsumexp(1).sum().backward()
    for place, p in net.parameters.items():
        assert p.grad is not None, place
        assert bool(p.grad.any()), place


def test_a_widened_network_keeps_the_input_and_the_classes():
    for name in WIDE:
        entry, _ = narrow(name, 0.001)
        assert entry.layers[0].shape[1] == entry.input_shape[0]
        assert {layer.shape[0] for layer in entry.layers[:-1]} <= {
            1,
            2,
            *range(3, 40),
        }  # DenseNet's channels add up, PreResNet's are four times one
        assert entry.layers[-1].shape[0] == 10


@pytest.mark.parametrize(
    ("width", "words"), [(0.5, "half"), (0.25, "a quarter"), (0.0625, "a sixteenth"), (0.3, "30 %"), (1 / 3, "33.3333 %")]
)
def test_a_narrow_network_says_so_in_its_title_and_a_full_one_does_not(width, words):
    entry, _ = narrow("vgg_16", width)
    assert entry.title == f"VGG-16 at {words} of its channels"
    table = catalogue.models["vgg_16"]
    assert table.built(table.options(initialisation="glorot"), 10).title == "VGG-16"


@pytest.mark.parametrize("width", [0, 1.5, -0.5, "wide"])
def test_a_width_out_of_range_is_refused_in_words(width):
    with pytest.raises(SpecError, match=r"model_options\.width: must be "):
        RunSpec(model="vgg_16", dataset="digits", model_options={"width": width})


def test_seconds_of_a_narrow_network_follow_its_multiply_adds():
    entry, full = narrow("vgg_16", 0.5)[0], catalogue.models["vgg_16"]
    assert entry.reference_seconds / full.reference_seconds == pytest.approx(entry.macs / full.macs)


# ---- residual networks


def test_wrn_40_2_has_1344_channels_inside_its_blocks_and_each_frees_what_the_paper_says():
    entry = catalogue.models["wrn_40_2"]
    shapes = {n: p.shape for n, p in built(entry, entry.options(), "meta").named_parameters()}
    freed = [
        sum(shapes[m.name].numel() // g.channels for m in g.members) + shapes[g.name[:-1] + "2.weight"].numel() // g.channels
        for g in entry.channel_groups
    ]
    assert entry.channels == 1_344
    assert freed == [434, *[578] * 5, 866, *[1_154] * 5, 1_730, *[2_306] * 5]


def test_batch_norm_scales_that_network_slimming_ranks_are_as_many_as_it_says():
    counts = {name: count(built(e, e.options(), "meta"))[-1] // 2 for name, e in catalogue.models.items()}
    assert (counts["vgg_19"], counts["preresnet_164"], counts["densenet_40"]) == (5_504, 12_112, 9_360)


@pytest.mark.parametrize("shortcut", ["A", "B"])
def test_only_option_b_has_parameters_in_its_shortcuts(shortcut):
    net = network("resnet_20", shortcut=shortcut)
    assert any("shortcut" in name for name in net.parameters) == (shortcut == "B")


@pytest.mark.parametrize("shortcut", ["A", "B"])
def test_the_gradient_flows_through_the_shortcut(shortcut):
    """With every second convolution at 0 only shortcuts lead from the image to the output."""
    net = network("resnet_20", shortcut=shortcut)
    with torch.no_grad():
        for name, p in net.parameters.items():
            if name.endswith("conv2.weight"):
                p.zero_()
    net.module.eval()(images(net.entry, 2)).square().sum().backward()
    assert bool(net.parameters["conv.weight"].grad.any())
    assert not net.parameters["stage1.block1.conv1.weight"].grad.any()


def test_the_padded_shortcut_averages_four_positions_and_appends_zeros():
    net = network("resnet_20", shortcut="A")
    block = net.module.stage2.block1
    x = torch.arange(2 * 2 * 4 * 4, dtype=torch.float32).reshape(2, 2, 4, 4)
    out = block.shortcut(x, torch.zeros(2, 4, 2, 2))
    assert out.shape == (2, 4, 2, 2)
    assert out[0, 0].tolist() == [[2.5, 4.5], [10.5, 12.5]]
    assert not out[:, 2:].any()


@pytest.mark.parametrize("name", ["resnet_18", "resnet_20", "wrn_16_4", "wrn_40_2", "preresnet_164"])
def test_a_block_without_its_convolutions_passes_its_input_on(name):
    block = network(name).module.stage1.block2
    with torch.no_grad():
        for part in block.modules():
            if isinstance(part, torch.nn.Conv2d):
                part.weight.zero_()
    x = images(catalogue.models[name], 1).abs().repeat(1, 11, 1, 1)
    channels = next(p for n, p in block.named_parameters() if n == "conv1.weight").shape[1]
    assert torch.equal(block.eval()(x[:, :channels]), x[:, :channels])


def test_a_layer_of_densenet_appends_to_all_that_came_before():
    layer = network("densenet_40").module.block1.layer1
    x = images(catalogue.models["densenet_40"], 1)
    assert torch.equal(layer.eval()(x)[:, :3], x)


# ---- initialisation

WANTED_STD = {
    "glorot": lambda i, o: math.sqrt(2 / (i + o)), "he": lambda i, o: math.sqrt(2 / i), "lecun": lambda i, o: math.sqrt(1 / i),
    "random_normal": lambda i, o: 0.1, "truncated_normal": lambda i, o: 0.1 * 0.87962566103423978, "torch_default": lambda i, o: 1 / math.sqrt(3 * i),
}  # fmt: skip
DEFAULTS = {
    "lenet_300_100": "glorot", "lenet_5": "lecun", "small_conv": "he", "conv_2": "glorot", "conv_4": "he", "conv_4_lth": "glorot", "conv_6": "glorot",
    "alexnet_s": "lecun", "alexnet_b": "lecun", "vgg_11": "he", "vgg_16": "he", "vgg_19": "he", "vgg_c": "lecun", "vgg_d": "lecun", "vgg_like": "lecun",
    "resnet_18": "torch_default", "resnet_20": "he", "wrn_16_4": "he", "wrn_40_2": "he", "preresnet_164": "he", "densenet_40": "he",
}  # fmt: skip


def assert_moments(module, initialisation):
    large = [p.detach() for p in module.parameters() if p.ndim > 1 and p.numel() > 10_000]
    assert large
    for weight in large:
        fan_in, fan_out = torch.nn.init._calculate_fan_in_and_fan_out(weight)
        std = WANTED_STD[initialisation](fan_in, fan_out)
        assert abs(float(weight.std()) / std - 1) < max(0.02, 4 / math.sqrt(2 * weight.numel()))
        assert abs(float(weight.mean())) < 4 * std / math.sqrt(weight.numel())


@pytest.mark.parametrize("name", INITIALISATIONS)
def test_initial_weights_have_the_moments_they_should(name):
    for model in ("lenet_300_100", "lenet_5"):
        assert_moments(network(model, name).module, name)


@pytest.mark.parametrize("name", catalogue.models)
def test_every_network_starts_as_its_paper_has_it(name):
    entry = catalogue.models[name]
    assert entry.options().initialisation == DEFAULTS[name]
    if name != "small_conv":  # too small for moments
        assert_moments(network(name, width=0.5 if entry.parameters > 2e6 else 1.0).module, DEFAULTS[name])


@pytest.mark.parametrize("name", catalogue.models)
def test_the_same_seed_draws_the_same_network_and_another_seed_another(name):
    first, other = network(name, seed=3), network(name, seed=4)
    torch.rand(7)
    assert network(name, seed=3).weights_sha256() == first.weights_sha256() != other.weights_sha256()
    biases = [p for n, p in first.parameters.items() if n.endswith("bias")]
    scales = [p for n, p in first.parameters.items() if p.ndim == 1 and n.endswith("weight")]
    assert not any(bool(p.any()) for p in biases)
    assert all(bool((p == 1).all()) for p in scales)


def test_truncated_draws_never_go_beyond_two_standard_deviations():
    assert float(network("lenet_300_100", "truncated_normal").module.fc1.weight.detach().abs().max()) <= 0.2


def test_drawing_starts_every_kind_of_batch_norm_anew():
    net = network("vgg_d")
    net.module(images(net.entry, 4))
    used = [part for part in net.module.modules() if isinstance(part, torch.nn.modules.batchnorm._BatchNorm)]
    assert all(bool(part.running_mean.any()) for part in used)
    initialise(net.module, "he", torch.Generator().manual_seed(0))
    assert not any(bool(part.running_mean.any()) for part in used)


# ---- options


def test_relu_after_the_convolutions_is_an_option_of_lenet_5():
    entry = catalogue.models["lenet_5"]
    plain, rectified = built(entry, entry.options()), built(entry, entry.options(relu_after_conv=True))
    rectified.load_state_dict(plain.state_dict())
    pictures = torch.randn(2, 1, 28, 28)
    assert not torch.allclose(plain(pictures), rectified(pictures))


def test_sizes_between_the_convolutions_are_those_of_the_papers():
    """What enters the first dense layer, per image: it tells paddings and pools apart where counts do not."""
    sides = {}
    for name in ("conv_2", "conv_4", "conv_4_lth", "conv_6", "alexnet_s", "vgg_11", "vgg_16", "vgg_c"):
        entry, options = narrow(name, 1.0)
        module = built(entry, options, "meta").eval()
        dense = next(part for part in module.modules() if isinstance(part, torch.nn.Linear))
        dense.register_forward_hook(lambda _, inputs, __, name=name: sides.update({name: inputs[0].shape[1]}))
        module(torch.zeros(1, 3, 32, 32, device="meta"))
    assert sides == {
        "conv_2": 16_384, "conv_4": 2_304, "conv_4_lth": 8_192, "conv_6": 4_096, "alexnet_s": 256, "vgg_11": 512, "vgg_16": 512, "vgg_c": 512
    }  # fmt: skip


@pytest.mark.parametrize("name", [n for n, e in catalogue.models.items() if e.least_batch == 2])
def test_networks_with_batch_norm_over_single_numbers_are_those_that_need_two_images(name):
    net = network(name)
    F.cross_entropy(net.module.train()(images(net.entry, 2)), torch.tensor([0, 1])).backward()
    with pytest.raises(ValueError, match="more than 1 value"):
        net.module(images(net.entry, 1))


@pytest.mark.parametrize("name", [n for n, e in catalogue.models.items() if e.least_batch == 1])
def test_the_other_networks_train_on_a_single_image(name):
    net = network(name)
    F.cross_entropy(net.module.train()(images(net.entry, 1)), torch.tensor([0])).backward()
    assert bool(net.gradient.isfinite().all())
