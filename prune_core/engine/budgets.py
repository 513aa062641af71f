"""How many channels have to go for a budget of parameters, multiply-adds or time: the most that may stay."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..catalogue import shrunk as numbers
from ..criteria.types import Scores
from ..steps import Prune, percent
from .building import built
from .errors import RunError
from .masks import masks_from
from .measurements import turns
from .surgery import shrunk, standing

if TYPE_CHECKING:
    from .execute import Execution

Flags = Mapping[str, Tensor]
IMAGES = 128


def at_budget(run: "Execution", step: Prune, scores: Scores, living: Flags) -> Prune:
    """The step with the sparsity, of channels, at which what is left costs no more than its budget. Raises RunError where no number of channels does.

    Costs fall with every channel that goes, so that halving finds the number; a measured time is taken to fall too.
    """
    price, left = PRICES[step.budget](run), 1 - step.sparsity
    units, most = sum(s.numel() for s in scores.values()), int(sum(int(flags.sum()) for flags in living.values()))

    def asked(count: int) -> Prune:
        return step.model_copy(update={"sparsity": 1 - count / units, "budget": "units"})

    def share(count: int) -> float:
        _, masks = masks_from(asked(count), scores, living, run.spec.seed)
        return price(masks)

    low, high = 0, most  # low costs no more, as far as it is known; high may
    if share(high) <= left:
        return asked(high)
    if (least := share(low)) > left:
        raise RunError(
            f"sparsity: {percent(left)} of {WORDS[step.budget]} was asked to be left, and with as few channels as may stay it is {percent(least)}. "
            "Ask for less, or let more go by protocol_options.keep_min or limits."
        )
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if share(middle) <= left else (low, middle)
    return asked(low)


def widths(masks: Flags) -> dict[str, int]:
    return {name: int(mask.sum()) for name, mask in masks.items()}


def parameters(run: "Execution") -> Callable[[Flags], float]:
    entry = run.network.entry
    return lambda masks: numbers.parameters(entry, widths(masks)) / entry.parameters


def multiply_adds(run: "Execution") -> Callable[[Flags], float]:
    entry = run.network.entry
    return lambda masks: numbers.macs(entry, widths(masks)) / entry.macs


def latency(run: "Execution") -> Callable[[Flags], float]:
    """Median time of the smaller network beside that of the whole one, in turns."""
    entry, images = run.network.entry, run.data["validation"].chunk(0, IMAGES)[0]
    whole = built(entry, run.spec.model_options).to(run.device).eval()

    @torch.inference_mode()
    def measured(masks: Flags) -> float:
        run.tell("Measuring how fast it would be")
        small = shrunk(whole, entry, standing({name: mask.cpu() for name, mask in masks.items()})).eval()
        seconds = turns({"small": small, "whole": whole}, images)
        return float(torch.tensor(seconds["small"]).median() / torch.tensor(seconds["whole"]).median())

    return measured


PRICES: Mapping[str, Callable[["Execution"], Callable[[Flags], float]]] = {
    "parameters": parameters, "macs": multiply_adds, "latency": latency
}  # fmt: skip
WORDS: Mapping[str, str] = {"parameters": "the parameters", "macs": "the multiply-adds", "latency": "the time of a forward pass"}
