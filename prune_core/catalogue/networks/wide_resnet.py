"""Wide residual networks: WRN-d-k has (d - 4) / 6 blocks a stage and k times 16, 32 and 64 channels."""

from functools import partial

from pydantic import Field

from .. import papers
from ..anatomy import Anatomy
from ..entry import Model
from ..sketch import Signal, Sketch
from . import recipes
from .options import COLOUR, INITIALISATION_HELP, Initialisation, WidthOptions

STEM, WIDTHS = 16, (16, 32, 64)
STREAM = "Channels that can be removed whole are those between the two convolutions of a block."


class WideResNetOptions(WidthOptions):
    initialisation: Initialisation = Field("he", description=INITIALISATION_HELP + " The published code draws by fan-out.")


def widths(k: int, options: WidthOptions) -> tuple[int, ...]:
    """Channels of the three stages."""
    return tuple(options.of(width * k) for width in WIDTHS)


def blocks(depth: int) -> int:
    """Blocks of a stage."""
    return (depth - 4) // 6


def draw(depth: int, k: int, options: WideResNetOptions, classes: int) -> Anatomy:
    s = Sketch(COLOUR)
    x = s.conv(s.image, "conv", "Stem", options.of(STEM), kernel=3, padding=1)
    for i, out in enumerate(widths(k, options), 1):
        for j in range(1, blocks(depth) + 1):
            x = draw_block(s, x, f"stage{i}.block{j}", f"{i}.{j}", out, 2 if i > 1 and j == 1 else 1, first=j == 1)
    return s.anatomy(s.linear(s.mean(s.relu(s.batch_norm(x, "bn"))), "fc", "Output", classes))


def draw_block(s: Sketch, x: Signal, name: str, title: str, out: int, stride: int, first: bool) -> Signal:
    """The first block of a stage adds its input by a 1x1 convolution, behind the batch norm that both ways share."""
    y = ready = s.relu(s.batch_norm(x, f"{name}.bn1"))
    y = s.conv(y, f"{name}.conv1", f"{title} Conv 1", out, kernel=3, stride=stride, padding=1)
    y = s.relu(s.batch_norm(y, f"{name}.bn2"))
    y = s.conv(y, f"{name}.conv2", f"{title} Conv 2", out, kernel=3, padding=1)
    return s.add(y, s.conv(ready, f"{name}.shortcut", f"{title} Shortcut", out, kernel=1, stride=stride) if first else x)


WRN_16_4 = Model.drawn(
    partial(draw, 16, 4), WideResNetOptions,
    name="wrn_16_4", title="WRN-16-4", summary=f"Six wide residual blocks of 64 to 256 channels. {STREAM}",
    function="prune_core.models.wide_resnet:wrn_16_4", papers=(papers.ZAGORUYKO_2016,), input_shape=COLOUR, reference_seconds=27, recipes=recipes.WIDE,
)  # fmt: skip
WRN_40_2 = Model.drawn(
    partial(draw, 40, 2), WideResNetOptions,
    name="wrn_40_2", title="WRN-40-2", summary=f"Eighteen wide residual blocks of 32 to 128 channels. {STREAM}",
    function="prune_core.models.wide_resnet:wrn_40_2", papers=(papers.ZAGORUYKO_2016, papers.CROWLEY_2018), input_shape=COLOUR, reference_seconds=25,
    recipes=recipes.WIDE,
)  # fmt: skip
