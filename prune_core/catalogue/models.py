"""The networks there are to choose from."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from . import papers
from .entry import ChannelGroup, Layer, Model, Options, Recipe

Initialisation = Literal["glorot", "he", "lecun", "random_normal", "truncated_normal", "torch_default"]
INITIALISATIONS: Mapping[str, str] = {
    "glorot": "Glorot", "he": "He", "lecun": "LeCun", "random_normal": "Normal", "truncated_normal": "Truncated normal", "torch_default": "PyTorch's",
}  # fmt: skip
INITIALISATION_HELP = (
    "How the first weights are drawn: Glorot, He and LeCun scale by the layer's width, the normals do not (standard deviation 0.1)."
)


class LeNet300Options(Options):
    initialisation: Initialisation = Field("glorot", description=INITIALISATION_HELP)


class LeNet5Options(Options):
    initialisation: Initialisation = Field(
        "lecun", description=INITIALISATION_HELP + " From the others the paper's recipe often stays at chance."
    )
    relu_after_conv: bool = Field(
        False, description="ReLU after the convolutions too, as the Bayesian and L0 papers have it; Caffe's network has none."
    )


class SmallConvOptions(Options):
    initialisation: Initialisation = Field("he", description=INITIALISATION_HELP)


LENET_300_100 = Model(
    name="lenet_300_100", title="LeNet-300-100", summary="Two hidden layers of 300 and 100 units: small enough to see every weight.",
    function="prune_core.models.lenet:lenet_300_100", options=LeNet300Options, papers=(papers.LECUN_1998, papers.LEE_2019),
    input_shape=(1, 28, 28), classes=10, parameters=266_610, macs=266_200, activations=1_196, reference_seconds=0.016,
    layers=(
        Layer(name="fc1.weight", title="Layer 1", shape=(300, 784)),
        Layer(name="fc2.weight", title="Layer 2", shape=(100, 300)),
        Layer(name="fc3.weight", title="Output", shape=(10, 100)),
    ),
)  # fmt: skip
LENET_5 = Model(
    name="lenet_5", title="LeNet-5", summary="Two convolutions and two dense layers, Caffe's variant of the classic network.",
    function="prune_core.models.lenet:lenet_5", options=LeNet5Options, papers=(papers.LECUN_1998, papers.LEE_2019),
    input_shape=(1, 28, 28), classes=10, parameters=431_080, macs=2_293_000, activations=27_056, reference_seconds=0.17,
    # At the paper's rate of 0.1 the full network diverges within an epoch, at every seed tried; pruned to 98 % it trains.
    recipes={"mnist": Recipe(lr=0.02), "fashion_mnist": Recipe(lr=0.02)},
    layers=(
        Layer(name="conv1.weight", title="Conv 1", shape=(20, 1, 5, 5)),
        Layer(name="conv2.weight", title="Conv 2", shape=(50, 20, 5, 5)),
        Layer(name="fc1.weight", title="Dense", shape=(500, 800)),
        Layer(name="fc2.weight", title="Output", shape=(10, 500)),
    ),
)  # fmt: skip
SMALL_CONV = Model(
    name="small_conv", title="Small conv net", summary="Three convolutions with batch norm, made for pruning channels in seconds.",
    function="prune_core.models.small_conv:small_conv", options=SmallConvOptions,
    input_shape=(1, 28, 28), classes=10, parameters=14_458, macs=1_467_968, activations=55_708, reference_seconds=0.25,
    recipes={"digits": Recipe(lr=0.1)},
    layers=(
        Layer(name="conv1.weight", title="Conv 1", shape=(16, 1, 3, 3)),
        Layer(name="conv2.weight", title="Conv 2", shape=(32, 16, 3, 3)),
        Layer(name="conv3.weight", title="Conv 3", shape=(32, 32, 3, 3)),
        Layer(name="fc.weight", title="Output", shape=(10, 32)),
    ),
    channel_groups=(
        ChannelGroup(name="conv1", title="Conv 1", channels=16, members=("conv1.weight", "bn1.weight", "bn1.bias"), batch_norm="bn1"),
        ChannelGroup(name="conv2", title="Conv 2", channels=32, members=("conv2.weight", "bn2.weight", "bn2.bias"), batch_norm="bn2"),
        ChannelGroup(name="conv3", title="Conv 3", channels=32, members=("conv3.weight", "bn3.weight", "bn3.bias"), batch_norm="bn3"),
    ),
)  # fmt: skip

MODELS = (LENET_300_100, LENET_5, SMALL_CONV)
