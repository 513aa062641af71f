"""What a layer's channels cost in time: a model fitted to timings of its layers at other widths, taken on the spot (after Theis et al. 2018).

Seconds of a layer = a + b rows + c columns + d rows columns, all at least 0: launching it, writing what it puts out, reading what it takes, multiplying.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import torch
from scipy.optimize import nnls
from torch import Tensor, nn

from ..catalogue.shrunk import Costs
from .clockwork import median, timed
from .reading import Reading, Values

IMAGES, SECONDS = 128, 0.25  # images of a pass, fewer where the whole network takes longer than so many seconds
SHARES = (1.0, 0.75, 0.5, 0.25)
WARM, ROUNDS = 2, 5


class Timing(NamedTuple):
    """One layer at other widths: outputs, inputs, seconds of a pass."""

    rows: int
    columns: int
    seconds: float


class RuntimeModel(NamedTuple):
    """coefficients: layer (weight tensor) -> a, b, c, d in seconds. images: of a pass."""

    coefficients: Mapping[str, tuple[float, ...]]
    images: int

    def seconds(self, layer: str, rows: int, columns: int) -> float:
        a, b, c, d = self.coefficients[layer]
        return a + b * rows + c * columns + d * rows * columns

    def total(self, costs: Costs) -> float:
        """Of all layers at the widths that stand there."""
        return sum(self.seconds(layer, *shape[:2]) for layer, shape in costs.shapes.items())

    def saving(self, costs: Costs, group: str) -> float:
        """Seconds that one channel fewer of the group saves."""
        return costs.difference(group, self.seconds)


@torch.inference_mode()
def runtime(reading: Reading) -> Values | None:
    """Coefficients of the model, and for every timing what the model says of it; every third timing was no part of the fit (`held`)."""
    inputs = inputs_of(reading)
    coefficients: dict[str, tuple[float, ...]] = {}
    points: list[Values] = []
    for i, (name, (module, images)) in enumerate(inputs.items()):
        if not reading.go_on(i / len(inputs)):
            return None
        found = list(timings(module, images))
        fitted = [t for j, t in enumerate(found) if j % 3 != 2]
        coefficients[name] = fit(fitted)
        model = RuntimeModel({name: coefficients[name]}, len(images))
        points += [
            {"layer": name, "rows": t.rows, "columns": t.columns, "measured": t.seconds, "predicted": model.seconds(name, t.rows, t.columns),
             "held": t not in fitted}
            for t in found
        ]  # fmt: skip
    count = len(next(iter(inputs.values()))[1]) if inputs else 0
    return {"images": count, "threads": torch.get_num_threads(), "coefficients": coefficients, "points": points}


def inputs_of(reading: Reading) -> dict[str, tuple[nn.Module, Tensor]]:
    """Layer -> its module and what reaches it, of as many images as are not too slow."""
    network, module = reading.network, reading.network.module.eval()
    images, _ = reading.data["validation"].chunk(0, IMAGES)
    while len(images) > 1 and median(timed(module, images) for _ in range(WARM + 1)) > SECONDS:
        images = images[: len(images) // 2]
    found: dict[str, tuple[nn.Module, Tensor]] = {}
    owners = {f"{path}.weight": part for path, part in module.named_modules() if isinstance(part, nn.Conv2d | nn.Linear)}
    asked = {layer.name: owners[layer.name] for layer in network.entry.layers if layer.name in owners}
    hooks = [part.register_forward_pre_hook(keeping(found, name)) for name, part in asked.items()]
    module(images)
    for each in hooks:
        each.remove()
    return {name: found[name] for name in asked if name in found}


def keeping(found: dict[str, tuple[nn.Module, Tensor]], name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
    """A hook that writes down what reaches a layer."""

    def keep(part: nn.Module, given: tuple[Tensor, ...]) -> None:
        found[name] = part, given[0].clone()

    return keep


def timings(module: nn.Module, images: Tensor) -> Iterator[Timing]:
    """The layer at other numbers of outputs and inputs."""
    depthwise, seen = isinstance(module, nn.Conv2d) and module.groups > 1, set[tuple[int, int]]()
    for inner in SHARES[:1] if depthwise else SHARES:
        for outer in SHARES:
            smaller, given = resized(module, images, outer, outer if depthwise else inner)
            rows, columns, *_ = dict(smaller.named_parameters())["weight"].shape
            if (rows, columns) in seen:
                continue
            seen.add((rows, columns))
            for _ in range(WARM):
                timed(smaller, given)
            yield Timing(int(rows), int(columns), median(timed(smaller, given) for _ in range(ROUNDS)))


def resized(module: nn.Module, images: Tensor, outer: float, inner: float) -> tuple[nn.Module, Tensor]:
    """A layer of the same kind with a part of its outputs and inputs, and images of as many channels."""
    given = images[:, : max(1, round(inner * images.shape[1]))].contiguous()
    like = {"device": images.device, "dtype": images.dtype}
    if isinstance(module, nn.Linear):
        return nn.Linear(given.shape[1], max(1, round(outer * module.out_features)), module.bias is not None, **like), given
    assert isinstance(module, nn.Conv2d)
    groups = given.shape[1] if module.groups > 1 else 1
    rows = groups if module.groups > 1 else max(1, round(outer * module.out_channels))
    smaller = nn.Conv2d(
        given.shape[1], rows, module.kernel_size, module.stride, module.padding, module.dilation, groups, module.bias is not None, **like,  # type: ignore[arg-type]
    )  # fmt: skip
    return smaller.to(memory_format=torch.channels_last), given.contiguous(memory_format=torch.channels_last)  # type: ignore[call-overload]


def fit(found: list[Timing]) -> tuple[float, ...]:
    """Coefficients by least squares, none below 0; errors count as parts of what was measured, so that small layers count as much as large ones."""
    terms = np.array([(1, t.rows, t.columns, t.rows * t.columns) for t in found], dtype=float)
    seconds = np.array([t.seconds for t in found])
    scale = terms.max(axis=0)
    coefficients, _ = nnls(terms / scale / seconds[:, None], np.ones(len(found)))
    return tuple(float(c) for c in coefficients / scale)
