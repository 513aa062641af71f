"""A small convolutional network with batch norm, for pruning channels in seconds."""

from pydantic import Field

from ..entry import Anatomy, Model, Options, Recipe
from ..sketch import Sketch
from .options import GREY, INITIALISATION_HELP, Initialisation


class SmallConvOptions(Options):
    initialisation: Initialisation = Field("he", description=INITIALISATION_HELP)


def small_conv(options: SmallConvOptions, classes: int) -> Anatomy:
    s = Sketch(GREY)
    x = s.image
    for i, out in enumerate((16, 32, 32), 1):
        x = s.batch_norm(s.conv(x, f"conv{i}", f"Conv {i}", out, kernel=3, padding=1), f"bn{i}")
        x = s.max_pool(s.relu(x)) if i < 3 else s.relu(x)
    return s.anatomy(s.linear(s.mean(x), "fc", "Output", classes))


SMALL_CONV = Model.drawn(
    small_conv, SmallConvOptions,
    name="small_conv", title="Small conv net", summary="Three convolutions with batch norm, made for pruning channels in seconds.",
    function="prune_core.models.small_conv:small_conv", input_shape=GREY, reference_seconds=0.25, recipes={"digits": Recipe(lr=0.1)},
)  # fmt: skip
