"""What it costs to ask a criterion, beside the passes through the network that it cannot do without, as ratios in one run.

    python -m tests.bench.scoring              # ten minutes; needs MNIST and CIFAR-10 small in ESPALIER_DATA; one thread

Ours is the whole of a scoring as a run has it: drawing and standardising images, the criterion, float64 scores, the network restored. Theirs is a plain
torch loop over the same images, cut and standardised before: forward passes, and gradients of every parameter, as many as the criterion's formula needs.
Pairs alternate (A B A B); CPU time of the process. Writes results/scoring.md.

Three kinds stay above the target. Fisher and optimal brain damage square the gradient of every image alone, which a pass over all images together never
makes: for a convolution a product of matrices for each image. SynFlow's one image is so little work that copying the weights in double precision, anew
in every round, and multiplying the scores out counts beside it. Mean activation needs a forward pass alone, so that what comes beside it counts for
more: drawing the images, standardising them, taking the means.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from prune_core import catalogue
from prune_core.catalogue.criteria.options import DataOptions
from prune_core.criteria.types import Batch
from prune_core.engine.dataset import Data, open_data
from prune_core.engine.network import Network
from prune_core.engine.scoring import score, scoring_batches
from prune_core.models.initialisation import initialise
from prune_core.steps import Granularity, Score

from .engine import CPU, timed
from .measuring import Figure, keep, load, side_by_side

PAIRS, TARGET = 7, 1.2
LEAST_SECONDS = 0.06  # of one side of a pair, in as many repetitions as that takes: below, the clock's own grain shows
PROBES = 5


class Place(NamedTuple):
    """A network on a data set."""

    title: str
    network: Network
    data: Data


class Asked(NamedTuple):
    """A criterion with its options, and the passes that it needs. `unit`: these in words."""

    criterion: str
    passes: Callable[[Place, Sequence[Batch]], object]
    unit: str
    options: Mapping[str, Any] = MappingProxyType({})


def forward(place: Place, batches: Sequence[Batch]) -> None:
    with torch.no_grad():
        for images, _ in batches:
            place.network.module(images)


def gradients(place: Place, batches: Sequence[Batch], times: int = 1) -> None:
    """Forward and backward, so many times."""
    for _ in range(times):
        for images, labels in batches:
            torch.autograd.grad(F.cross_entropy(place.network.module(images), labels), every_parameter(place))


def each_class(place: Place, batches: Sequence[Batch]) -> None:
    gradients(place, batches, place.data.classes)


def gradients_and_product(place: Place, batches: Sequence[Batch]) -> None:
    """Forward and backward, then forward and double backward."""
    gradients(place, batches)
    products(place, batches)


def products(place: Place, batches: Sequence[Batch], times: int = 1) -> None:
    """Forward, backward with a graph, and backward through that, so many times."""
    parameters = every_parameter(place)
    for _ in range(times):
        for images, labels in batches:
            slopes = torch.autograd.grad(F.cross_entropy(place.network.module(images), labels), parameters, create_graph=True)
            torch.autograd.grad(torch.stack([s.square().sum() for s in slopes]).sum(), parameters)


def probes(place: Place, batches: Sequence[Batch]) -> None:
    products(place, batches, PROBES)


def every_parameter(place: Place) -> list[Tensor]:
    return list(place.network.parameters.values())


def of_ones(place: Place) -> Callable[[], object]:
    """Forward and backward of one image of ones in float64, through a network in float64 from the start."""
    module = copy.deepcopy(place.network.module).double().eval()
    ones, parameters = torch.ones(1, *place.network.entry.input_shape, dtype=torch.float64), list(module.parameters())
    return lambda: torch.autograd.grad(module(ones).sum(), parameters)


ONCE = "one forward and backward pass"
WEIGHTS = (
    Asked("snip", gradients, ONCE),
    Asked("iterative_snip", gradients, f"{ONCE}, a round"),
    Asked("force", gradients, f"{ONCE}, a round"),
    Asked("grasp", gradients_and_product, "two forward, one backward and one double backward pass"),
    Asked("taylor", gradients, ONCE),
    Asked("fisher", gradients, f"{ONCE} over all images together, though it needs the gradient of each alone"),
    Asked("obd", each_class, f"{ONCE} a class"),
    Asked("obd", probes, "one forward and one double backward pass a probe", {"hessian": "hutchinson", "probes": PROBES}),
)
CHANNELS = (Asked("mean_activation", forward, "one forward pass"), Asked("skeletonization", gradients, ONCE))


def place(model: str, dataset: str, **options: Any) -> Place:
    entry, data = catalogue.models[model], open_data(catalogue.datasets[dataset], CPU, print)
    chosen = entry.options(**options)
    built = entry.built(chosen, data.classes)
    network = Network(built, chosen, CPU)
    initialise(network.module, "he", torch.Generator().manual_seed(0))
    network.module.eval()
    return Place(f"{built.title}, {data.entry.title}", network, data)


def repeated(work: Callable[[], object]) -> Callable[[], float]:
    """CPU seconds of one call, over as many as make it measurable."""
    work()
    times = max(1, round(LEAST_SECONDS / max(timed(work), 1e-4)))
    return lambda: timed(lambda: [work() for _ in range(times)]) / times


def beside(where: Place, asked: Asked, granularity: Granularity) -> Figure:
    entry = catalogue.criteria[asked.criterion]
    options = entry.options(**asked.options)
    assert isinstance(options, DataOptions)
    step = Score(criterion=entry.name, options=options.model_dump(mode="json"), granularity=granularity)
    batches = scoring_batches(where.data, options, 0, 0)
    how = ", ".join(f"{name} {value}" for name, value in asked.options.items())
    return compared(
        f"{entry.title}{f' ({how})' if how else ''}", where, lambda: score(step, where.network, where.data, 0),
        lambda: asked.passes(where, batches), f"{asked.unit}, {sum(len(labels) for _, labels in batches)} images",
    )  # fmt: skip


def flow(where: Place) -> Figure:
    entry = catalogue.criteria["synflow"]
    step = Score(criterion="synflow", options=entry.options().model_dump(mode="json"))
    return compared(
        entry.title, where, lambda: score(step, where.network, where.data, 0), of_ones(where),
        "one forward and backward pass of one image, in float64, a round",
    )  # fmt: skip


def compared(title: str, where: Place, ours: Callable[[], object], theirs: Callable[[], object], unit: str) -> Figure:
    found = side_by_side(f"{title}: {where.title}", repeated(ours), repeated(theirs), PAIRS, TARGET, note=f"Beside {unit}.")
    print(found.row, flush=True)
    return found


def main() -> None:
    before = load()
    torch.set_num_threads(1)
    lenet, small, vgg = place("lenet_5", "mnist"), place("small_conv", "mnist"), place("vgg_16", "cifar_10_small", width=0.25)
    figures = [beside(where, asked, "weight") for where in (lenet, vgg) for asked in WEIGHTS]
    figures += [flow(where) for where in (lenet, vgg)]
    figures += [beside(where, asked, "channel") for where in (small, vgg) for asked in CHANNELS]
    keep("scoring", "Asking a criterion beside the passes that it needs, CPU seconds, one thread", figures, before)


if __name__ == "__main__":
    main()
