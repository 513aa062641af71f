"""Conv-2, Conv-4 and Conv-6 of the lottery-ticket paper, and the Conv4 of the stability paper: no batch norm, 3x3 everywhere."""

from pydantic import Field

from .. import papers
from ..entry import Model
from . import recipes
from .chain import Chain, Conv, Dense, MaxPool, Output, drawing
from .options import COLOUR, INITIALISATION_HELP, Initialisation, WidthOptions


class Conv4Options(WidthOptions):
    initialisation: Initialisation = Field("he", description=INITIALISATION_HELP)


class LotteryConvOptions(WidthOptions):
    initialisation: Initialisation = Field("glorot", description=INITIALISATION_HELP)


def conv_4(options: Conv4Options, classes: int) -> Chain:
    """32, 32, pool, 64, 64, pool, 512. Only paddings that end in 6 x 6 positions have the paper's count; of those this is the natural one."""
    narrow, wide = options.of(32), options.of(64)
    first = (Conv(narrow), Conv(narrow, padding=0), MaxPool())
    second = (Conv(wide), Conv(wide, padding=0), MaxPool())
    return (*first, *second, Dense(options.of(512)), Output(classes))


def lottery(pairs: int, options: LotteryConvOptions, classes: int) -> Chain:
    """Pairs of convolutions of 64, 128, 256 channels, pooled after each, and two dense layers of 256."""
    convs = [part for width in (64, 128, 256)[:pairs] for part in (Conv(options.of(width)), Conv(options.of(width)), MaxPool())]
    return (*convs, Dense(options.of(256)), Dense(options.of(256)), Output(classes))


def conv_2(options: LotteryConvOptions, classes: int) -> Chain:
    return lottery(1, options, classes)


def conv_4_lth(options: LotteryConvOptions, classes: int) -> Chain:
    return lottery(2, options, classes)


def conv_6(options: LotteryConvOptions, classes: int) -> Chain:
    return lottery(3, options, classes)


CONV_4 = Model.drawn(
    drawing(conv_4), Conv4Options,
    name="conv_4", title="Conv-4 (stability)",
    summary="Four convolutions and two dense layers, nearly all weights in the first dense one: Conv4 of the stability paper; its padding is inferred from "
    "the count.",
    function="prune_core.models.conv:conv_4", papers=(papers.BARTOLDSON_2020,), input_shape=COLOUR, reference_seconds=1.6, recipes=recipes.STABILITY,
)  # fmt: skip
CONV_2 = Model.drawn(
    drawing(conv_2), LotteryConvOptions,
    name="conv_2", title="Conv-2", summary="Two convolutions and three dense layers, from the lottery-ticket paper.",
    function="prune_core.models.conv:conv_2", papers=(papers.FRANKLE_2019,), input_shape=COLOUR, reference_seconds=4.3, recipes=recipes.adam(2e-4, 60),
)  # fmt: skip
CONV_4_LTH = Model.drawn(
    drawing(conv_4_lth), LotteryConvOptions,
    name="conv_4_lth", title="Conv-4 (lottery)", summary="Four convolutions and three dense layers, from the lottery-ticket paper.",
    function="prune_core.models.conv:conv_4_lth", papers=(papers.FRANKLE_2019,), input_shape=COLOUR, reference_seconds=6.5,
    recipes=recipes.adam(3e-4, 60),
)  # fmt: skip
CONV_6 = Model.drawn(
    drawing(conv_6), LotteryConvOptions,
    name="conv_6", title="Conv-6",
    summary="Six convolutions and three dense layers, from the lottery-ticket paper, which prints 1.7M weights for a list that has 2.26M.",
    function="prune_core.models.conv:conv_6", papers=(papers.FRANKLE_2019,), input_shape=COLOUR, reference_seconds=9.7, recipes=recipes.adam(3e-4, 60),
)  # fmt: skip
