"""A small convolutional network with batch norm, for pruning channels in seconds."""

from torch import Tensor, nn
from torch.nn import functional as F

from ..catalogue.networks.small_conv import SmallConvOptions


class SmallConv(nn.Module):
    """Three times conv 3x3 - batch norm - ReLU (16, 32, 32 channels), pooled between, averaged at the end. (B, 1, 28, 28) -> (B, classes)."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16)
        self.conv2, self.bn2 = nn.Conv2d(16, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32)
        self.conv3, self.bn3 = nn.Conv2d(32, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32)
        self.fc = nn.Linear(32, classes)

    def forward(self, images: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(images))), 2)
        x = F.max_pool2d(F.relu(self.bn2(self.conv2(x))), 2)
        x = F.relu(self.bn3(self.conv3(x)))
        return self.fc(x.mean((2, 3)))


def small_conv(options: SmallConvOptions, classes: int) -> nn.Module:
    return SmallConv(classes)
