"""Residual networks for CIFAR (He et al. 2016): basic blocks, the shortcut after the second batch norm."""

from collections import OrderedDict

from torch import Tensor, nn
from torch.nn import functional as F

from ..catalogue.networks import resnet
from ..catalogue.networks.options import WidthOptions
from ..catalogue.networks.resnet import Shortcut


class Unchanged(nn.Module):
    """The shortcut of a block that keeps the side."""

    def forward(self, x: Tensor, _beside: Tensor) -> Tensor:
        return x


class PaddedShortcut(nn.Module):
    """Option A: averages 2 x 2 positions and appends channels of zeros, until there are as many as `beside` it. (B, C, H, W) -> (B, channels, H / 2, W / 2)."""

    def forward(self, x: Tensor, beside: Tensor) -> Tensor:
        return F.pad(F.avg_pool2d(x, 2), (0, 0, 0, 0, 0, beside.shape[1] - x.shape[1]))


class ConvShortcut(nn.Module):
    """Option B: a 1x1 convolution of stride 2 with batch norm."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv2d(channels, out, 1, stride=2, bias=False), nn.BatchNorm2d(out)

    def forward(self, x: Tensor, _beside: Tensor) -> Tensor:
        return self.bn(self.conv(x))


class Block(nn.Module):
    """Conv 3x3 - batch norm - ReLU - conv 3x3 - batch norm, plus the shortcut, ReLU. (B, channels, H, W) -> (B, out, H / stride, W / stride)."""

    def __init__(self, channels: int, out: int, stride: int, shortcut: Shortcut) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(channels, out, 3, stride, padding=1, bias=False), nn.BatchNorm2d(out)
        self.conv2, self.bn2 = nn.Conv2d(out, out, 3, padding=1, bias=False), nn.BatchNorm2d(out)
        self.shortcut: nn.Module = Unchanged()
        if stride > 1:
            self.shortcut = PaddedShortcut() if shortcut == "A" else ConvShortcut(channels, out)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return F.relu(y + self.shortcut(x, y))


def residual(widths: tuple[int, ...], blocks: int, shortcut: Shortcut, options: WidthOptions, classes: int) -> nn.Sequential:
    """Conv 3x3, stages of blocks that halve the side between them, average, dense. Images (B, 3, 32, 32) -> logits (B, classes)."""
    channels = options.of(widths[0])
    parts: OrderedDict[str, nn.Module] = OrderedDict(
        conv=nn.Conv2d(3, channels, 3, padding=1, bias=False), bn=nn.BatchNorm2d(channels), relu=nn.ReLU()
    )
    for i, out in enumerate(map(options.of, widths), 1):
        stage = OrderedDict[str, nn.Module]()
        for j in range(1, blocks + 1):
            stage[f"block{j}"] = Block(channels, out, 2 if i > 1 and j == 1 else 1, shortcut)
            channels = out
        parts[f"stage{i}"] = nn.Sequential(stage)
    return nn.Sequential(parts | OrderedDict(mean=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(), fc=nn.Linear(channels, classes)))


def resnet_18(options: resnet.ResNet18Options, classes: int) -> nn.Module:
    return residual(resnet.WIDTHS_18, resnet.BLOCKS_18, "B", options, classes)


def resnet_20(options: resnet.ResNet20Options, classes: int) -> nn.Module:
    return residual(resnet.WIDTHS_20, resnet.BLOCKS_20, options.shortcut, options, classes)
