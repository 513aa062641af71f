"""What every pruning of a trained network broke, and how long it took to mend: numbers alone."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from ..events import LayerKept, Pruned, Quality
from ..history import History
from ..planning import plan
from ..spec import RunSpec
from ..steps import Prune, Remove, Train
from .layers import titles_of

Recovery = Literal["back", "no drop", "pruned again", "run over", "under way"]


class Drop(NamedTuple):
    """The prunings of one moment, after some training. Accuracies are of the validation part, the same images before and after.

    `removed` of the `left` units that were still there went. `layer`: the one that lost the largest share of what it had, `layer_share` of it.
    `worst`: the class that lost most, `worst_loss` (None where no class was measured apart). `recovery`: what became of it; `back`: epochs until
    accuracy was first measured at or above `before` again, None where it was not before `watched`, the epoch of the next pruning or the end.
    """

    epoch: float
    before: float
    after: float
    removed: int
    left: int
    layer: str
    layer_share: float
    worst: str
    worst_loss: float | None
    watched: float
    recovery: Recovery
    back: float | None

    @property
    def loss(self) -> float:
        """t_pre - t_post, a fraction; negative where accuracy rose."""
        return self.before - self.after

    @property
    def relative(self) -> float | None:
        """(t_pre - t_post) / t_pre, as the code released with the paper has it."""
        return self.loss / self.before if self.before else None


class Instability(NamedTuple):
    """Means over the prunings of one run, fractions: of t_pre - t_post, and relative to t_pre."""

    loss: float
    relative: float | None


def prunes_trained(spec: RunSpec) -> bool:
    """Whether the plan of the spec prunes a network after some training."""
    trained = False
    for step in plan(spec):
        if isinstance(step, Prune | Remove) and trained:
            return True
        trained = trained or isinstance(step, Train)
    return False


def drops(history: History) -> tuple[Drop, ...]:
    """The prunings that met a network after some training; prunings with no training between them count as one."""
    moments = list(together(history.prunings))
    entry = history.spec.model_entry if history.spec else None
    titles = titles_of(entry) if entry else {}
    classes = history.spec.dataset_entry.classes if history.spec else ()
    last = max([0.0, *(e.epoch for e in history.validation)])
    found, previous = [], dict[str, int]()
    for i, moment in enumerate(moments):
        first, final = moment[0], moment[-1]
        before = {x.name: previous.get(x.name, x.units) for x in first.layers}
        previous = {x.name: x.kept for x in final.layers}
        if first.epoch == 0:
            continue
        name, share = hardest(before, final.layers)
        worst, worst_loss = hardest_class(first.before, final.after, classes)
        until = moments[i + 1][0].epoch if i + 1 < len(moments) else last
        recovery, back = recovered(history, first, final, until, i + 1 < len(moments))
        left = sum(before.values())
        found.append(
            Drop(
                first.epoch, first.before.accuracy, final.after.accuracy, left - final.kept, left, titles.get(name, name), share, worst,
                worst_loss, until, recovery, back,
            )
        )  # fmt: skip
    return tuple(found)


def together(prunings: Iterable[Pruned]) -> Iterable[list[Pruned]]:
    moment: list[Pruned] = []
    for p in prunings:
        if moment and moment[-1].epoch != p.epoch:
            yield moment
            moment = []
        moment.append(p)
    if moment:
        yield moment


def hardest(before: Mapping[str, int], after: Sequence[LayerKept]) -> tuple[str, float]:
    """Name of the layer that lost the largest share of what it had, and that share; ("", 0) where none lost anything."""
    lost = {x.name: 1 - x.kept / before[x.name] for x in after if before.get(x.name)}
    name = max(lost, key=lost.__getitem__, default="")
    return (name, lost[name]) if name and lost[name] > 0 else ("", 0.0)


def hardest_class(before: Quality, after: Quality, classes: Sequence[str]) -> tuple[str, float | None]:
    lost = {k: b - a for k, (b, a) in enumerate(zip(before.per_class, after.per_class, strict=False)) if b is not None and a is not None}
    if not lost:
        return "", None
    worst = max(lost, key=lost.__getitem__)
    return classes[worst] if worst < len(classes) else f"{worst}", lost[worst]


def recovered(history: History, first: Pruned, final: Pruned, until: float, again: bool) -> tuple[Recovery, float | None]:
    level = first.before.accuracy
    if final.after.accuracy >= level:
        return "no drop", 0.0
    for e in history.validation:
        if first.epoch < e.epoch <= until and e.quality.accuracy >= level:
            return "back", e.epoch - first.epoch
    return ("pruned again" if again else "run over" if history.ending else "under way"), None


def instability(found: Sequence[Drop]) -> Instability | None:
    """The mean over prunings; None for none."""
    if not found:
        return None
    relative = [d.relative for d in found if d.relative is not None]
    return Instability(sum(d.loss for d in found) / len(found), sum(relative) / len(relative) if relative else None)
