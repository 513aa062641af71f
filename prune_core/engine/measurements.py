"""Measurements that only read: name -> function of what there is to read -> plain numbers."""

import time
from collections.abc import Callable

import numpy as np
import torch

from .agreement import agreement
from .judging import JUDGING
from .reading import Reading, Values

WARM, ROUNDS = 5, 30


@torch.inference_mode()
def latency(reading: Reading) -> Values:
    """Seconds of one forward pass for batches of 1 and 128: median and quartiles over 30 passes. Zeros do not make dense kernels faster."""
    module, training = reading.network.module, reading.network.module.training
    module.eval()
    result: Values = {"rounds": ROUNDS, "threads": torch.get_num_threads()}
    for n in (1, 128):
        images, _ = reading.data["validation"].chunk(0, n)
        seconds = [timed(module, images) for _ in range(WARM + ROUNDS)][WARM:]
        low, middle, high = np.percentile(seconds, (25, 50, 75))
        result[f"batch_{n}"] = {"median": float(middle), "low": float(low), "high": float(high), "n": len(images)}
    module.train(training)
    return result


def timed(module: torch.nn.Module, images: torch.Tensor) -> float:
    synchronise(images.device)
    began = time.perf_counter()
    module(images)
    synchronise(images.device)
    return time.perf_counter() - began


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


# None: the measurement was told not to go on, and is to be begun again.
MEASUREMENTS: dict[str, Callable[[Reading], Values | None]] = {"latency": latency, "agreement": agreement, **JUDGING}
