"""How a removal is shared out over rounds: sparsity after round r of n, the last one exact."""

from collections.abc import Callable, Sequence
from typing import Any

from ..catalogue.protocols import PruningOptions, Schedule
from ..spec import RunSpec
from ..steps import Prune, Score


def exponential(final: float, r: int, n: int) -> float:
    """The same share of what is left goes in every round (Synaptic-Flow, FORCE, lottery tickets)."""
    return 1 - (1 - final) ** (r / n)


def linear(final: float, r: int, n: int) -> float:
    """Equally many units go in every round."""
    return final * r / n


def cubic(final: float, r: int, n: int) -> float:
    """Fast at first, slow at the end (Zhu & Gupta 2017, started at 0)."""
    return final * (1 - (1 - r / n) ** 3)


SCHEDULES: dict[Schedule, Callable[[float, int, int], float]] = {"exponential": exponential, "linear": linear, "cubic": cubic}


def sparsities(final: float, rounds: int, schedule: Schedule) -> list[float]:
    """Sparsity after each of the rounds; the last is `final` itself, without rounding."""
    return [SCHEDULES[schedule](final, r, rounds) for r in range(1, rounds)] + [final]


def rehearse_and_prune(spec: RunSpec, amounts: Sequence[float]) -> tuple[Score, Prune]:
    """One pruning to the last of the amounts, by scores that come out of rehearsing those before it (FORCE)."""
    rounds = [score_and_prune(spec, sparsity, r) for r, sparsity in enumerate(amounts, 1)]
    score, prune = rounds[-1]
    return score.model_copy(update={"rehearsals": tuple(rehearsal for _, rehearsal in rounds[:-1])}), prune


def score_and_prune(spec: RunSpec, sparsity: float, round: int) -> tuple[Score, Prune]:
    """The two steps of one pruning of a resolved spec."""
    options: Any = spec.protocol_options
    assert isinstance(options, PruningOptions)
    assert spec.criterion is not None
    granularity = spec.resolved_granularity
    assert options.keep_min is not None
    score = Score(criterion=spec.criterion, options=spec.criterion_options.model_dump(mode="json"), granularity=granularity, round=round)
    prune = Prune(
        sparsity=sparsity,
        granularity=granularity,
        allocation=spec.allocation or "global",
        allocation_options=spec.allocation_options.model_dump(mode="json"),
        target=options.target,
        keep_min=options.keep_min,
        limits=options.most,
        budget=options.budget,
        round_to=options.round_to,
        round=round,
        adjusts=getattr(spec.criterion_options, "adjusts", False),
    )
    return score, prune
