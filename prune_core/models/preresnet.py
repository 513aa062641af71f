"""Pre-activation residual networks for CIFAR (He et al. 2016, identity mappings): bottlenecks 1x1, 3x3, 1x1."""

from collections import OrderedDict

from torch import Tensor, nn
from torch.nn import functional as F

from ..catalogue.networks import preresnet
from ..catalogue.networks.preresnet import EXPANSION, PreResNetOptions


class Bottleneck(nn.Module):
    """Batch norm - ReLU - conv, three times, plus the input. (B, channels, H, W) -> (B, 4 middle, H / stride, W / stride).

    In the `first` block of a stage a 1x1 convolution stands in the shortcut.
    """

    def __init__(self, channels: int, middle: int, stride: int, first: bool) -> None:
        super().__init__()
        out = EXPANSION * middle
        self.bn1, self.conv1 = nn.BatchNorm2d(channels), nn.Conv2d(channels, middle, 1, bias=False)
        self.bn2, self.conv2 = nn.BatchNorm2d(middle), nn.Conv2d(middle, middle, 3, stride, padding=1, bias=False)
        self.bn3, self.conv3 = nn.BatchNorm2d(middle), nn.Conv2d(middle, out, 1, bias=False)
        self.shortcut = nn.Conv2d(channels, out, 1, stride, bias=False) if first else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(F.relu(self.bn1(x)))
        y = self.conv2(F.relu(self.bn2(y)))
        return self.conv3(F.relu(self.bn3(y))) + self.shortcut(x)


def preactivated(depth: int, options: PreResNetOptions, classes: int) -> nn.Sequential:
    """Conv 3x3, three stages, batch norm, average, dense. Images (B, 3, 32, 32) -> logits (B, classes)."""
    channels = options.of(preresnet.STEM)
    parts: OrderedDict[str, nn.Module] = OrderedDict(conv=nn.Conv2d(3, channels, 3, padding=1, bias=False))
    for i, middle in enumerate(map(options.of, preresnet.WIDTHS), 1):
        stage = OrderedDict[str, nn.Module]()
        for j in range(1, preresnet.blocks(depth) + 1):
            stage[f"block{j}"] = Bottleneck(channels, middle, 2 if i > 1 and j == 1 else 1, first=j == 1)
            channels = EXPANSION * middle
        parts[f"stage{i}"] = nn.Sequential(stage)
    parts |= OrderedDict(bn=nn.BatchNorm2d(channels), relu=nn.ReLU(), mean=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten())
    return nn.Sequential(parts | OrderedDict(fc=nn.Linear(channels, classes)))


def preresnet_164(options: PreResNetOptions, classes: int) -> nn.Module:
    return preactivated(164, options, classes)
