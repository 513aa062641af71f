"""Mean activation of every channel, measured on images (Bartoldson et al. 2020 keep it while training).

    s_k = mean over images and positions of a[n, k, h, w],    a = max(0, output of the channel's batch norm, else of its convolution)

Of channels that several layers write or read, a is what the first layer reads of them.

Other statistics of the same numbers: the mean size, the standard deviation, the root mean square.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..catalogue.anatomy import ChannelGroup
from ..catalogue.criteria.channels import MeanActivationOptions
from .gradients import combined
from .types import Scores, Scoring

Powers = tuple[Callable[[Tensor], Tensor], ...]
POWERS: Mapping[str, Powers] = {
    "mean": (torch.positive,), "abs_mean": (torch.abs,), "std": (torch.positive, torch.square), "l2": (torch.square,)
}  # fmt: skip
STATISTICS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "mean": lambda moments: moments[0],
    "abs_mean": lambda moments: moments[0],
    "std": lambda moments: (moments[1] - moments[0].square()).clamp(min=0).sqrt(),
    "l2": lambda moments: moments[0].sqrt(),
}


def score(scoring: Scoring[MeanActivationOptions]) -> Scores:
    """The statistic of every channel over all images and positions, float64, shape (channels,); higher is kept."""
    parts = ((moments_of(scoring, images), len(labels)) for images, labels in scoring.batches)
    statistic = STATISTICS[scoring.options.statistic]
    return {name: statistic(moments) for name, moments in combined(parts, scoring.options.accumulate).items()}


def moments_of(scoring: Scoring[MeanActivationOptions], images: Tensor) -> Scores:
    """Means of the powers of a that the statistic is made of, over a batch and all positions: name -> float64, shape (powers, channels)."""
    found: Scores = {}
    powers, rectify = POWERS[scoring.options.statistic], scoring.options.position == "post"
    with torch.no_grad(), ExitStack() as hooks:
        for name, group in scoring.groups.items():
            if group.shared:
                reader = scoring.model.get_submodule(group.readers[0].name.removesuffix(".weight"))
                hooks.enter_context(reader.register_forward_pre_hook(partial(read, found, group, powers)))
            else:
                writer = scoring.model.get_submodule(group.batch_norm or group.producer.removesuffix(".weight"))
                hooks.enter_context(writer.register_forward_hook(partial(written, found, name, powers, rectify)))
        scoring.model(images)
    return found


def written(found: Scores, name: str, powers: Powers, rectify: bool, _module: nn.Module, _inputs: object, output: Tensor) -> None:
    """Hook: the moments at once, since a ReLU that works in place would change the output (B, channels, H, W) afterwards."""
    found[name] = moments(output.relu() if rectify else output, powers)


def read(found: Scores, group: ChannelGroup, powers: Powers, _module: nn.Module, inputs: tuple[Any, ...]) -> None:
    """Hook: what the first layer reads of channels that several write, which is their sum behind the ReLU."""
    _, start, each = group.readers[0]
    here: Tensor = inputs[0].flatten(2) if inputs[0].ndim > 2 else inputs[0].unflatten(1, (-1, each))
    first = start // each
    found[group.name] = moments(here[:, first : first + group.channels, :, None], powers)


def moments(a: Tensor, powers: Powers) -> Tensor:
    """Means of the powers of (B, channels, H, W) over images and positions, float64, (powers, channels)."""
    return torch.stack([power(a).mean((2, 3)).double().mean(0) for power in powers])
