"""Masks that a run takes over from its parent, as they are or as a control."""

from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor

from ..parents import Inherited
from ..spec import RunSpec
from ..steps import Inherit
from ..streams import seed_of
from .channels import channel_flags
from .checkpoint import unpacked_masks
from .errors import RunError
from .masks import generator
from .network import Network

Flags = Mapping[str, Tensor]


def masks_for(step: Inherit, spec: RunSpec, inherited: Inherited, network: Network) -> dict[str, Tensor]:
    """Bool masks by parameter, of its shape."""
    masks = unpacked_masks(inherited.masks, inherited.shapes)
    if step.control == "none":
        return masks
    units = channel_flags(network.entry, masks.__getitem__) if step.granularity == "channel" else masks
    chosen = CONTROLS[step.control](units, generator(seed_of(spec.seed, "mask")))
    return network.channel_masks(chosen) if step.granularity == "channel" else chosen


def refuse_strangers(spec: RunSpec, inherited: Inherited) -> None:
    """The spec repeats what its parent was: network, and whose mask it is. One that says otherwise would be shown under a wrong name: RunError."""
    parent = inherited.spec.resolved()
    for field in ("model", "dataset", "criterion", "sparsity", "granularity"):
        if getattr(spec, field) != getattr(parent, field):
            raise RunError(f"parent: it has {field} {getattr(parent, field)}, this run says {getattr(spec, field)}.")
    if spec.data_options.classes != parent.data_options.classes:
        classes = [", ".join(map(str, each.data_options.classes)) or "all" for each in (parent, spec)]
        raise RunError(f"parent: it has classes {classes[0]}, this run says {classes[1]}.")
    if spec.network != parent.network:
        raise RunError(f"parent: it has network {parent.network}, this run has {spec.network}.")
    if spec.protocol == parent.protocol == "from_scratch":
        raise RunError("parent: it was trained from scratch itself, so this run would repeat it. Name the run that pruned.")


def start_from(spec: RunSpec, inherited: Inherited, network: Network) -> None:
    """Take over the weights of a whole network; the output layer only from one that learnt the same classes of the same data.

    Raises RunError where the parent is another network, was pruned, or left no weights.
    """
    parent = inherited.spec.resolved()
    if spec.network != parent.network:
        raise RunError(f"parent: it has network {parent.network}, this run has {spec.network}.")
    if inherited.masks:
        raise RunError("parent: it was pruned. A run starts from the weights of a whole network.")
    if not inherited.weights:
        raise RunError("parent: its final weights are not here; they did not travel with its bundle. Run it again, then start from it.")
    path = network.entry.layers[-1].name.rpartition(".")[0]
    fresh = spec.data != parent.data
    with torch.no_grad():
        for name, tensor in network.module.state_dict().items():
            if not (fresh and name.startswith(f"{path}.")):
                tensor.copy_(torch.from_numpy(inherited.weights[name].copy()))


def random(flags: Flags, chance: torch.Generator) -> dict[str, Tensor]:
    """As many units in all, anywhere."""
    flat = torch.cat([f.flatten() for f in flags.values()])
    parts = flat[torch.randperm(len(flat), generator=chance)].split([f.numel() for f in flags.values()])
    return {name: part.reshape(f.shape) for (name, f), part in zip(flags.items(), parts, strict=True)}


def shuffled(flags: Flags, chance: torch.Generator) -> dict[str, Tensor]:
    """As many units in each layer."""
    return {name: f.flatten()[torch.randperm(f.numel(), generator=chance)].reshape(f.shape) for name, f in flags.items()}


def inverted(flags: Flags, chance: torch.Generator) -> dict[str, Tensor]:
    """Exactly the units that were removed."""
    return {name: ~f for name, f in flags.items()}


CONTROLS: dict[Literal["random", "shuffled", "inverted"], Callable[[Flags, torch.Generator], dict[str, Tensor]]] = {
    "random": random, "shuffled": shuffled, "inverted": inverted
}  # fmt: skip
