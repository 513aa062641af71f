"""The engine beside bare torch, as ratios in one run: an epoch, the mask, the saliency grid.

    python -m tests.bench.engine               # about a minute; needs MNIST in ESPALIER_DATA; one thread

Pairs alternate (A B A B), so that what else the machine does falls on both; the table gives the median of the pairs' ratios and their range.
CPU time of the process, not wall time. Writes results/engine.md.
"""

import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch.nn import functional as F

from prune_core import RunSpec, catalogue, run
from prune_core.counting import kept
from prune_core.engine.dataset import open_data
from prune_core.engine.masks import best, ranking
from prune_core.engine.network import Network
from prune_core.engine.scoring import alive, score
from prune_core.engine.survey import survey
from prune_core.models.initialisation import initialise
from prune_core.steps import Score

RESULTS = Path(__file__).parent / "results" / "engine.md"
CPU = torch.device("cpu")
PAIRS = 7
MNIST, LENET, SNIP = catalogue.datasets["mnist"], catalogue.models["lenet_300_100"], catalogue.criteria["snip"]
NINE = tuple(i / 10 for i in range(1, 10))


def timed(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def ratios(ours: Callable[[], object], theirs: Callable[[], object]) -> tuple[list[float], float, float]:
    """CPU seconds of ours over theirs, pair by pair, and the medians of both."""
    ours()
    theirs()
    pairs = [(timed(ours), timed(theirs)) for _ in range(PAIRS)]
    return [a / b for a, b in pairs], statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


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
    torch.set_num_threads(1)
    data = open_data(MNIST, CPU, print)
    net = Network(LENET, LENET.options(), CPU)
    initialise(net.module, "glorot", torch.Generator().manual_seed(0))

    def step(k: int) -> Score:
        return Score(criterion="snip", options=SNIP.options(classes=(k,)).model_dump(mode="json"), sparsities=NINE)

    gradient, mask = torch.randn(266_610), (torch.rand(266_610) < 0.1).float()
    dense_step = timed(bare_epoch) / 540
    mask_cost = timed(lambda: [gradient.mul_(mask) for _ in range(2_000)]) / 2_000
    grid = ratios(lambda: looked_once(net, data, step), lambda: looked_anew(net, data, step))
    rows = [
        ("epoch of an unpruned run, events and validation included / bare loop", *ratios(our_epochs(0.0), bare_epoch), "1.10"),
        ("epoch of a run pruned to 95 % / bare dense loop", *ratios(our_epochs(0.95), bare_epoch), "1.10"),
        ("saliency grid of 10 x 9 from one scoring a class / scoring each anew", *grid, "0.30"),
    ]  # fmt: skip
    lines = [
        f"CPU seconds, one thread, torch {torch.__version__}, {platform.machine()}, {PAIRS} pairs A B A B; median (smallest to largest) of the ratios.", "",
        "| what | ours s | theirs s | ratio | target: at most |", "| --- | --- | --- | --- | --- |",
        *(f"| {n} | {a:.3f} | {b:.3f} | **{statistics.median(r):.2f}** ({min(r):.2f} to {max(r):.2f}) | {t} |" for n, r, a, b, t in rows),
        f"| mask of the gradient / dense step | {mask_cost * 1e6:.0f} µs | {dense_step * 1e6:.0f} µs | **{mask_cost / dense_step:.3f}** | 0.03 |",
    ]  # fmt: skip
    RESULTS.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
