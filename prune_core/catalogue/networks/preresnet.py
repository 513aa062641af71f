"""Residual networks with batch norm and ReLU before each convolution, in bottlenecks: depth d has (d - 2) / 9 blocks a stage."""

from functools import partial

from pydantic import Field

from .. import papers
from ..anatomy import Anatomy
from ..entry import Model
from ..sketch import Signal, Sketch
from . import recipes
from .options import COLOUR, INITIALISATION_HELP, Initialisation, WidthOptions

STEM, WIDTHS, EXPANSION = 16, (16, 32, 64), 4


class PreResNetOptions(WidthOptions):
    initialisation: Initialisation = Field(
        "he", description=INITIALISATION_HELP + " Network slimming draws by fan-out, and starts batch norm's scales at 0.5."
    )


def blocks(depth: int) -> int:
    """Blocks of a stage."""
    return (depth - 2) // 9


def draw(depth: int, options: PreResNetOptions, classes: int) -> Anatomy:
    s = Sketch(COLOUR)
    x = s.conv(s.image, "conv", "Stem", options.of(STEM), kernel=3, padding=1)
    for i, middle in enumerate(map(options.of, WIDTHS), 1):
        for j in range(1, blocks(depth) + 1):
            x = draw_block(s, x, f"stage{i}.block{j}", f"{i}.{j}", middle, 2 if i > 1 and j == 1 else 1, first=j == 1)
    return s.anatomy(s.linear(s.mean(s.relu(s.batch_norm(x, "bn"))), "fc", "Output", classes))


def draw_block(s: Sketch, x: Signal, name: str, title: str, middle: int, stride: int, first: bool) -> Signal:
    """The first block of a stage adds its input by a 1x1 convolution without batch norm."""
    y = s.relu(s.batch_norm(x, f"{name}.bn1"))
    y = s.relu(s.batch_norm(s.conv(y, f"{name}.conv1", f"{title} Conv 1", middle, kernel=1), f"{name}.bn2"))
    y = s.conv(y, f"{name}.conv2", f"{title} Conv 2", middle, kernel=3, stride=stride, padding=1)
    y = s.relu(s.batch_norm(y, f"{name}.bn3"))
    out = EXPANSION * middle
    y = s.conv(y, f"{name}.conv3", f"{title} Conv 3", out, kernel=1)
    return s.add(y, s.conv(x, f"{name}.shortcut", f"{title} Shortcut", out, kernel=1, stride=stride) if first else x)


PRERESNET_164 = Model.drawn(
    partial(draw, 164), PreResNetOptions,
    name="preresnet_164", title="PreResNet-164",
    summary="54 residual bottlenecks, as network slimming has them. Channels that can be removed whole are those inside the bottlenecks.",
    function="prune_core.models.preresnet:preresnet_164", papers=(papers.HE_2016_IDENTITY, papers.LIU_2017), input_shape=COLOUR,
    reference_seconds=41, recipes=recipes.SLIMMING,
)  # fmt: skip
