"""VGG for CIFAR, in the forms that the papers train. All with batch norm, 3x3 unless said otherwise."""

from pydantic import Field

from .. import papers
from ..entry import Model
from . import recipes
from .chain import AvgPool, Chain, Conv, Dense, MaxPool, Output, Part, drawing
from .options import COLOUR, INITIALISATION_HELP, Initialisation, WidthOptions

POOL = 0  # in a list of channels
CHANNELS_11 = (64, POOL, 128, POOL, 256, 256, POOL, 512, 512, POOL, 512, 512, POOL)
CHANNELS_16 = (64, 64, POOL, 128, 128, POOL, 256, 256, 256, POOL, 512, 512, 512, POOL, 512, 512, 512, POOL)
CHANNELS_19 = (64, 64, POOL, 128, 128, POOL, 256, 256, 256, 256, POOL, 512, 512, 512, 512, POOL, 512, 512, 512, 512, POOL)
POINTWISE_IN_C = (7, 10, 13)
CONV_BIAS_HELP = "Biases in the convolutions, which batch norm makes redundant: {}. They change the count of parameters, not of weights."


class Vgg11Options(WidthOptions):
    initialisation: Initialisation = Field(
        "he", description=INITIALISATION_HELP + " The paper's code draws by fan-out, and the last layer as PyTorch does."
    )
    conv_bias: bool = Field(True, description=CONV_BIAS_HELP.format("the stability paper has them (9,231,114 parameters)"))


class DeepVggOptions(WidthOptions):
    initialisation: Initialisation = Field(
        "he",
        description=INITIALISATION_HELP
        + " Network slimming draws by fan-out, the last layer narrower, and starts batch norm's scales at 0.5.",
    )
    conv_bias: bool = Field(False, description=CONV_BIAS_HELP.format("network slimming has none, the lottery-ticket code has them"))


class SnipVggOptions(WidthOptions):
    initialisation: Initialisation = Field("lecun", description=INITIALISATION_HELP + " LeCun is what SNIP's code takes.")


def convolutions(channels: tuple[int, ...], options: WidthOptions, *, bias: bool, pointwise: tuple[int, ...] = ()) -> list[Part]:
    """`pointwise`: which of the convolutions are 1x1, counted from 1."""
    parts: list[Part] = []
    for width in channels:
        if width == POOL:
            parts.append(MaxPool())
            continue
        kernel = 1 if 1 + sum(isinstance(p, Conv) for p in parts) in pointwise else 3
        parts.append(Conv(options.of(width), kernel, padding=kernel // 2, bias=bias, batch_norm=True))
    return parts


def vgg_11(options: Vgg11Options, classes: int) -> Chain:
    return (*convolutions(CHANNELS_11, options, bias=options.conv_bias), Output(classes))


def vgg_16(options: DeepVggOptions, classes: int) -> Chain:
    return (*convolutions(CHANNELS_16[:-1], options, bias=options.conv_bias), AvgPool(), Output(classes))


def vgg_19(options: DeepVggOptions, classes: int) -> Chain:
    return (*convolutions(CHANNELS_19[:-1], options, bias=options.conv_bias), AvgPool(), Output(classes))


def vgg_c(options: SnipVggOptions, classes: int) -> Chain:
    dense = Dense(options.of(512), batch_norm=True)
    return (*convolutions(CHANNELS_16, options, bias=True, pointwise=POINTWISE_IN_C), dense, dense, Output(classes))


def vgg_d(options: SnipVggOptions, classes: int) -> Chain:
    dense = Dense(options.of(512), batch_norm=True)
    return (*convolutions(CHANNELS_16, options, bias=True), dense, dense, Output(classes))


def vgg_like(options: SnipVggOptions, classes: int) -> Chain:
    return (*convolutions(CHANNELS_16, options, bias=True), Dense(options.of(512), batch_norm=True), Output(classes))


VGG_11 = Model.drawn(
    drawing(vgg_11), Vgg11Options,
    name="vgg_11", title="VGG-11", summary="Eight convolutions and one dense layer, as the stability paper has it.",
    function="prune_core.models.vgg:vgg_11", papers=(papers.SIMONYAN_2015, papers.BARTOLDSON_2020), input_shape=COLOUR, reference_seconds=15,
    recipes=recipes.STABILITY,
)  # fmt: skip
VGG_16 = Model.drawn(
    drawing(vgg_16), DeepVggOptions,
    name="vgg_16", title="VGG-16", summary="Thirteen convolutions and one dense layer, as network slimming and its successors have it.",
    function="prune_core.models.vgg:vgg_16", papers=(papers.SIMONYAN_2015, papers.LIU_2017), input_shape=COLOUR, reference_seconds=27,
    recipes=recipes.SLIMMING,
)  # fmt: skip
VGG_19 = Model.drawn(
    drawing(vgg_19), DeepVggOptions,
    name="vgg_19", title="VGG-19", summary="Sixteen convolutions and one dense layer, as network slimming and its successors have it.",
    function="prune_core.models.vgg:vgg_19", papers=(papers.SIMONYAN_2015, papers.LIU_2017), input_shape=COLOUR, reference_seconds=34,
    recipes=recipes.SLIMMING,
)  # fmt: skip
VGG_C = Model.drawn(
    drawing(vgg_c), SnipVggOptions,
    name="vgg_c", title="VGG-C", summary="Thirteen convolutions, three of them 1x1, and three dense layers, from the SNIP paper.",
    function="prune_core.models.vgg:vgg_c", papers=(papers.SIMONYAN_2015, papers.LEE_2019), input_shape=COLOUR, reference_seconds=20,
    recipes=recipes.SNIP,
)  # fmt: skip
VGG_D = Model.drawn(
    drawing(vgg_d), SnipVggOptions,
    name="vgg_d", title="VGG-D", summary="Thirteen convolutions and three dense layers, from the SNIP paper.",
    function="prune_core.models.vgg:vgg_d", papers=(papers.SIMONYAN_2015, papers.LEE_2019), input_shape=COLOUR, reference_seconds=29,
    recipes=recipes.SNIP,
)  # fmt: skip
VGG_LIKE = Model.drawn(
    drawing(vgg_like), SnipVggOptions,
    name="vgg_like", title="VGG-like", summary="Thirteen convolutions and two dense layers, from the SNIP paper.",
    function="prune_core.models.vgg:vgg_like", papers=(papers.SIMONYAN_2015, papers.LEE_2019), input_shape=COLOUR, reference_seconds=26,
    recipes=recipes.SNIP,
)  # fmt: skip
