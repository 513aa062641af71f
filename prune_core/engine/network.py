"""A network whose parameters, gradients and mask lie in flat buffers: the one place where masks are applied."""

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ..catalogue import Model
from ..catalogue.anatomy import Layer
from ..catalogue.criteria.options import ScopeOptions
from ..catalogue.entry import Options
from ..criteria.types import Recorded
from ..events import FirstLayer, LayerKept
from ..steps import Granularity
from .building import built
from .channels import channel_flags, expanded, left
from .optimiser import Optimiser
from .recording import Recording
from .surgery import cut, shrunk, standing


class Network:
    """A model of the catalogue on a device: `entry` as these options build it.

    weights, gradient: float32 (P,), all trainable parameters one after another; `parameters` are views of them.
    shapes: of the parameters as they were built; masks: name -> bool tensor of that shape, for parameters that something was pruned from.
    mask: float32 (P,) of zeros and ones, or None where nothing is to be held at 0.
    standing: after surgery, name of every channel group -> bool (channels,), those that the module still has; None before.
    factors: name of a group -> factors (channels,) that training put on its channels, float64 on the CPU; empty where it put none.
    recording: what notes the path of every weight in training, or None where no criterion asks for it.

    Masks, and what is told of layers and channels, speak of the network as it was built, before surgery and after.
    """

    def __init__(self, entry: Model, options: Options, device: torch.device) -> None:
        self.entry, self.options = entry, options
        self.mask: Tensor | None = None
        self.masks: dict[str, Tensor] = {}
        self.standing: dict[str, Tensor] | None = None
        self.recording: Recording | None = None
        self.factors: dict[str, Tensor] = {}
        self.take(built(entry, options).to(device))
        self.shapes = {name: p.shape for name, p in self.parameters.items()}

    def take(self, module: nn.Module) -> None:
        """Let this be the module: its parameters become views of flat buffers."""
        self.module = module
        self.parameters = dict(module.named_parameters())
        size, device = sum(p.numel() for p in self.parameters.values()), next(iter(self.parameters.values())).device
        self.weights, self.gradient = torch.zeros(size, device=device), torch.zeros(size, device=device)
        self.places: dict[str, slice] = {}
        start = 0
        for name, parameter in self.parameters.items():
            place = self.places[name] = slice(start, start + parameter.numel())
            view = layout(self.weights[place], parameter.shape)
            view.copy_(parameter.detach())
            parameter.data = view
            parameter.grad = layout(self.gradient[place], parameter.shape)
            start = place.stop

    @property
    def device(self) -> torch.device:
        return self.weights.device

    @property
    def buffers(self) -> dict[str, Tensor]:
        return dict(self.module.named_buffers())

    def prunable(self, options: ScopeOptions) -> dict[str, Tensor]:
        """Parameters that the options rank: conv and linear weights, biases where asked, filtered by name patterns."""
        weights = {layer.name for layer in self.entry.layers}
        biases = {name.removesuffix("weight") + "bias" for name in weights} & set(self.parameters) if options.include_bias else set()
        names = [name for name in self.parameters if name in weights | biases and options.ranks(name)]
        return {name: self.parameters[name] for name in names}

    def recorded(self, names: Iterable[str]) -> dict[str, Recorded]:
        """What training recorded of these parameters, as views of their shapes."""
        assert self.recording is not None
        flat = (self.recording.start, self.recording.fall)
        return {name: Recorded(*(layout(f[self.places[name]], self.parameters[name].shape) for f in flat)) for name in names}

    def mask_of(self, name: str) -> Tensor:
        """Bool tensor of a parameter's shape as it was built: True where it is left."""
        return self.masks.get(name, torch.ones(1, dtype=torch.bool, device=self.device).expand(self.shapes[name]))

    def masks_here(self) -> dict[str, Tensor]:
        """The masks in the shapes that the parameters have now."""
        return self.masks if self.standing is None else cut(self.masks, self.entry, self.standing)

    def channel_masks(self, flags: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Bool masks of all parameters that channels are made of, from one flag a channel of every group."""
        return expanded(self.entry, self.shapes, flags)

    def apply_masks(self, masks: Mapping[str, Tensor], optimiser: Optimiser | None) -> None:
        """From now on the given parameters are exactly 0 where their mask is False: weight, gradient and optimiser state."""
        self.masks |= {name: mask.to(self.device) for name, mask in masks.items()}
        self.hold()
        self.clear_pruned(optimiser)

    def hold(self) -> None:
        """Lay the masks out as the weights lie. Surgery may leave nothing to hold at 0."""
        mask = torch.ones_like(self.weights)
        parts = self.split(mask)
        for name, kept in self.masks_here().items():
            parts[name].copy_(kept)
        self.mask = None if self.standing is not None and bool(mask.all()) else mask

    def split(self, flat: Tensor) -> dict[str, Tensor]:
        """Views of a flat buffer (P,) in the parameters' shapes."""
        return {name: layout(flat[place], self.parameters[name].shape) for name, place in self.places.items()}

    def is_larger_than(self, weights: Mapping[str, Any]) -> bool:
        """Whether these parameters are of the same network after surgery."""
        return any(tuple(weights[name].shape) != tuple(shape) for name, shape in self.shapes.items())

    def shrink(self) -> None:
        """Take the channels out of the module that the masks have removed. Of a group that lost all of them one stays, held at 0."""
        assert self.standing is None
        self.standing = standing(channel_flags(self.entry, self.mask_of))
        self.take(shrunk(self.module, self.entry, self.standing))
        self.hold()

    @torch.no_grad()
    def put(self, values: Mapping[str, Tensor]) -> None:
        """New values of parameters, in place, so that they stay views of the flat buffer; masks are yet to be put on."""
        for name, new in values.items():
            self.parameters[name].copy_(new)

    @contextmanager
    def found_again(self) -> Iterator[None]:
        """Whatever is pruned inside is back afterwards: weights and masks."""
        weights, mask, masks = self.weights.clone(), self.mask, dict(self.masks)
        try:
            yield
        finally:
            self.weights.copy_(weights)
            self.mask, self.masks = mask, masks

    def clear_pruned(self, optimiser: Optimiser | None) -> None:
        """Set what is pruned to 0: after a pruning, and after anything that wrote whole tensors (a new draw)."""
        if self.mask is None:
            return
        self.weights.mul_(self.mask)
        for name in optimiser.per_weight if optimiser else ():
            optimiser.state[name].mul_(self.mask)  # type: ignore[union-attr]

    def mask_gradient(self) -> None:
        """Before every step: without a gradient, momentum and decay have nothing to move a zero with."""
        if self.mask is not None:
            self.gradient.mul_(self.mask)

    def kept_layers(self) -> tuple[LayerKept, ...]:
        """Weights left of every layer; `dead` are outputs that no weight leads to."""
        return tuple(layer_kept(layer, self.mask_of(layer.name)) for layer in self.entry.layers)

    def parameters_left(self) -> int:
        """Trainable numbers that were not removed."""
        return sum(math.prod(shape) for shape in self.shapes.values()) - sum(int((~mask).sum()) for mask in self.masks.values())

    def kept_channels(self) -> tuple[LayerKept, ...]:
        """Channels left of every group."""
        counts = ((g, int(left(g, self.mask_of).sum())) for g in self.entry.channel_groups)
        return tuple(LayerKept(name=g.name, units=g.channels, kept=n) for g, n in counts)

    def kept(self, granularity: Granularity) -> tuple[LayerKept, ...]:
        return self.kept_channels() if granularity == "channel" else self.kept_layers()

    def first_layer(self) -> FirstLayer:
        """What is left of the first layer, per input pixel (dense) or per filter (convolution)."""
        layer = self.entry.layers[0]
        return FirstLayer(
            **first_layer_form(layer, self.entry.input_shape), counts=tuple(first_layer_counts(self.mask_of(layer.name)).tolist())
        )

    def weights_sha256(self) -> str:
        """SHA-256 over every parameter and buffer, names and little-endian values, in the order of the modules (hexadecimal)."""
        digest = hashlib.sha256()
        for name, tensor in self.module.state_dict().items():
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()


def layout(flat: Tensor, shape: torch.Size) -> Tensor:
    """A view of a flat buffer in a parameter's shape; convolutions lie channels-last, which is 1.3 to 1.7 times faster."""
    if len(shape) == 4:
        o, i, h, w = shape
        return flat.view(o, h, w, i).permute(0, 3, 1, 2)
    return flat.view(shape)


def layer_kept(layer: Layer, mask: Tensor) -> LayerKept:
    dead = int((~mask.flatten(1).any(1)).sum())
    return LayerKept(name=layer.name, units=layer.weights, kept=int(mask.sum()), dead=dead)


def first_layer_form(layer: Layer, input_shape: tuple[int, int, int]) -> dict[str, Any]:
    """Layout, shape and `of` of a FirstLayer event."""
    if len(layer.shape) == 4:
        return {"layout": "filters", "shape": (layer.shape[0], *layer.shape[2:]), "of": layer.shape[1]}
    return {"layout": "pixels", "shape": input_shape[1:], "of": layer.shape[0] * math.prod(input_shape) // math.prod(input_shape[1:])}


def first_layer_counts(mask: Tensor) -> Tensor:
    """Kept weights of each pixel (dense: summed over units) or of each filter position (summed over input channels), flat."""
    return mask.sum(1).flatten() if mask.ndim == 4 else mask.sum(0)
