"""Imported once by the fork server: afterwards a run starts with torch, engine and store in memory and its kernels chosen.

On a machine with GPUs nothing is computed here. A first backward pass asks CUDA how many devices there are, and what has
spoken to CUDA can't be forked any more.
"""

import torch
from torch.nn.functional import cross_entropy

from .. import catalogue
from ..catalogue import function_of
from ..engine.execute import execute
from ..engine.network import Network
from ..engine.optimiser import Sgd
from ..environment import gpus
from .worker import work

LARGEST = 10**7  # multiply-adds of an image: with more, an epoch takes so long that nobody waits for the first choice of kernels


def step(name: str) -> None:
    """One training step of a small network of the catalogue, on one grey image, in one thread: more threads would not survive a fork."""
    entry = catalogue.models[name]
    network = Network(entry, entry.options(), torch.device("cpu"))
    optimiser = Sgd(network.weights, network.gradient, momentum=0.9, weight_decay=0.0)
    image = torch.full((1, *entry.input_shape), 0.5).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        network.module(image)
    cross_entropy(network.module.train()(image), torch.zeros(1, dtype=torch.long)).backward()
    optimiser.step(lr=0.1)


torch.set_num_threads(1)
for entry in (*catalogue.criteria.values(), *catalogue.protocols.values(), *catalogue.models.values()):
    function_of(entry)
if not gpus():
    for name, model in catalogue.models.items():
        if model.macs < LARGEST:
            step(name)

__all__ = ["execute", "work"]
