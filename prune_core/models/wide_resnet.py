"""Wide residual networks (Zagoruyko & Komodakis 2016): batch norm and ReLU before each convolution, no dropout."""

from collections import OrderedDict

from torch import Tensor, nn
from torch.nn import functional as F

from ..catalogue.networks import wide_resnet
from ..catalogue.networks.options import WidthOptions


class Block(nn.Module):
    """Batch norm - ReLU - conv 3x3, twice, plus the input. (B, channels, H, W) -> (B, out, H / stride, W / stride).

    In the `first` block of a stage a 1x1 convolution stands in the shortcut, behind the batch norm that both ways share.
    """

    def __init__(self, channels: int, out: int, stride: int, first: bool) -> None:
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(channels), nn.Conv2d(channels, out, 3, stride, padding=1, bias=False)
        self.bn2, self.conv2 = nn.BatchNorm2d(out), nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.shortcut = nn.Conv2d(channels, out, 1, stride, bias=False) if first else None

    def forward(self, x: Tensor) -> Tensor:
        ready = F.relu(self.bn1(x))
        y = self.conv2(F.relu(self.bn2(self.conv1(ready))))
        return y + (self.shortcut(ready) if self.shortcut else x)


def wide(depth: int, k: int, options: WidthOptions, classes: int) -> nn.Sequential:
    """Conv 3x3, three stages, batch norm, average, dense. Images (B, 3, 32, 32) -> logits (B, classes)."""
    channels = options.of(wide_resnet.STEM)
    parts: OrderedDict[str, nn.Module] = OrderedDict(conv=nn.Conv2d(3, channels, 3, padding=1, bias=False))
    for i, out in enumerate(wide_resnet.widths(k, options), 1):
        stage = OrderedDict[str, nn.Module]()
        for j in range(1, wide_resnet.blocks(depth) + 1):
            stage[f"block{j}"] = Block(channels, out, 2 if i > 1 and j == 1 else 1, first=j == 1)
            channels = out
        parts[f"stage{i}"] = nn.Sequential(stage)
    parts |= OrderedDict(bn=nn.BatchNorm2d(channels), relu=nn.ReLU(), mean=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten())
    return nn.Sequential(parts | OrderedDict(fc=nn.Linear(channels, classes)))


def wrn_16_4(options: wide_resnet.WideResNetOptions, classes: int) -> nn.Module:
    return wide(16, 4, options, classes)


def wrn_40_2(options: wide_resnet.WideResNetOptions, classes: int) -> nn.Module:
    return wide(40, 2, options, classes)
