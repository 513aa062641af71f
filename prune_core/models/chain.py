"""Networks that are one layer after another, from their list in the catalogue."""

from collections import OrderedDict

from torch import nn

from ..catalogue.networks.chain import AvgPool, Chain, Conv, Dense, MaxPool, Output, anatomy, named


def sequential(image: tuple[int, int, int], chain: Chain) -> nn.Sequential:
    """Images (B, channels, height, width) -> logits (B, classes)."""
    inputs = {layer.name: layer.shape[1] for layer in anatomy(image, chain).layers}
    modules: OrderedDict[str, nn.Module] = OrderedDict()
    for name, norm, part in named(chain):
        match part:
            case Conv():
                modules[name] = nn.Conv2d(inputs[f"{name}.weight"], part.out, part.kernel, part.stride, part.padding, bias=part.bias)
                if norm:
                    modules[norm] = nn.BatchNorm2d(part.out)
                modules[f"{name}_relu"] = nn.ReLU()
            case Dense():
                modules.setdefault("flatten", nn.Flatten())
                modules[name] = nn.Linear(inputs[f"{name}.weight"], part.out)
                if norm:
                    modules[norm] = nn.BatchNorm1d(part.out)
                modules[f"{name}_relu"] = nn.ReLU()
            case MaxPool():
                modules[name] = nn.MaxPool2d(part.size)
            case AvgPool():
                modules[name] = nn.AvgPool2d(part.size)
            case Output():
                modules.setdefault("flatten", nn.Flatten())
                modules[name] = nn.Linear(inputs[f"{name}.weight"], part.classes)
    return nn.Sequential(modules)
