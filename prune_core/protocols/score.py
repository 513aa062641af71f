"""Scoring without training: SNIP's figures 2 and 3, agreement of criteria, effect of the initialisation."""

from typing import Any

from .. import catalogue
from ..spec import RunSpec
from ..steps import Initialise, Score, Step

FIRST_ROUND = 1  # the images that the first pruning of a run with this seed would look at: the picture is of its mask


def plan(spec: RunSpec) -> list[Step]:
    """For every initialisation: draw the weights, then one scoring for each criterion, class and number of images. Nothing is removed."""
    options: Any = spec.protocol_options
    classes: list[tuple[int, ...]] = [(k,) for k in range(len(spec.dataset_entry.classes))] if options.classes == "each" else [()]
    steps: list[Step] = []
    for initialisation in options.initialisations:
        steps.append(Initialise(initialisation=initialisation))
        for name in options.criteria:
            entry = catalogue.criteria[name]
            granularity = "weight" if "weight" in entry.granularities else "channel"
            for only in classes if "data" in entry.needs else [()]:
                for n in options.batch_sizes if "data" in entry.needs else (None,):
                    asked: dict[str, Any] = {} if n is None else {"classes": only, "n_examples": n}
                    if "labels" in entry.needs:
                        asked["labels"] = options.labels
                    steps.append(
                        Score(
                            criterion=name, options=entry.options(**asked).model_dump(mode="json"), granularity=granularity,
                            round=FIRST_ROUND, sparsities=options.sparsities,
                        )
                    )  # fmt: skip
    return steps
