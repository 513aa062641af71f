"""The two LeNets of the SNIP paper."""

from pydantic import Field

from .. import papers
from ..anatomy import Anatomy
from ..entry import Model, Options, Recipe
from ..sketch import Sketch
from .options import GREY, INITIALISATION_HELP, Initialisation, ProfileOptions


class LeNet300Options(Options):
    initialisation: Initialisation = Field("glorot", description=INITIALISATION_HELP)


class LeNet5Options(ProfileOptions):
    initialisation: Initialisation = Field(
        "lecun", description=INITIALISATION_HELP + " From the others the paper's recipe often stays at chance."
    )
    relu_after_conv: bool = Field(
        False, description="ReLU after the convolutions too, as the Bayesian and L0 papers have it; Caffe's network has none."
    )


def lenet_300_100(options: LeNet300Options, classes: int) -> Anatomy:
    s = Sketch(GREY)
    x = s.relu(s.linear(s.image, "fc1", "Layer 1", 300))
    x = s.relu(s.linear(x, "fc2", "Layer 2", 100))
    return s.anatomy(s.linear(x, "fc3", "Output", classes))


def lenet_5(options: LeNet5Options, classes: int) -> Anatomy:
    s, x = Sketch(GREY), None
    for name, title, out in (("conv1", "Conv 1", 20), ("conv2", "Conv 2", 50)):
        x = s.conv(x or s.image, name, title, out, kernel=5, bias=True)
        x = s.max_pool(s.relu(x) if options.relu_after_conv else x)
    assert x is not None
    x = s.relu(s.linear(x, "fc1", "Dense", 500))
    return s.anatomy(s.linear(x, "fc2", "Output", classes))


LENET_300_100 = Model.drawn(
    lenet_300_100, LeNet300Options,
    name="lenet_300_100", title="LeNet-300-100", summary="Two hidden layers of 300 and 100 units: small enough to see every weight.",
    function="prune_core.models.lenet:lenet_300_100", papers=(papers.LECUN_1998, papers.LEE_2019), input_shape=GREY, reference_seconds=0.016,
)  # fmt: skip
LENET_5 = Model.drawn(
    lenet_5, LeNet5Options,
    name="lenet_5", title="LeNet-5", summary="Two convolutions and two dense layers, Caffe's variant of the classic network.",
    function="prune_core.models.lenet:lenet_5", papers=(papers.LECUN_1998, papers.LEE_2019), input_shape=GREY, reference_seconds=0.17,
    # At the paper's rate of 0.1 the full network diverges within an epoch, at every seed tried; pruned to 98 % it trains.
    recipes={"mnist": Recipe(lr=0.02), "fashion_mnist": Recipe(lr=0.02)},
)  # fmt: skip
