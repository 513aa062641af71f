"""What a run does when its removed channels are taken out: surgery, and the proof that nothing but size has changed."""

import copy
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ..catalogue import shrunk
from ..events import Event, Shrunk
from ..steps import Shrink
from .errors import RunError
from .network import Network
from .optimiser import Optimiser
from .surgery import cut

if TYPE_CHECKING:
    from .execute import Execution

IMAGES = 64
EXACT = 1e-10  # the largest difference of outputs in double precision, as a part of the largest output


def shrink(run: "Execution", step: Shrink) -> Iterator[Event]:
    """Make the network physically smaller. Raises RunError where the smaller one does not compute the same."""
    network, optimiser = run.network, run.optimiser
    if network.standing is not None:
        return
    run.tell("Taking removed channels out")
    images, _ = run.data["validation"].chunk(0, min(IMAGES, len(run.data["validation"])))
    masked, parts = network.module, {name: network.split(optimiser.state[name]) for name in optimiser.per_weight}
    network.shrink()
    run.optimiser = run.new_optimiser()
    carry_over(network, optimiser, run.optimiser, parts)
    exact, single = (difference(masked, network.module, images, dtype) for dtype in (torch.float64, torch.float32))
    if not exact <= EXACT:
        raise RunError(
            f"The smaller network does not compute what the masked one does: outputs differ by {exact:.2g} of the largest. This is a fault of Espalier."
        )
    groups = network.kept_channels()
    widths = {group.name: group.kept for group in groups}
    yield Shrunk(
        epoch=run.clock.epoch, groups=groups, silent=tuple(name for name, n in widths.items() if not n),
        parameters=(network.entry.parameters, shrunk.parameters(network.entry, widths)), macs=(network.entry.macs, shrunk.macs(network.entry, widths)),
        difference=exact, single=single, images=len(images),
    )  # fmt: skip


def carry_over(network: Network, before: Optimiser, after: Optimiser, parts: Mapping[str, Mapping[str, Tensor]]) -> None:
    """Let an optimiser go on after surgery with what the one before it knew. parts: what it had for each weight, by parameter, in the shapes before."""
    assert network.standing is not None
    for name, state in before.state.items():
        if name not in parts:
            after.state[name].copy_(state)
            continue
        stays = cut(parts[name], network.entry, network.standing)
        for parameter, here in network.split(after.state[name]).items():
            here.copy_(stays[parameter])


@torch.no_grad()
def difference(masked: nn.Module, small: nn.Module, images: Tensor, dtype: torch.dtype) -> float:
    """The largest difference of two networks' outputs in eval mode, as a part of the largest output of the first."""
    one, other = (copy.deepcopy(module).to(dtype).eval()(images.to(dtype)) for module in (masked, small))
    return float((one - other).abs().max() / one.abs().max().clamp(min=torch.finfo(dtype).tiny))
