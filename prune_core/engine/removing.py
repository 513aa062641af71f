"""What a run does when one channel goes: the one that is worth least, or least for what it costs."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import torch

from ..catalogue.shrunk import Costs
from ..events import Event, Pruned, Removed
from ..steps import Remove
from .channels import channel_flags
from .errors import RunError
from .masks import least, tie_keys
from .pruning import after_pruning

if TYPE_CHECKING:
    from .execute import Execution


def remove(run: "Execution", step: Remove) -> Iterator[Event]:
    """Put the mask of one more channel on. Raises RunError where none may go."""
    assert run.scores is not None
    network, entry = run.network, run.network.entry
    flags = channel_flags(entry, network.mask_of)
    costs = Costs(entry, {name: int(kept.sum()) for name, kept in flags.items()})
    price, whole = prices(run, step, costs)
    saved = {name: price(name) / whole for name in flags} if step.value != "delta" else dict.fromkeys(flags, 0.0)
    free = {name: kept if int(kept.sum()) > least(step, name, len(kept)) else torch.zeros_like(kept) for name, kept in flags.items()}
    worth = torch.cat([valued(run.scores[name], saved[name], step) for name in flags])
    there = torch.cat(list(free.values()))
    if not there.any():
        raise RunError(
            f"sparsity: after {step.number - 1:,} of {step.of:,} removals no layer may lose another channel. Remove fewer, or let more go by "
            "protocol_options.keep_min or limits."
        )
    keys = torch.from_numpy(tie_keys(run.spec.seed, len(worth)))
    lowest = there & (worth == worth[there].min())
    place = int(torch.where(lowest, keys, -1).argmax())  # of equal ones the smaller key stays, as everywhere
    group, channel = located(place, {name: len(kept) for name, kept in flags.items()})
    score = float(run.scores[group][channel])
    flags[group][channel] = False
    before = (run.quality("validation"), run.quality("train")) if step.looks else None
    network.apply_masks(network.channel_masks(flags), run.optimiser)
    run.scores = None
    costs.remove(group)
    yield Removed(
        epoch=run.clock.epoch, number=step.number, group=group, channel=channel, score=score, saved=saved[group] if step.value != "delta" else None,
        parameters=costs.total_parameters, macs=costs.total_macs,
    )  # fmt: skip
    if before is not None:
        kept, units = sum(int(f.sum()) for f in flags.values()), entry.channels
        yield Pruned(
            round=step.number, sparsity=1 - kept / units, kept=kept, units=units, threshold=score, ties=0, before=before[0], train_before=before[1],
            **after_pruning(run, "channel"),
        )  # fmt: skip


def prices(run: "Execution", step: Remove, costs: Costs) -> tuple[Callable[[str], float], float]:
    """What one channel of a group costs at present widths, and what the whole network does."""
    entry = run.network.entry
    if step.cost == "latency" and step.value != "delta":
        assert run.runtime is not None
        return partial(run.runtime.saving, costs), run.runtime.total(Costs(entry, {}))
    return (costs.macs, entry.macs) if step.cost == "macs" else (costs.parameters, entry.parameters)


def valued(scores: torch.Tensor, saved: float, step: Remove) -> torch.Tensor:
    """What decides: the lowest goes."""
    if step.value == "delta_over_cost":
        return scores / saved if saved else torch.full_like(scores, torch.inf)
    return scores - step.beta * saved if step.value == "delta_minus_cost" else scores


def located(place: int, sizes: dict[str, int]) -> tuple[str, int]:
    """(group, channel) of a place among all channels."""
    for name, size in sizes.items():
        if place < size:
            return name, place
        place -= size
    raise IndexError(place)
