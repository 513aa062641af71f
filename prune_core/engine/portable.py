"""A network that travels: weights and a description of the architecture in one safetensors file, from which it is built again without any run."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from ..catalogue import Options, models
from ..spec import RunSpec
from .building import built
from .surgery import shrunk

FORMAT = "espalier-network-1"


class NotPortable(Exception):  # noqa: N818
    """Why a file is not a network that can be built again, in words for a person."""


def described(spec: RunSpec, widths: Mapping[str, int]) -> dict[str, Any]:
    """What it takes to build the network of a run again. widths: channels of every group after surgery; empty where nothing was taken out."""
    data = spec.dataset_entry
    return {
        "format": FORMAT, "model": spec.model, "model_options": spec.model_options.model_dump(mode="json"), "classes": list(data.classes),
        "widths": dict(widths), "input": {"shape": list(data.shape), "mean": list(data.mean), "std": list(data.std)},
    }  # fmt: skip


def packed(module: nn.Module, description: Mapping[str, Any]) -> bytes:
    """A safetensors file: the state of a module, and the description as metadata."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}
    return save(state, {"espalier": json.dumps(description)})


def rebuild(path: str | Path) -> nn.Module:
    """The network of a file that `export` wrote, in eval mode on the CPU. Images (B, C, H, W), as `description["input"]` says -> logits (B, classes).

    Its attribute `description` says what it is. Raises NotPortable in words.
    """
    try:
        with safe_open(path, "pt") as file:
            told = json.loads((file.metadata() or {}).get("espalier", "null"))
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise NotPortable(f"{path}: is no safetensors file that can be read: {error}") from error
    if not isinstance(told, dict) or told.get("format") != FORMAT or told.get("model") not in models:
        raise NotPortable(f"{path}: does not say which network of Espalier it is.")
    entry = models[told["model"]]
    options: Options = entry.options.model_validate(told["model_options"])
    entry = entry.built(options, len(told["classes"])).removing(True)
    module = built(entry, options)
    if widths := told["widths"]:
        stands = {g.name: torch.arange(g.channels) < max(1, widths[g.name]) for g in entry.channel_groups if g.name in widths}
        module = shrunk(module, entry, stands)
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise NotPortable(f"{path}: its weights do not fit the network that it describes.") from error
    module.description = told  # type: ignore[assignment]  # a plain dict
    return module.eval()
