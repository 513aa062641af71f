"""Pruning at initialisation (SNIP, section 4; in rounds: FORCE, SynFlow)."""

from typing import Any

from ..spec import RunSpec
from ..steps import Initialise, Step
from .phases import beginning, ending, phase, surgery
from .schedules import rehearse_and_prune, score_and_prune, sparsities


def plan(spec: RunSpec) -> list[Step]:
    """Initialise, score and prune `rounds` times, then train what is left for all epochs.

    A criterion that rehearses its rounds prunes once, after the last.
    """
    options: Any = spec.protocol_options
    steps: list[Step] = beginning(spec)
    amounts = sparsities(spec.sparsity, options.rounds, options.schedule)
    if spec.criterion_entry is not None and spec.criterion_entry.rehearses:
        steps += rehearse_and_prune(spec, amounts)
    else:
        for r, sparsity in enumerate(amounts, 1):
            steps += score_and_prune(spec, sparsity, r)
    reinit = getattr(spec.criterion_options, "reinit_after", "no")
    if reinit != "no":
        steps.append(Initialise(initialisation=reinit, purpose="reinitialise"))
    return [*steps, *surgery(spec), *phase(spec, 0, spec.epochs), *ending(spec)]
