"""Residual networks for CIFAR: ResNet-18 in four stages, ResNet-20 in three."""

from typing import Literal

from pydantic import Field

from .. import papers
from ..anatomy import Anatomy
from ..entry import Model
from ..sketch import Signal, Sketch
from . import recipes
from .options import COLOUR, INITIALISATION_HELP, Initialisation, WidthOptions

WIDTHS_18, BLOCKS_18 = (64, 128, 256, 512), 2
WIDTHS_20, BLOCKS_20 = (16, 32, 64), 3
STREAM = "Channels that can be removed whole are those between the two convolutions of a block."

Shortcut = Literal["A", "B"]


class ResNet18Options(WidthOptions):
    initialisation: Initialisation = Field("torch_default", description=INITIALISATION_HELP)


class ResNet20Options(WidthOptions):
    initialisation: Initialisation = Field("he", description=INITIALISATION_HELP)
    shortcut: Shortcut = Field(
        "A",
        description="What stands beside a block that halves the side: A averages 2 x 2 positions and appends zero channels, without parameters; "
        "B is a 1x1 convolution with batch norm (the 'Resnet-18' of the lottery-ticket paper).",
    )


def draw(widths: tuple[int, ...], blocks: int, shortcut: Shortcut, options: WidthOptions, classes: int) -> Anatomy:
    s = Sketch(COLOUR)
    x = s.relu(s.batch_norm(s.conv(s.image, "conv", "Stem", options.of(widths[0]), kernel=3, padding=1), "bn"))
    for i, width in enumerate(widths, 1):
        for j in range(1, blocks + 1):
            x = draw_block(s, x, f"stage{i}.block{j}", f"{i}.{j}", options.of(width), 2 if i > 1 and j == 1 else 1, shortcut)
    return s.anatomy(s.linear(s.mean(x), "fc", "Output", classes))


def draw_block(s: Sketch, x: Signal, name: str, title: str, out: int, stride: int, shortcut: Shortcut) -> Signal:
    y = s.conv(x, f"{name}.conv1", f"{title} Conv 1", out, kernel=3, stride=stride, padding=1)
    y = s.relu(s.batch_norm(y, f"{name}.bn1"))
    y = s.batch_norm(s.conv(y, f"{name}.conv2", f"{title} Conv 2", out, kernel=3, padding=1), f"{name}.bn2")
    if stride > 1 and shortcut == "A":
        x = s.pad(s.avg_pool(x, stride), out)
    elif stride > 1:
        x = s.batch_norm(s.conv(x, f"{name}.shortcut.conv", f"{title} Shortcut", out, kernel=1, stride=stride), f"{name}.shortcut.bn")
    return s.relu(s.add(y, x))


def resnet_18(options: ResNet18Options, classes: int) -> Anatomy:
    return draw(WIDTHS_18, BLOCKS_18, "B", options, classes)


def resnet_20(options: ResNet20Options, classes: int) -> Anatomy:
    return draw(WIDTHS_20, BLOCKS_20, options.shortcut, options, classes)


RESNET_18 = Model.drawn(
    resnet_18, ResNet18Options,
    name="resnet_18", title="ResNet-18", summary=f"Eight residual blocks of 64 to 512 channels, for images of 32 x 32. {STREAM}",
    function="prune_core.models.resnet:resnet_18", papers=(papers.HE_2016, papers.BARTOLDSON_2020), input_shape=COLOUR, reference_seconds=44,
    recipes=recipes.STABILITY,
)  # fmt: skip
RESNET_20 = Model.drawn(
    resnet_20, ResNet20Options,
    name="resnet_20", title="ResNet-20", summary=f"Nine residual blocks of 16 to 64 channels. {STREAM}",
    function="prune_core.models.resnet:resnet_20", papers=(papers.HE_2016, papers.FRANKLE_2019), input_shape=COLOUR, reference_seconds=3.8,
    recipes=recipes.LOTTERY,
)  # fmt: skip
