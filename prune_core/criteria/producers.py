"""What makes the channels of a group: the batch norm behind the convolution, or else the convolution itself."""

from torch import Tensor, nn

from .types import Scoring


def producers(scoring: Scoring[object]) -> dict[str, nn.Module]:
    """The module whose output the channels of every group are, before the ReLU: its batch norm, else its convolution."""
    return {
        name: scoring.model.get_submodule(group.batch_norm or group.members[0].rpartition(".")[0]) for name, group in scoring.groups.items()
    }


def batch_norms(scoring: Scoring[object]) -> dict[str, nn.BatchNorm2d]:
    """The batch norm of every channel group, by the group's name."""
    found = {name: module for name, module in producers(scoring).items() if isinstance(module, nn.BatchNorm2d)}
    assert len(found) == len(scoring.groups), "criteria that need batch norm are offered for networks that have it in every group"
    return found


def scale_and_shift(module: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """What a batch norm multiplies by and adds, float64, both of shape (channels,)."""
    return module.weight.detach().double(), module.bias.detach().double()
