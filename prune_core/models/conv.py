"""The networks of convolutions and dense layers without batch norm (Frankle & Carbin 2019, figure 2; Bartoldson et al. 2020)."""

from torch import nn

from ..catalogue.networks import conv
from ..catalogue.networks.options import COLOUR
from .chain import sequential


def conv_4(options: conv.Conv4Options, classes: int) -> nn.Module:
    return sequential(COLOUR, conv.conv_4(options, classes))


def conv_2(options: conv.LotteryConvOptions, classes: int) -> nn.Module:
    return sequential(COLOUR, conv.conv_2(options, classes))


def conv_4_lth(options: conv.LotteryConvOptions, classes: int) -> nn.Module:
    return sequential(COLOUR, conv.conv_4_lth(options, classes))


def conv_6(options: conv.LotteryConvOptions, classes: int) -> nn.Module:
    return sequential(COLOUR, conv.conv_6(options, classes))
