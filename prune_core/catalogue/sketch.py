"""A network written down for one image, operation by operation, as plain numbers: what it has and takes is known without torch."""

import math
from collections.abc import Iterable
from typing import NamedTuple

from .anatomy import Anatomy, ChannelGroup, Layer, Place

INDEX = 2  # a whole number of torch takes as much room as two of its floats


class Axis:
    """Channels one after another that share their fate: what is added to them goes with them. `fixed`: they can't go.

    producers: weights whose rows they are. norms: batch norms on their way. readers: weights whose columns read them.
    parts: what this axis has become, once it was split or joined to another; it then says nothing itself.
    """

    def __init__(self, size: int, fixed: bool = False) -> None:
        self.size, self.fixed = size, fixed
        self.producers: list[Place] = []
        self.norms: list[Place] = []
        self.readers: list[Place] = []
        self.parts: tuple[Axis, ...] = ()

    def split(self, size: int) -> "tuple[Axis, Axis]":
        """The first `size` of its channels, and the rest."""
        first, rest = Axis(size, self.fixed), Axis(self.size - size, self.fixed)
        for kind in ("producers", "norms", "readers"):
            places: list[Place] = getattr(self, kind)
            getattr(first, kind).extend(places)
            getattr(rest, kind).extend(place.after(size) for place in places)
        self.parts = first, rest
        return self.parts

    def join(self, other: "Axis") -> None:
        """Take in another of the same size: from now on the two are one."""
        self.fixed |= other.fixed
        self.producers += other.producers
        self.norms += other.norms
        self.readers += other.readers
        other.parts = (self,)


def leaves(axes: Iterable[Axis]) -> list[Axis]:
    """What axes have become, in the order of their channels."""
    return [leaf for axis in axes for leaf in (leaves(axis.parts) if axis.parts else (axis,))]


def joined(xs: Iterable[Axis], ys: Iterable[Axis]) -> None:
    """Two lists of axes over equally many channels become one, channel by channel, split where only one of them has an edge."""
    left, right = leaves(xs), leaves(ys)
    while left:
        x, y = leaves([left.pop(0)]), leaves([right.pop(0)])
        a, b = x.pop(0), y.pop(0)
        left, right = x + left, y + right
        if a is b:
            continue
        if a.size > b.size:
            a, rest = a.split(b.size)
            left.insert(0, rest)
        elif b.size > a.size:
            b, rest = b.split(a.size)
            right.insert(0, rest)
        a.join(b)


class Signal(NamedTuple):
    """What one image sends from one operation to the next. `number` tells it from others of its shape: (channels, height, width) or (units,).

    axes: whose channels they are, in order.
    """

    shape: tuple[int, ...]
    number: int
    axes: tuple[Axis, ...]

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
        self.axes: list[Axis] = []  # of convolutions' outputs
        self.vectors: dict[str, int] = {}  # biases, BN scales and shifts: their lengths
        self.kept: dict[int, int] = {}
        self.macs, self.signals, self.widest, self.least_batch = 0, 0, 0, 1
        self.image = self.signal(image, (Axis(image[0], fixed=True),))

    def signal(self, shape: tuple[int, ...], axes: tuple[Axis, ...]) -> Signal:
        self.signals += 1
        self.widest = max(self.widest, math.prod(shape))
        return Signal(shape, self.signals, axes)

    def keep(self, x: Signal) -> None:
        self.kept[x.number] = x.size

    def conv(
        self, x: Signal, name: str, title: str, out: int, kernel: int, stride: int = 1, padding: int = 0, bias: bool = False
    ) -> Signal:
        side = [(n + 2 * padding - kernel) // stride + 1 for n in x.shape[1:]]
        layer = Layer(name=f"{name}.weight", title=title, shape=(out, x.shape[0], kernel, kernel), positions=math.prod(side))
        axis = Axis(out)
        self.axes.append(axis)
        return self.weighted(x, name, layer, (out, *side), bias, axis)

    def linear(self, x: Signal, name: str, title: str, out: int) -> Signal:
        """A dense layer with biases, on the flattened input. Its units are no channels: they stay."""
        layer = Layer(name=f"{name}.weight", title=title, shape=(out, x.size))
        return self.weighted(x, name, layer, (out,), bias=True, axis=Axis(out, fixed=True))

    def weighted(self, x: Signal, name: str, layer: Layer, shape: tuple[int, ...], bias: bool, axis: Axis) -> Signal:
        self.keep(x)
        self.layers[name] = layer
        axis.producers.append(Place(layer.name))
        if bias:
            self.vectors[f"{name}.bias"] = shape[0]
        start, each = 0, math.prod(x.shape[1:]) if len(layer.shape) == 2 else 1
        for read in leaves(x.axes):
            read.readers.append(Place(layer.name, start, each))
            start += read.size * each
        self.macs += layer.macs
        return self.signal(shape, (axis,))

    def batch_norm(self, x: Signal, name: str) -> Signal:
        self.keep(x)
        self.vectors |= {f"{name}.weight": x.shape[0], f"{name}.bias": x.shape[0]}
        if math.prod(x.shape[1:]) == 1:
            self.least_batch = 2
        start = 0
        for axis in leaves(x.axes):
            axis.norms.append(Place(name, start))
            start += axis.size
        return self.signal(x.shape, x.axes)

    def relu(self, x: Signal) -> Signal:
        y = self.signal(x.shape, x.axes)
        self.keep(y)
        return y

    def max_pool(self, x: Signal, size: int = 2) -> Signal:
        self.keep(x)
        y = self.signal((x.shape[0], *(n // size for n in x.shape[1:])), x.axes)
        self.kept[-y.number] = INDEX * y.size
        return y

    def avg_pool(self, x: Signal, size: int = 2) -> Signal:
        self.keep(x)
        return self.signal((x.shape[0], *(n // size for n in x.shape[1:])), x.axes)

    def mean(self, x: Signal) -> Signal:
        """The average of every channel."""
        return self.signal(x.shape[:1], x.axes)

    def pad(self, x: Signal, channels: int) -> Signal:
        """Channels of zeros appended."""
        return self.signal((channels, *x.shape[1:]), (*x.axes, Axis(channels - x.shape[0])))

    def add(self, x: Signal, y: Signal) -> Signal:
        assert x.shape == y.shape
        joined(x.axes, y.axes)
        return self.signal(x.shape, x.axes)

    def concatenate(self, x: Signal, y: Signal) -> Signal:
        return self.signal((x.shape[0] + y.shape[0], *x.shape[1:]), (*x.axes, *y.axes))

    def order(self, place: Place) -> tuple[int, int]:
        """What sorts places of weights as the forward pass comes by them."""
        return list(self.layers).index(place.name.removesuffix(".weight")), place.start

    def group(self, axis: Axis) -> ChannelGroup:
        producers = sorted(axis.producers, key=self.order)
        first = producers[0].name.removesuffix(".weight")
        more = f" and {len(producers) - 1} more" if len(producers) > 1 else ""
        biases = (place._replace(name=place.name.removesuffix("weight") + "bias") for place in producers)
        scales = (place._replace(name=f"{place.name}.{what}") for place in axis.norms for what in ("weight", "bias"))
        return ChannelGroup(
            name=first, title=self.layers[first].title + more, channels=axis.size, producers=tuple(producers), norms=tuple(axis.norms),
            members=(*producers, *(place for place in (*biases, *scales) if place.name in self.vectors)),
            readers=tuple(sorted(axis.readers, key=self.order)),
        )  # fmt: skip

    def anatomy(self, logits: Signal) -> Anatomy:
        """The sums. Cross entropy keeps a logarithm for each class, and the label."""
        layers = tuple(self.layers.values())
        free = {id(axis): axis for axis in leaves(self.axes) if not axis.fixed}
        groups = sorted(map(self.group, free.values()), key=lambda group: self.order(group.producers[0]))
        return Anatomy(
            layers=layers,
            parameters=sum(layer.weights for layer in layers) + sum(self.vectors.values()),
            macs=self.macs,
            activations=sum(self.kept.values()) + logits.size + INDEX,
            widest=self.widest,
            least_batch=self.least_batch,
            channel_groups=tuple(group for group in groups if not group.shared),
            shared_groups=tuple(group for group in groups if group.shared),
        )
