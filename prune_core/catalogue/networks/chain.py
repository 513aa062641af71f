"""Networks that are one layer after another, written down once: what is built with torch and what is counted without it come from the same list."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..anatomy import Anatomy
from ..entry import Drawing
from ..sketch import Sketch
from .options import COLOUR


class Conv(NamedTuple):
    """A convolution of square kernels, batch norm where asked, ReLU. Padding is on every side."""

    out: int
    kernel: int = 3
    stride: int = 1
    padding: int = 1
    bias: bool = True
    batch_norm: bool = False


class MaxPool(NamedTuple):
    size: int = 2


class AvgPool(NamedTuple):
    size: int = 2


class Dense(NamedTuple):
    """A dense layer with biases, batch norm where asked, ReLU."""

    out: int
    batch_norm: bool = False


class Output(NamedTuple):
    """The last dense layer: one number a class."""

    classes: int


Part = Conv | MaxPool | AvgPool | Dense | Output
Chain = Sequence[Part]


class Named(NamedTuple):
    """A part and what its module is called: conv1, conv2, ..., fc1, ..., pool1, ... `norm`: its batch norm, bn1, bn2, ... or None."""

    name: str
    norm: str | None
    part: Part


def named(chain: Chain) -> list[Named]:
    count = dict.fromkeys(("conv", "fc", "pool", "bn"), 0)

    def number(kind: str) -> str:
        count[kind] += 1
        return f"{kind}{count[kind]}"

    kinds: dict[type, str] = {Conv: "conv", Dense: "fc", Output: "fc", MaxPool: "pool", AvgPool: "pool"}
    return [Named(number(kinds[type(part)]), number("bn") if getattr(part, "batch_norm", False) else None, part) for part in chain]


def anatomy(image: tuple[int, int, int], chain: Chain) -> Anatomy:
    s = Sketch(image)
    x = s.image
    for name, norm, part in named(chain):
        match part:
            case Conv():
                x = s.conv(x, name, f"Conv {name[4:]}", part.out, part.kernel, part.stride, part.padding, part.bias)
                x = s.relu(s.batch_norm(x, norm) if norm else x)
            case Dense():
                x = s.linear(x, name, f"Dense {name[2:]}", part.out)
                x = s.relu(s.batch_norm(x, norm) if norm else x)
            case MaxPool():
                x = s.max_pool(x, part.size)
            case AvgPool():
                x = s.avg_pool(x, part.size)
            case Output():
                x = s.linear(x, name, "Output", part.classes)
    return s.anatomy(x)


def drawing(layout: Callable[[Any, int], Chain]) -> Drawing:
    """The drawing of a chain for images of 3 x 32 x 32. `layout`: (options, classes) -> its parts."""
    return lambda options, classes: anatomy(COLOUR, layout(options, classes))
