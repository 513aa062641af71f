"""The batch norm that makes the channels of a group: where their scale and shift are, and where their activations come from."""

from torch import Tensor, nn

from .types import Scoring


def batch_norms(scoring: Scoring[object]) -> dict[str, nn.BatchNorm2d]:
    """The batch norm of every channel group, by the group's name."""
    found: dict[str, nn.BatchNorm2d] = {}
    for name, group in scoring.groups.items():
        module = scoring.model.get_submodule(group.batch_norm)
        assert isinstance(module, nn.BatchNorm2d)
        found[name] = module
    return found


def scale_and_shift(module: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """What a batch norm multiplies by and adds, float64, both of shape (channels,)."""
    return module.weight.detach().double(), module.bias.detach().double()
