"""AlexNet for CIFAR as the SNIP paper has it, in two sizes."""

from pydantic import Field

from .. import papers
from ..entry import Model
from . import recipes
from .chain import Chain, Conv, Dense, Output, drawing
from .options import COLOUR, INITIALISATION_HELP, Initialisation, WidthOptions

CONVOLUTIONS = ((96, 11), (256, 5), (384, 3), (384, 3), (256, 3))  # channels, kernel


class AlexNetOptions(WidthOptions):
    initialisation: Initialisation = Field("lecun", description=INITIALISATION_HELP + " LeCun is what SNIP's code takes.")


def alexnet(k: int, options: AlexNetOptions, classes: int) -> Chain:
    """Every convolution halves the side: 32, 16, 8, 4, 2, 1. TensorFlow pads one pixel less on one side of each, with the same shapes."""
    convs = [
        Conv(options.of(channels), kernel, stride=2, padding=kernel // 2, bias=True, batch_norm=True) for channels, kernel in CONVOLUTIONS
    ]
    dense = Dense(options.of(1024 * k), batch_norm=True)
    return (*convs, dense, dense, Output(classes))


def alexnet_s(options: AlexNetOptions, classes: int) -> Chain:
    return alexnet(1, options, classes)


def alexnet_b(options: AlexNetOptions, classes: int) -> Chain:
    return alexnet(2, options, classes)


ALEXNET_S = Model.drawn(
    drawing(alexnet_s), AlexNetOptions,
    name="alexnet_s", title="AlexNet-s",
    summary="Five convolutions of stride 2 and three dense layers, from the SNIP paper: 1,024 hidden units, as its counts say and its text does not.",
    function="prune_core.models.alexnet:alexnet_s", papers=(papers.KRIZHEVSKY_2012, papers.LEE_2019), input_shape=COLOUR, reference_seconds=5.4,
    recipes=recipes.SNIP,
)  # fmt: skip
ALEXNET_B = Model.drawn(
    drawing(alexnet_b), AlexNetOptions,
    name="alexnet_b", title="AlexNet-b",
    summary="AlexNet-s with dense layers twice as wide: 2,048 hidden units, as the SNIP paper's counts say and its text does not.",
    function="prune_core.models.alexnet:alexnet_b", papers=(papers.KRIZHEVSKY_2012, papers.LEE_2019), input_shape=COLOUR, reference_seconds=6.8,
    recipes=recipes.SNIP,
)  # fmt: skip
