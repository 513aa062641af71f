"""DenseNet for CIFAR (Huang et al. 2017), without bottlenecks and compression, growth 12."""

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..catalogue.networks import densenet


class Layer(nn.Module):
    """Batch norm - ReLU - conv 3x3, its output appended to its input. (B, channels, H, W) -> (B, channels + growth, H, W)."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.bn, self.conv = nn.BatchNorm2d(channels), nn.Conv2d(channels, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((x, self.conv(F.relu(self.bn(x)))), 1)


class Transition(nn.Module):
    """Batch norm - ReLU - conv 1x1 of as many channels, averaged over 2 x 2. (B, channels, H, W) -> (B, channels, H / 2, W / 2)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bn, self.conv = nn.BatchNorm2d(channels), nn.Conv2d(channels, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(self.conv(F.relu(self.bn(x))), 2)


def densenet_40(options: densenet.DenseNetOptions, classes: int) -> nn.Module:
    """Conv 3x3, three blocks of twelve layers, batch norm, average, dense. Images (B, 3, 32, 32) -> logits (B, classes)."""
    channels, growth = options.of(densenet.STEM), options.of(densenet.GROWTH)
    parts: OrderedDict[str, nn.Module] = OrderedDict(conv=nn.Conv2d(3, channels, 3, padding=1, bias=False))
    for i in range(1, densenet.BLOCKS + 1):
        block = OrderedDict[str, nn.Module]()
        for j in range(1, densenet.LAYERS + 1):
            block[f"layer{j}"] = Layer(channels, growth)
            channels += growth
        parts[f"block{i}"] = nn.Sequential(block)
        if i < densenet.BLOCKS:
            parts[f"transition{i}"] = Transition(channels)
    parts |= OrderedDict(bn=nn.BatchNorm2d(channels), relu=nn.ReLU(), mean=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten())
    return nn.Sequential(parts | OrderedDict(fc=nn.Linear(channels, classes)))
