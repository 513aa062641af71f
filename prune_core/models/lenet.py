"""The two LeNets of the SNIP paper (LeCun et al. 1998; section 5.1 and the released code)."""

from torch import Tensor, nn
from torch.nn import functional as F

from ..catalogue.networks.lenet import LeNet5Options, LeNet300Options


class LeNet300100(nn.Module):
    """784 - 300 - 100 - classes, ReLU between. Images (B, 1, 28, 28) -> logits (B, classes)."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(784, 300), nn.Linear(300, 100), nn.Linear(100, classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(images.flatten(1))))))


class LeNet5(nn.Module):
    """Caffe's LeNet-5: conv 20 - pool - conv 50 - pool - 500 - classes. Images (B, 1, 28, 28) -> logits (B, classes).

    ReLU stands only after the 500 units, as in Caffe's prototxt and SNIP's code; `relu_after_conv` adds the others.
    """

    def __init__(self, relu_after_conv: bool, classes: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 20, 5), nn.Conv2d(20, 50, 5)
        self.fc1, self.fc2 = nn.Linear(800, 500), nn.Linear(500, classes)
        self.act = nn.ReLU() if relu_after_conv else nn.Identity()

    def forward(self, images: Tensor) -> Tensor:
        x = F.max_pool2d(self.act(self.conv1(images)), 2)
        x = F.max_pool2d(self.act(self.conv2(x)), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


def lenet_300_100(options: LeNet300Options, classes: int) -> nn.Module:
    return LeNet300100(classes)


def lenet_5(options: LeNet5Options, classes: int) -> nn.Module:
    return LeNet5(options.relu_after_conv, classes)
