"""Measurements that only read: name -> function of what there is to read -> plain numbers."""

import copy
import time
from collections.abc import Callable, Collection, Mapping

import numpy as np
import torch
from safetensors.numpy import save
from torch import nn

from .agreement import agreement
from .building import built
from .checkpoint import array
from .clockwork import median, synchronise, timed
from .judging import JUDGING
from .network import Network
from .reading import Reading, Values
from .runtime import runtime

WARM, ROUNDS, FEWEST = 5, 30, 7
SECONDS = 6.0  # of one batch size: slow networks go through fewer rounds, never below the fewest


@torch.inference_mode()
def latency(reading: Reading) -> Values:
    """Seconds of one forward pass for batches of 1 and 128, median and quartiles, of 128 by layer, bytes on disk and in memory.

    Of a pruned network also those of the `masked` one, zeros in their places, and of the `whole` one: all take turns, so that a busy moment hits all.
    """
    networks = side_by_side(reading.network)
    result: Values = {"threads": torch.get_num_threads(), "bytes": {name: bytes_of(module) for name, module in networks.items()}}
    told: dict[str, Values] = {name: {} for name in networks}
    for n in (1, 128):
        images, _ = reading.data["validation"].chunk(0, n)
        seconds = turns(networks, images)
        for name, each in seconds.items():
            low, middle, high = np.percentile(each, (25, 50, 75))
            told[name][f"batch_{n}"] = {
                "median": float(middle),
                "low": float(low),
                "high": float(high),
                "n": len(images),
                "rounds": len(each),
            }
    names = [layer.name for layer in reading.network.entry.layers]
    result["memory"] = {name: memory_of(module, images) for name, module in networks.items()}
    result["layers"] = {name: by_layer(module, images, names) for name, module in networks.items() if name != "masked"}
    return result | told.pop("this") | told


def side_by_side(network: Network) -> dict[str, nn.Module]:
    """The network as it is, and where anything was pruned from it the whole one, and the masked one where that is another; all laid out alike."""
    found = {"this": copy.deepcopy(network.module)}
    if network.masks:
        found["whole"] = whole(network)
    if network.standing is not None:
        found["masked"] = whole(network)
        parameters = dict(found["masked"].named_parameters())
        for name, mask in network.masks.items():
            parameters[name].mul_(mask)
    return {name: module.eval() for name, module in found.items()}


def whole(network: Network) -> nn.Module:
    """As it was built, its convolutions channels-last as those of every run."""
    module = built(network.entry, network.options).to(network.device)
    return module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def turns(networks: Mapping[str, nn.Module], images: torch.Tensor) -> dict[str, list[float]]:
    """Seconds of every network's passes, one after the other in every round, each round beginning with another."""
    began = time.perf_counter()
    for _ in range(WARM):
        for module in networks.values():
            timed(module, images)
    seconds: dict[str, list[float]] = {name: [] for name in networks}
    for i in range(ROUNDS):
        if i >= FEWEST and time.perf_counter() - began > SECONDS:
            break
        names = list(networks)
        for name in names[i % len(names) :] + names[: i % len(names)]:
            seconds[name].append(timed(networks[name], images))
    return seconds


def bytes_of(module: nn.Module) -> int:
    """What its weights take as a file: of zeros as of any other number."""
    return len(save({name: array(tensor) for name, tensor in module.state_dict().items()}))


def by_layer(module: nn.Module, images: torch.Tensor, names: Collection[str]) -> dict[str, float]:
    """Median seconds of every layer in passes of the whole network. names: of weight tensors; what lies between the layers is in none of them."""
    owners = {f"{path}.weight": part for path, part in module.named_modules()}
    began: dict[str, float] = {}
    seconds: dict[str, list[float]] = {name: [] for name in names if name in owners}

    def begin(name: str) -> Callable[..., None]:
        def hook(part: nn.Module, given: object) -> None:
            synchronise(images.device)
            began[name] = time.perf_counter()

        return hook

    def end(name: str) -> Callable[..., None]:
        def hook(part: nn.Module, given: object, out: object) -> None:
            synchronise(images.device)
            seconds[name].append(time.perf_counter() - began[name])

        return hook

    hooks = [
        h for name in seconds for h in (owners[name].register_forward_pre_hook(begin(name)), owners[name].register_forward_hook(end(name)))
    ]
    for _ in range(FEWEST):
        module(images)
    for hook in hooks:
        hook.remove()
    return {name: median(each) for name, each in seconds.items() if each}


def memory_of(module: nn.Module, images: torch.Tensor) -> int:
    """Bytes of its weights, and of what the widest of its parts takes and puts out: what a pass holds at least."""
    widest = [0]

    def look(part: nn.Module, given: tuple[torch.Tensor, ...], out: torch.Tensor) -> None:
        widest[0] = max(widest[0], sum(t.nbytes for t in (*given, out) if isinstance(t, torch.Tensor)))

    hooks = [part.register_forward_hook(look) for part in module.modules() if not list(part.children())]
    module(images)
    for hook in hooks:
        hook.remove()
    return widest[0] + sum(t.nbytes for t in module.state_dict().values())


# None: the measurement was told not to go on, and is to be begun again.
MEASUREMENTS: dict[str, Callable[[Reading], Values | None]] = {"latency": latency, "runtime": runtime, "agreement": agreement, **JUDGING}
