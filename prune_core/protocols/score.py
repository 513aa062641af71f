"""Scoring without training: SNIP's figures 2 and 3, agreement of criteria, sparsities at which layers collapse, effect of the initialisation.

A criterion that prunes in rounds (SynFlow) can't be judged by one scoring: what it keeps depends on the rounds before. With `rounds` at `own` each
of the sparsities gets a scoring of its own that rehearses them, and what it counts is what a pruning at the start to that sparsity keeps, unit by
unit. Runs of `prune_at_init` would say the same, one for each sparsity, and measure the accuracy before and after every round: of SynFlow's hundred
rounds at ten sparsities a thousand prunings, evaluated four times each, to learn numbers that no evaluation enters.
"""

from collections.abc import Iterator
from typing import Any

from .. import catalogue
from ..catalogue import Criterion
from ..spec import RunSpec
from ..spec_rules import common_granularity
from ..steps import Granularity, Initialise, Measure, Prune, Score, Step, usual_keep_min
from .schedules import sparsities

FIRST_ROUND = 1  # the images that the first pruning of a run with this seed would look at: the picture is of its mask


def plan(spec: RunSpec) -> list[Step]:
    """For every initialisation: draw the weights, one scoring for each criterion, class and number of images, then the comparisons.

    Nothing is removed.
    """
    options: Any = spec.protocol_options
    common = common_granularity(options.criteria)
    steps: list[Step] = []
    for initialisation in options.initialisations:
        steps.append(Initialise(initialisation=initialisation))
        for name in options.criteria:
            entry = catalogue.criteria[name]
            own: Granularity = "weight" if "weight" in entry.granularities else "channel"
            for asked in questions(spec, entry):
                score = Score(
                    criterion=name, options=entry.options(**asked).model_dump(mode="json"), granularity=common or own, round=FIRST_ROUND,
                    sparsities=options.sparsities, held=bool(options.measure),
                )  # fmt: skip
                steps += in_rounds(score, entry) if options.rounds == "own" and entry.rounds > 1 else [score]
        steps += [Measure(what=what) for what in options.measure]
    return steps


def questions(spec: RunSpec, entry: Criterion) -> Iterator[dict[str, Any]]:
    """The options of every scoring of one criterion: a class and a number of images each, where it looks at images at all."""
    options: Any = spec.protocol_options
    if "data" not in entry.needs:
        yield {}
        return
    classes: list[tuple[int, ...]] = [(k,) for k in range(len(spec.dataset_entry.classes))] if options.classes == "each" else [()]
    labels = {"labels": options.labels} if "labels" in entry.needs else {}
    for only in classes:
        for n in options.batch_sizes:
            yield {"classes": only, "n_examples": n, **labels}


def in_rounds(score: Score, entry: Criterion) -> list[Score]:
    """A scoring for each sparsity, with all rounds but the last rehearsed before it, as pruning at the start has them."""
    found = []
    for sparsity in score.sparsities:
        *before, _ = sparsities(sparsity, entry.rounds, "exponential")
        rehearsals = tuple(
            Prune(
                sparsity=amount, granularity=score.granularity, allocation=entry.default_allocation, round=r,
                keep_min=usual_keep_min(score.granularity),
            )
            for r, amount in enumerate(before, 1)
        )  # fmt: skip
        changed = {"sparsities": (sparsity,), "rehearsals": rehearsals, "lasting": not entry.rehearses, "round": entry.rounds}
        found.append(score.model_copy(update=changed))
    return found
