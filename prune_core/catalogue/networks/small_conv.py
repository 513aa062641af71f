"""A small convolutional network with batch norm, for pruning channels in seconds."""

from typing import ClassVar

from pydantic import Field

from ..anatomy import Anatomy
from ..entry import Model, Recipe
from ..sketch import Sketch
from .options import GREY, INITIALISATION_HELP, Initialisation, WidthOptions

WIDTHS = (16, 32, 32)


class SmallConvOptions(WidthOptions):
    later: ClassVar[frozenset[str]] = WidthOptions.later | {"width"}
    initialisation: Initialisation = Field("he", description=INITIALISATION_HELP)


def small_conv(options: SmallConvOptions, classes: int) -> Anatomy:
    s = Sketch(GREY)
    x = s.image
    for i, out in enumerate(map(options.of, WIDTHS), 1):
        x = s.batch_norm(s.conv(x, f"conv{i}", f"Conv {i}", out, kernel=3, padding=1), f"bn{i}")
        x = s.max_pool(s.relu(x)) if i < 3 else s.relu(x)
    return s.anatomy(s.linear(s.mean(x), "fc", "Output", classes))


SMALL_CONV = Model.drawn(
    small_conv, SmallConvOptions,
    name="small_conv", title="Small conv net", summary="Three convolutions with batch norm, made for pruning channels in seconds.",
    function="prune_core.models.small_conv:small_conv", input_shape=GREY, reference_seconds=0.25, recipes={"digits": Recipe(lr=0.1)},
)  # fmt: skip
