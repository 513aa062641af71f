"""A network written down for one image, operation by operation, as plain numbers: what it has and takes is known without torch."""

import math
from typing import NamedTuple

from .entry import Anatomy, ChannelGroup, Layer

INDEX = 2  # a whole number of torch takes as much room as two of its floats


class Signal(NamedTuple):
    """What one image sends from one operation to the next. `number` tells it from others of its shape: (channels, height, width) or (units,)."""

    shape: tuple[int, ...]
    number: int

    @property
    def size(self) -> int:
        return math.prod(self.shape)


class Sketch:
    """Operations in the order of a module's forward pass, each from signals to a signal; `anatomy` adds them up.

    Names are those of the module's parts. Every operation notes what torch keeps of it for the backward pass, once for each signal: convolutions,
    dense layers, batch norms and average pools their input, ReLU its result, max pooling its input and the places of the maxima.
    """

    def __init__(self, image: tuple[int, int, int]) -> None:
        self.layers: dict[str, Layer] = {}
        self.groups: list[ChannelGroup] = []
        self.vectors: dict[str, int] = {}  # biases, BN scales and shifts: their lengths
        self.kept: dict[int, int] = {}
        self.macs, self.signals, self.widest, self.least_batch = 0, 0, 0, 1
        self.image = self.signal(image)

    def signal(self, shape: tuple[int, ...]) -> Signal:
        self.signals += 1
        self.widest = max(self.widest, math.prod(shape))
        return Signal(shape, self.signals)

    def keep(self, x: Signal) -> None:
        self.kept[x.number] = x.size

    def conv(
        self, x: Signal, name: str, title: str, out: int, kernel: int, stride: int = 1, padding: int = 0, bias: bool = False
    ) -> Signal:
        side = [(n + 2 * padding - kernel) // stride + 1 for n in x.shape[1:]]
        layer = Layer(name=f"{name}.weight", title=title, shape=(out, x.shape[0], kernel, kernel), positions=math.prod(side))
        return self.weighted(x, name, layer, (out, *side), bias)

    def linear(self, x: Signal, name: str, title: str, out: int) -> Signal:
        """A dense layer with biases, on the flattened input."""
        return self.weighted(x, name, Layer(name=f"{name}.weight", title=title, shape=(out, x.size)), (out,), bias=True)

    def weighted(self, x: Signal, name: str, layer: Layer, shape: tuple[int, ...], bias: bool) -> Signal:
        self.keep(x)
        self.layers[name] = layer
        if bias:
            self.vectors[f"{name}.bias"] = shape[0]
        self.macs += layer.macs
        return self.signal(shape)

    def batch_norm(self, x: Signal, name: str) -> Signal:
        self.keep(x)
        self.vectors |= {f"{name}.weight": x.shape[0], f"{name}.bias": x.shape[0]}
        if math.prod(x.shape[1:]) == 1:
            self.least_batch = 2
        return self.signal(x.shape)

    def relu(self, x: Signal) -> Signal:
        y = self.signal(x.shape)
        self.keep(y)
        return y

    def max_pool(self, x: Signal, size: int = 2) -> Signal:
        self.keep(x)
        y = self.signal((x.shape[0], *(n // size for n in x.shape[1:])))
        self.kept[-y.number] = INDEX * y.size
        return y

    def avg_pool(self, x: Signal, size: int = 2) -> Signal:
        self.keep(x)
        return self.signal((x.shape[0], *(n // size for n in x.shape[1:])))

    def mean(self, x: Signal) -> Signal:
        """The average of every channel."""
        return self.signal(x.shape[:1])

    def pad(self, x: Signal, channels: int) -> Signal:
        """Channels of zeros appended."""
        return self.signal((channels, *x.shape[1:]))

    def add(self, x: Signal, y: Signal) -> Signal:
        assert x.shape == y.shape
        return self.signal(x.shape)

    def concatenate(self, x: Signal, y: Signal) -> Signal:
        return self.signal((x.shape[0] + y.shape[0], *x.shape[1:]))

    def group(self, conv: str, batch_norm: str | None = None) -> None:
        """The outputs of a convolution can go: it has nothing else to add up to. `batch_norm`: the one that follows it."""
        layer = self.layers[conv]
        names = (f"{conv}.bias", f"{batch_norm}.weight", f"{batch_norm}.bias")
        members = (layer.name, *(name for name in names if name in self.vectors))
        self.groups.append(ChannelGroup(name=conv, title=layer.title, channels=layer.shape[0], members=members, batch_norm=batch_norm))

    def anatomy(self, logits: Signal) -> Anatomy:
        """The sums. Cross entropy keeps a logarithm for each class, and the label."""
        layers = tuple(self.layers.values())
        return Anatomy(
            layers=layers,
            parameters=sum(layer.weights for layer in layers) + sum(self.vectors.values()),
            macs=self.macs,
            activations=sum(self.kept.values()) + logits.size + INDEX,
            widest=self.widest,
            least_batch=self.least_batch,
            channel_groups=tuple(self.groups),
        )
