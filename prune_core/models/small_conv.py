"""A small convolutional network with batch norm, for pruning channels in seconds."""

from torch import Tensor, nn
from torch.nn import functional as F

from ..catalogue.networks.small_conv import WIDTHS, SmallConvOptions


class SmallConv(nn.Module):
    """Three times conv 3x3 - batch norm - ReLU, pooled between, averaged at the end. (B, 1, 28, 28) -> (B, classes)."""

    def __init__(self, widths: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        one, two, three = widths
        self.conv1, self.bn1 = nn.Conv2d(1, one, 3, padding=1, bias=False), nn.BatchNorm2d(one)
        self.conv2, self.bn2 = nn.Conv2d(one, two, 3, padding=1, bias=False), nn.BatchNorm2d(two)
        self.conv3, self.bn3 = nn.Conv2d(two, three, 3, padding=1, bias=False), nn.BatchNorm2d(three)
        self.fc = nn.Linear(three, classes)

    def forward(self, images: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(images))), 2)
        x = F.max_pool2d(F.relu(self.bn2(self.conv2(x))), 2)
        x = F.relu(self.bn3(self.conv3(x)))
        return self.fc(x.mean((2, 3)))


def small_conv(options: SmallConvOptions, classes: int) -> nn.Module:
    one, two, three = map(options.of, WIDTHS)
    return SmallConv((one, two, three), classes)
