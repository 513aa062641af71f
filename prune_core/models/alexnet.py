"""AlexNet for CIFAR (Krizhevsky et al. 2012), as the SNIP paper has it."""

from torch import nn

from ..catalogue.networks import alexnet
from ..catalogue.networks.options import COLOUR
from .chain import sequential


def alexnet_s(options: alexnet.AlexNetOptions, classes: int) -> nn.Module:
    return sequential(COLOUR, alexnet.alexnet_s(options, classes))


def alexnet_b(options: alexnet.AlexNetOptions, classes: int) -> nn.Module:
    return sequential(COLOUR, alexnet.alexnet_b(options, classes))
