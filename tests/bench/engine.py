"""The engine beside bare torch, as ratios in one run: an epoch, the mask, the saliency grid.

    python -m tests.bench.engine               # about a minute; needs MNIST in ESPALIER_DATA; one thread

Pairs alternate (A B A B), so that what else the machine does falls on both; the table gives the median of the pairs' ratios and their range.
CPU time of the process, not wall time. Writes results/engine.md.
"""

import time
from collections.abc import Callable

import torch
from torch.nn import functional as F

from prune_core import RunSpec, catalogue, run
from prune_core.allocations.ranking import best
from prune_core.counting import kept
from prune_core.engine.dataset import open_data
from prune_core.engine.masks import ranking
from prune_core.engine.network import Network
from prune_core.engine.scoring import alive, score
from prune_core.engine.survey import survey
from prune_core.models.initialisation import initialise
from prune_core.steps import Score

from .measuring import Figure, keep, load, side_by_side

CPU = torch.device("cpu")
PAIRS = 7
MNIST, LENET, SNIP = catalogue.datasets["mnist"], catalogue.models["lenet_300_100"], catalogue.criteria["snip"]
NINE = tuple(i / 10 for i in range(1, 10))


def timed(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def beside(what: str, ours: Callable[[], object], theirs: Callable[[], object], target: float) -> Figure:
    """CPU seconds of ours over theirs, after one of each that is not counted."""
    ours()
    theirs()
    return side_by_side(what, lambda: timed(ours), lambda: timed(theirs), PAIRS, target)


def bare_epoch() -> None:
    """One epoch as a bare loop on tensors: the fused optimiser per tensor, no masks, no events, nothing kept."""
    part = open_data(MNIST, CPU, print)["train"]
    net = catalogue.function_of(LENET)(LENET.options())
    initialise(net, "glorot", torch.Generator().manual_seed(0))
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4, fused=True)
    for rows in torch.randperm(len(part)).split(100):
        x, y = part.batch(rows)
        loss = F.cross_entropy(net(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def our_epochs(sparsity: float) -> Callable[[], None]:
    """Each call goes on to the end of the next epoch of one run: training under masks, events, running sums, the look at the validation part."""
    events = run(RunSpec(dataset="mnist", sparsity=sparsity, epochs=10 * PAIRS))

    def epoch() -> None:
        while next(events).event.kind != "epoch":
            pass

    return epoch


def looked_anew(net: Network, data, step: Callable[[int], Score]) -> None:
    """Ten classes at nine sparsities, each scored for itself."""
    for k in range(10):
        for s in NINE:
            scores = score(step(k), net, data, 0)
            ranked = ranking(scores, alive(step(k), net, scores), 0)
            best(ranked.scores, ranked.keys, kept(ranked.scores.size, s))[:235_200].reshape(300, 784).sum(0)


def looked_once(net: Network, data, step: Callable[[int], Score]) -> None:
    for k in range(10):
        survey(step(k), net, score(step(k), net, data, 0), 0)


def main() -> None:
    before = load()
    torch.set_num_threads(1)
    data = open_data(MNIST, CPU, print)
    net = Network(LENET, LENET.options(), CPU)
    initialise(net.module, "glorot", torch.Generator().manual_seed(0))

    def step(k: int) -> Score:
        return Score(criterion="snip", options=SNIP.options(classes=(k,)).model_dump(mode="json"), sparsities=NINE)

    gradient, mask = torch.randn(266_610), (torch.rand(266_610) < 0.1).float()
    dense_step = [timed(bare_epoch) / 540 for _ in range(PAIRS)]
    mask_cost = [timed(lambda: [gradient.mul_(mask) for _ in range(2_000)]) / 2_000 for _ in range(PAIRS)]
    grids = [timed(lambda: looked_once(net, data, step)) for _ in range(PAIRS + 1)][1:]
    figures = [
        beside("epoch of an unpruned run, events and validation included / bare loop", our_epochs(0.0), bare_epoch, 1.10),
        beside("epoch of a run pruned to 95 % / bare dense loop", our_epochs(0.95), bare_epoch, 1.10),
        Figure("mask of the gradient / dense step", tuple(m / d for m, d in zip(mask_cost, dense_step, strict=True)), "x", 0.03),
        beside(
            "saliency grid of 10 x 9 from one scoring a class / scoring each anew",
            lambda: looked_once(net, data, step), lambda: looked_anew(net, data, step), 0.30,
        ),
        Figure("saliency grid of 10 x 9, warm", tuple(1000 * g for g in grids), "ms", 250),
    ]  # fmt: skip
    keep("engine", f"The engine beside bare torch {torch.__version__}, CPU seconds, one thread", figures, before)


if __name__ == "__main__":
    main()
