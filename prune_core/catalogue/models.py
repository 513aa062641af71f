"""The networks there are to choose from; each family has a file in `networks`."""

from .networks.alexnet import ALEXNET_B, ALEXNET_S
from .networks.conv import CONV_2, CONV_4, CONV_4_LTH, CONV_6
from .networks.densenet import DENSENET_40
from .networks.lenet import LENET_5, LENET_300_100
from .networks.preresnet import PRERESNET_164
from .networks.resnet import RESNET_18, RESNET_20
from .networks.small_conv import SMALL_CONV
from .networks.vgg import VGG_11, VGG_16, VGG_19, VGG_C, VGG_D, VGG_LIKE
from .networks.wide_resnet import WRN_16_4, WRN_40_2

MODELS = (
    LENET_300_100, LENET_5, SMALL_CONV,
    CONV_2, CONV_4, CONV_4_LTH, CONV_6, ALEXNET_S, ALEXNET_B, VGG_11, VGG_16, VGG_19, VGG_C, VGG_D, VGG_LIKE,
    RESNET_18, RESNET_20, WRN_16_4, WRN_40_2, PRERESNET_164, DENSENET_40,
)  # fmt: skip
