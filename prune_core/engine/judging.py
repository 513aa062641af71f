"""What removals really do, and what criteria said that they would. Everything is tried on a copy: the run's network is only read."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..steps import Granularity, Prune, Score, usual_keep_min
from ..streams import seed_of
from .dataset import Images
from .evaluation import evaluate
from .masks import generator, masks_from
from .network import Network
from .reading import Reading, Values
from .scoring import alive

CHUNK = 100  # images in one forward pass: in float64 larger ones leave the cache and take twice as long
FIRST_ROUND = 1  # the images that the first pruning of a run with this seed would look at


def removal(reading: Reading) -> Values | None:
    """Rise of the mean loss when a unit goes, each of `count` units of a layer alone: L(w without j) - L(w), SNIP's equation 4.

    In float64: float32 would lose rises of less than 1e-7, and most are smaller. None once `go_on` says no.
    """
    options = reading.options
    unit, layer, n = options["unit"], options["layer"], options["images"]
    places, size = drawn(reading, unit, layer, options["count"])
    module = copy.deepcopy(reading.network.module).double().eval()
    parts = list(chunks(reading.data["train"], n))
    before, rises = loss(module, parts), list[float]()
    for place in places:
        if not reading.go_on(len(rises) / len(places)):
            return None
        with without(module, numbers_of(reading.network, unit, layer, place)):
            rises.append(loss(module, parts) - before)
    return {
        "layer": layer, "unit": unit, "units": places, "of": size, "rises": rises, "loss": before, "images": min(n, len(reading.data["train"])),
    }  # fmt: skip


def prediction(reading: Reading) -> Values | None:
    """A criterion's scores of the units that `removal` takes out, layer by layer."""
    options = reading.options
    unit, sample = options["unit"], options["sample"]
    scores = reading.ask(asking(options))
    found = [scores[layer].flatten()[drawn(reading, unit, layer, n)[0]].tolist() for layer, n in sample.items()]
    return {"criterion": options["criterion"], "unit": unit, "layers": list(sample), "scores": found}


def sensitivity(reading: Reading) -> Values | None:
    """Loss and accuracy on the validation part with one layer pruned and all others whole, for each of `sparsities`; exact counts, as in a pruning.

    Of channels one stays at least, as in every layer of a pruning. None once `go_on` says no.
    """
    options, network = reading.options, reading.network
    unit, layer = options["unit"], options["layer"]
    step = asking(options)
    scores = reading.ask(step)
    only, living = {layer: scores[layer]}, {layer: alive(step, network, scores)[layer]}
    validation, classes = reading.data["validation"], reading.data.classes
    before = evaluate(network.module, validation, classes)
    found = []
    for i, sparsity in enumerate(options["sparsities"], 1):
        if not reading.go_on(i / (len(options["sparsities"]) + 1)):
            return None
        weights = network.parameters if unit == "weight" else None
        alone = Prune(sparsity=sparsity, granularity=unit, keep_min=usual_keep_min(unit))
        made, masks = masks_from(alone, only, living, reading.seed, weights)
        after = evaluate(pruned(network, masks, unit), validation, classes)
        found.append((int(made.kept.sum()), after.accuracy, after.loss))
    kept, accuracies, losses = (list(column) for column in zip(*found, strict=True))
    return {
        "layer": layer, "unit": unit, "criterion": options["criterion"], "sparsities": list(options["sparsities"]), "of": only[layer].numel(),
        "kept": kept, "accuracies": accuracies, "losses": losses, "before": before.accuracy, "images": before.n,
    }  # fmt: skip


def asking(options: Mapping[str, Any]) -> Score:
    return Score(criterion=options["criterion"], options=options["options"], granularity=options["unit"], round=FIRST_ROUND)


def drawn(reading: Reading, unit: Granularity, layer: str, count: int) -> tuple[list[int], int]:
    """(flat indices, rising; size of the layer): `count` units of a layer by lot. A larger draw of the same seed holds the smaller one."""
    entry = reading.network.entry
    of = {g.name: g.channels for g in entry.channel_groups} if unit == "channel" else {x.name: x.weights for x in entry.layers}
    chance = generator(seed_of(reading.seed, "sample", list(of).index(layer)))
    return sorted(torch.randperm(of[layer], generator=chance)[:count].tolist()), of[layer]


def numbers_of(network: Network, unit: Granularity, layer: str, place: int) -> dict[str, tuple[int, ...]]:
    """Where a unit lies: parameter -> index. A channel is a row of its filter and what batch norm adds to it."""
    if unit == "channel":
        group = next(g for g in network.entry.channel_groups if g.name == layer)
        return {name: (start + place,) for name, start, _ in group.members}
    return {layer: tuple(map(int, np.unravel_index(place, network.parameters[layer].shape)))}


@contextmanager
def without(module: nn.Module, where: Mapping[str, tuple[int, ...]]) -> Iterator[None]:
    """The module with these numbers at 0; afterwards they are what they were."""
    parameters = dict(module.named_parameters())
    kept = {name: parameters[name].data[index].clone() for name, index in where.items()}
    for name, index in where.items():
        parameters[name].data[index] = 0
    try:
        yield
    finally:
        for name, index in where.items():
            parameters[name].data[index] = kept[name]


def chunks(part: Images, n: int) -> Iterator[tuple[Tensor, Tensor]]:
    """The first n images of a part, standardised, in float64."""
    for start in range(0, min(n, len(part)), CHUNK):
        images, labels = part.chunk(start, min(start + CHUNK, n, len(part)))
        yield images.double(), labels


@torch.no_grad()
def loss(module: nn.Module, parts: Sequence[tuple[Tensor, Tensor]]) -> float:
    """Mean cross-entropy over all images of the parts."""
    total = sum(float(F.cross_entropy(module(images), labels, reduction="sum")) for images, labels in parts)
    return total / sum(len(labels) for _, labels in parts)


def pruned(network: Network, masks: Mapping[str, Tensor], unit: Granularity) -> nn.Module:
    """A copy of the network under the masks of some of its layers (or channel groups)."""
    if unit == "channel":
        whole = {g.name: torch.ones(g.channels, dtype=torch.bool) for g in network.entry.channel_groups}
        masks = network.channel_masks(whole | dict(masks))
    module = copy.deepcopy(network.module)
    parameters = dict(module.named_parameters())
    for name, mask in masks.items():
        parameters[name].data.mul_(mask.to(network.device))
    return module


JUDGING: dict[str, Callable[[Reading], Values | None]] = {
    "removal": removal, "prediction": prediction, "sensitivity": sensitivity
}  # fmt: skip
