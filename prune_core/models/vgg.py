"""VGG for CIFAR (Simonyan & Zisserman 2015), as the papers on pruning have it."""

from torch import nn

from ..catalogue.networks import vgg
from ..catalogue.networks.options import COLOUR
from .chain import sequential


def vgg_11(options: vgg.Vgg11Options, classes: int) -> nn.Module:
    return sequential(COLOUR, vgg.vgg_11(options, classes))


def vgg_16(options: vgg.DeepVggOptions, classes: int) -> nn.Module:
    return sequential(COLOUR, vgg.vgg_16(options, classes))


def vgg_19(options: vgg.DeepVggOptions, classes: int) -> nn.Module:
    return sequential(COLOUR, vgg.vgg_19(options, classes))


def vgg_c(options: vgg.SnipVggOptions, classes: int) -> nn.Module:
    return sequential(COLOUR, vgg.vgg_c(options, classes))


def vgg_d(options: vgg.SnipVggOptions, classes: int) -> nn.Module:
    return sequential(COLOUR, vgg.vgg_d(options, classes))


def vgg_like(options: vgg.SnipVggOptions, classes: int) -> nn.Module:
    return sequential(COLOUR, vgg.vgg_like(options, classes))
