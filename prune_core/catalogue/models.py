"""The networks there are to choose from; each family has a file in `networks`."""

from .networks.lenet import LENET_5, LENET_300_100
from .networks.small_conv import SMALL_CONV

MODELS = (LENET_300_100, LENET_5, SMALL_CONV)
