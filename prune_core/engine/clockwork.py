"""Timing of single passes."""

import time
from collections.abc import Iterable

import numpy as np
import torch
from torch import nn


def timed(module: nn.Module, images: torch.Tensor) -> float:
    """Seconds of one forward pass."""
    synchronise(images.device)
    began = time.perf_counter()
    module(images)
    synchronise(images.device)
    return time.perf_counter() - began


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def median(seconds: Iterable[float]) -> float:
    return float(np.median(list(seconds)))
