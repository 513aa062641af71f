"""The one checkpoint format: everything that a run needs to go on bit for bit, as tensors and one line of JSON.

Random generators are not among it: every draw is derived from (seed, purpose, index), so the position in the plan says it all.
"""

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from .files import Arrays
from .network import Network
from .optimiser import Optimiser
from .runtime import RuntimeModel
from .training import Clock, Sums

FORMAT = "1"
NOTHING: Mapping[str, torch.Tensor] = MappingProxyType({})
Shapes = Mapping[str, Sequence[int]]


class Position(NamedTuple):
    """step: index in the plan of the step to do or go on with. event: number of the next event. seconds: computed so far. latency, runtime: measured so far."""

    step: int
    event: int
    seconds: float
    latency: tuple[float, float] | None = None
    runtime: RuntimeModel | None = None


def pack(
    network: Network, optimiser: Optimiser, clock: Clock, position: Position, fingerprint: str, scales: Mapping[str, torch.Tensor] = NOTHING
) -> tuple[dict[str, NDArray], dict[str, str]]:
    """Tensors and metadata of a checkpoint. scales: of factors that are being trained; mostly none."""
    tensors = {f"weights/{name}": array(t) for name, t in network.module.state_dict().items()}
    tensors |= {f"optimiser/{name}": array(t) for name, t in optimiser.state.items()}
    masks, shapes = packed_masks(network.masks)
    tensors |= {f"mask/{name}": m for name, m in masks.items()}
    tensors |= {f"scales/{name}": array(t) for name, t in scales.items()} | {
        f"factors/{name}": array(t) for name, t in network.factors.items()
    }
    tensors |= {"sums/loss": array(clock.sums.loss), "sums/correct": array(clock.sums.correct)}
    inner = {"iteration": clock.iteration, "images": clock.sums.images, "epoch_seconds": clock.sums.seconds, **position._asdict()}
    told = {"format": FORMAT, "fingerprint": fingerprint, "position": json.dumps(inner), "shapes": json.dumps(shapes)}
    return tensors, told | ({} if network.standing is None else {"shrunk": "yes"})


def fits(metadata: Mapping[str, str], fingerprint: str) -> bool:
    """Whether a checkpoint is of this run's spec and of a format that is understood."""
    return metadata.get("format") == FORMAT and metadata.get("fingerprint") == fingerprint


def masks_of(tensors: Arrays, metadata: Mapping[str, str]) -> dict[str, torch.Tensor]:
    """The masks of a checkpoint: name -> bool tensor."""
    packed = {name.removeprefix("mask/"): t for name, t in tensors.items() if name.startswith("mask/")}
    return unpacked_masks(packed, json.loads(metadata["shapes"]))


def part(tensors: Arrays, prefix: str) -> dict[str, torch.Tensor]:
    """The tensors whose names begin so, without that."""
    return {name.removeprefix(prefix): torch.from_numpy(t.copy()) for name, t in tensors.items() if name.startswith(prefix)}


def unpack(tensors: Arrays, metadata: Mapping[str, str], network: Network, optimiser: Optimiser, clock: Clock) -> Position:
    """Set network, optimiser and clock to a checkpoint's state; returns where to go on. The network has been shrunk where the checkpoint's was."""
    load_weights(network, part(tensors, "weights/"))
    network.factors = part(tensors, "factors/")
    if masks := masks_of(tensors, metadata):
        network.apply_masks(masks, None)
    for name, state in optimiser.state.items():
        state.copy_(torch.from_numpy(tensors[f"optimiser/{name}"].copy()))
    inner: dict[str, Any] = json.loads(metadata["position"])
    clock.iteration = inner["iteration"]
    device = network.device
    clock.sums = Sums(
        torch.from_numpy(tensors["sums/loss"].copy()).to(device),
        torch.from_numpy(tensors["sums/correct"].copy()).to(device),
        inner["images"],
        inner["epoch_seconds"],
    )
    latency = inner.get("latency")
    runtime = inner.get("runtime")
    return Position(inner["step"], inner["event"], inner["seconds"], latency and tuple(latency), runtime and RuntimeModel(*runtime))


def load_weights(network: Network, weights: Mapping[str, torch.Tensor]) -> None:
    """Copy parameters and buffers in place, so that they stay views of the flat buffers."""
    with torch.no_grad():
        for name, tensor in network.module.state_dict().items():
            tensor.copy_(weights[name])


def packed_masks(masks: Mapping[str, torch.Tensor]) -> tuple[dict[str, NDArray[np.uint8]], dict[str, tuple[int, ...]]]:
    """Eight weights a byte (numpy.packbits, row by row), and the shapes."""
    return {name: np.packbits(m.cpu().numpy()) for name, m in masks.items()}, {name: tuple(m.shape) for name, m in masks.items()}


def unpacked_masks(masks: Mapping[str, NDArray[np.uint8]], shapes: Shapes) -> dict[str, torch.Tensor]:
    """The inverse of `packed_masks`: name -> bool tensor."""
    return {
        name: torch.from_numpy(np.unpackbits(m, count=int(np.prod(shapes[name]))).reshape(shapes[name]).astype(bool))
        for name, m in masks.items()
    }


def array(tensor: torch.Tensor) -> NDArray:
    return tensor.detach().cpu().contiguous().numpy().copy()
