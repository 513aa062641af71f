"""Train, prune, fine-tune, and again (Han et al. 2015)."""

from typing import Any

from ..spec import RunSpec
from ..steps import Step, Train
from .phases import beginning, ending, phase, surgery
from .schedules import score_and_prune, sparsities


def plan(spec: RunSpec) -> list[Step]:
    """Half of the epochs dense, the rest shared among `rounds` prunings, each followed by fine-tuning at `finetune_lr` (0.1 x lr)."""
    options: Any = spec.protocol_options
    dense = spec.epochs / 2
    steps: list[Step] = [*beginning(spec), *phase(spec, 0, dense)]
    for r, sparsity in enumerate(sparsities(spec.sparsity, options.rounds, options.schedule), 1):
        steps += [*score_and_prune(spec, sparsity, r), *(surgery(spec) if r == options.rounds else ())]
        start, until = (dense + dense * k / options.rounds for k in (r - 1, r))
        if until > start:
            steps.append(Train(start=start, until=until, lr=options.finetune_lr))
    return [*steps, *ending(spec)]
