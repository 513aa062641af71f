"""Mean activation of every channel, measured on images (Bartoldson et al. 2020 keep it while training).

    s_k = mean over images and positions of a[n, k, h, w],    a = max(0, output of the channel's batch norm, else of its convolution)

Other statistics of the same numbers: the mean size, the standard deviation, the root mean square.
"""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial

import torch
from torch import Tensor, nn

from ..catalogue.criteria.channels import MeanActivationOptions
from .gradients import combined
from .producers import producers
from .types import Scores, Scoring

POWERS: Mapping[str, tuple[Callable[[Tensor], Tensor], ...]] = {
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
    options = scoring.options
    with torch.no_grad(), ExitStack() as hooks:
        for name, module in producers(scoring).items():
            hooks.enter_context(
                module.register_forward_hook(partial(note, found, name, POWERS[options.statistic], options.position == "post"))
            )
        scoring.model(images)
    return found


def note(
    found: Scores,
    name: str,
    powers: tuple[Callable[[Tensor], Tensor], ...],
    rectify: bool,
    _module: nn.Module,
    _inputs: object,
    output: Tensor,
) -> None:
    """Hook: the moments at once, since a ReLU that works in place would change the output (B, channels, H, W) afterwards."""
    a = output.relu() if rectify else output
    found[name] = torch.stack([power(a).mean((2, 3)).double().mean(0) for power in powers])
