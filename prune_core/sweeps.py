"""Sweeps: the same run over several values of some of its fields, and what is to follow each of them. Expanded and planned before anything starts."""

from collections.abc import Iterable, Mapping, Sequence
from heapq import heapify, heapreplace
from itertools import product
from math import prod
from typing import Any, NamedTuple

from . import catalogue
from .catalogue.shrunk import groups_of
from .environment import here
from .estimate import estimate
from .spec import RunSpec
from .spec_words import title_of
from .store import LONGEST_NAME, Run, Store, StoreError
from .twins import NEED_CHANNELS, Twin, TwinName, common, dense_epochs, twins
from .wording import Problem, SpecError, shown, unknown

LARGEST = 2_000
FOLLOWS: Mapping[TwinName, str] = {
    "dense": "Dense", "dense_longer": "Dense-longer", "scratch_e": "Scratch-E", "scratch_b": "Scratch-B", "equal_pipeline": "Equal pipeline",
    "width_multiplier": "Width multiplier", "width_multiplier_b": "Width multiplier, equal compute", "bottleneck": "Bottleneck",
    "bottleneck_b": "Bottleneck, equal compute", "copy_half": "Copy, half the parameters", "copy_double": "Copy, twice the parameters",
    "random": "Random mask", "shuffled": "Shuffled mask", "inverted": "Inverted mask",
}  # fmt: skip
TOLD_BY_EVENTS: tuple[TwinName, ...] = ("scratch_b", *NEED_CHANNELS)  # what they are is known only when their parent has finished
NEED_NO_PARENT: tuple[TwinName, ...] = ("dense", "dense_longer")
PLURALS = {
    "criterion": "criteria",
    "sparsity": "sparsities",
    "seed": "seeds",
    "model": "networks",
    "dataset": "data sets",
    "protocol": "protocols",
}


class Following(NamedTuple):
    """A run that starts when its parent has finished: `twin` of `parent`."""

    parent: RunSpec
    twin: TwinName


class Planned(NamedTuple):
    """What a sweep comes to. new: runs to queue. already: runs that are here and are taken as they are. follow: what is queued later.

    seconds: until all of it is over, on this machine's slots with nothing else to do. measured: whether speeds of all of it were measured here.
    """

    new: list[RunSpec]
    already: list[Run]
    follow: list[Following]
    seconds: float
    measured: bool

    @property
    def to_run(self) -> int:
        """Runs that will start: now, and after others."""
        return len(self.new) + len(self.follow)

    @property
    def runs(self) -> int:
        return self.to_run + len(self.already)


def expand(base: Mapping[str, Any], over: Mapping[str, Sequence[Any]], seeds: int | Sequence[int] = 1) -> list[RunSpec]:
    """The specs of every combination: `base` with each value of every field in `over`, at each seed; seed by seed.

    seeds: how many, counted from the base's own seed, or which. Raises SpecError that names the combinations that don't fit, or too many runs.
    """
    over = {field: list(dict.fromkeys(map(frozen, values))) for field, values in over.items()}
    problems = [Problem(field, "is set to one value and varied as well. Leave one of the two out.") for field in over if field in base]
    problems += [Problem(field, "needs at least one value to vary over.") for field, values in over.items() if not values]
    if "seed" in over and seeds != 1:
        problems.append(Problem("seed", "is varied twice: say how many seeds, or which."))
    seeds = over.pop("seed", seeds)
    numbers = seeds_of(base, seeds, problems)
    total = prod(map(len, over.values())) * len(numbers)
    if total > LARGEST:
        problems.append(too_many(total))
    if problems:
        raise SpecError(problems)
    return list({spec.fingerprint: spec for spec in read_all(base, over, numbers)}.values())


def too_many(total: int) -> Problem:
    return Problem("sweep", f"must have at most {LARGEST:,} runs, got {total:,}. Leave out values, seeds or what follows.")


def read_all(base: Mapping[str, Any], over: Mapping[str, Sequence[Any]], seeds: Iterable[Any]) -> list[RunSpec]:
    specs, found = list[RunSpec](), dict[Problem, str]()
    for seed, values in product(seeds, list(product(*over.values()))):
        told = dict(zip(over, values, strict=True))
        try:
            specs.append(RunSpec.read({**base, **told, "seed": seed}))
        except SpecError as error:
            place = ", ".join(f"{field}={shown(value).strip(chr(39))}" for field, value in told.items())
            for problem in error.problems:
                found.setdefault(problem, f" In the run {place}." if place else "")
    if found:
        raise SpecError(problem._replace(message=problem.message + place) for problem, place in found.items())
    return specs


def frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def seeds_of(base: Mapping[str, Any], seeds: int | Sequence[Any], problems: list[Problem]) -> Sequence[Any]:
    if not isinstance(seeds, int):
        return list(dict.fromkeys(seeds))
    if not 1 <= seeds <= LARGEST:
        problems.append(Problem("seeds", f"must be between 1 and {LARGEST:,}, got {seeds:,}."))
        return []
    try:
        first = RunSpec.read({"seed": base.get("seed", 0)}).seed
    except SpecError as error:
        problems += error.problems
        return []
    return range(first, first + seeds)


def checked_follow(follow: Iterable[str]) -> list[TwinName]:
    """Names of twins, each once. Raises SpecError for others."""
    names = list(dict.fromkeys(follow))
    wrong = [Problem("follow", unknown(name, FOLLOWS)) for name in names if name not in FOLLOWS]
    if wrong:
        raise SpecError(wrong)
    return [name for name in FOLLOWS if name in names]


def dense_twin(spec: RunSpec, twin: TwinName) -> RunSpec:
    """The dense network to hold beside a run that prunes: what `twins` makes of it when it has finished, known beforehand."""
    resolved = spec.resolved()
    epochs = spec.epochs if twin == "dense_longer" else dense_epochs(resolved)
    return RunSpec(**common(resolved), protocol="dense", criterion=None, epochs=epochs)


def references(specs: Iterable[RunSpec], follow: Iterable[TwinName]) -> list[RunSpec]:
    """The dense runs among what is to follow the specs: they wait for nobody, so they are queued with them."""
    wanted = [twin for twin in NEED_NO_PARENT if twin in set(follow)]
    return list({(made := dense_twin(spec, twin)).fingerprint: made for spec in specs if prunes(spec) for twin in wanted}.values())


def prunes(spec: RunSpec) -> bool:
    """Whether a run leaves masks that others can start from."""
    return "criterion" in spec.protocol_entry.uses and not spec.is_made_of_another


def later(spec: RunSpec, follow: Iterable[TwinName]) -> tuple[TwinName, ...]:
    """What has to wait until the run has finished, each different run once: pruned before training, both from-scratch twins are one run."""
    if not prunes(spec):
        return ()
    channels = spec.resolved_granularity == "channel" and not spec.model_options.profile  # type: ignore[attr-defined]
    streams = any(group.shared for group in groups_of(spec.model_entry).values())
    impossible = set(NEED_NO_PARENT) | set(() if channels else NEED_CHANNELS) | set(() if streams else ("bottleneck", "bottleneck_b"))
    names = tuple(twin for twin in follow if twin not in impossible)
    same = "scratch_e" in names and "equal_pipeline" in names and dense_epochs(spec.resolved()) == spec.epochs
    return tuple(twin for twin in names if not (same and twin == "equal_pipeline"))


def asked_for(specs: Sequence[RunSpec], follow: Iterable[str]) -> list[tuple[RunSpec, tuple[TwinName, ...]]]:
    """Every run that can start now, with what is to follow it. Raises SpecError for names of no twin, or for too many runs."""
    names = checked_follow(follow)
    first = {spec.fingerprint: spec for spec in specs}
    asked: list[tuple[RunSpec, tuple[TwinName, ...]]] = [(spec, later(spec, names)) for spec in first.values()]
    asked += [(spec, ()) for spec in references(first.values(), names) if spec.fingerprint not in first]
    total = len(asked) + sum(len(follows) for _, follows in asked)
    if total > LARGEST:
        raise SpecError([too_many(total)])
    if not asked:
        raise SpecError([Problem("sweep", "must have at least one run, got none.")])
    return asked


def plan_sweep(store: Store, specs: Sequence[RunSpec], follow: Iterable[str] = (), *, slots: int, again: bool = False) -> Planned:
    """What a sweep of these specs would start here, what it would take as it is, and how long it would take."""
    asked = asked_for(specs, follow)
    wanted = {} if again else {spec.fingerprint: here(spec.device) for spec, _ in asked}
    before = store.find_all(wanted)
    children: dict[str | None, list[Run]] = {}
    for child in store.children(before):
        if child.environment in (None, here(child.spec.device)):
            children.setdefault(child.parent, []).append(child)
    already, owed = dict(before), list[Following]()
    for spec, names in asked:
        told = told_by(store, before.get(spec.fingerprint)) if set(names) & set(TOLD_BY_EVENTS) else {}
        there = children.get(spec.fingerprint, []) if names else []
        for name in names:
            if told and name not in told and name in TOLD_BY_EVENTS:
                continue  # there is none: nothing was saved, or no network of that family is so small
            run = (
                found_here(store, told[name].spec) if name in told else next((run for run in there if answers(run.spec, spec, name)), None)
            )
            if run is None:
                owed.append(Following(spec, name))
            else:
                already[run.fingerprint] = run
    new, speeds = [spec for spec, _ in asked if spec.fingerprint not in before], store.speeds()
    times = [estimate(spec, speeds) for spec in (*new, *map(stand_in, owed))]
    return Planned(new, list(already.values()), owed, makespan([t.seconds for t in times], slots), all(t.measured for t in times))


def told_by(store: Store, parent: Run | None) -> Mapping[TwinName, Twin]:
    """What can be made of a run, once it has finished; nothing before, and of one that can't be read."""
    if parent is None or parent.state != "finished":
        return {}
    try:
        return twins(store.history(parent.id))
    except StoreError:
        return {}


def found_here(store: Store, spec: RunSpec) -> Run | None:
    """The run of a spec that was computed as it would be here."""
    return next(iter(store.find_all({spec.fingerprint: here(spec.device)}).values()), None)


def answers(child: RunSpec, spec: RunSpec, twin: TwinName) -> bool:
    """Whether a run that starts from one of the spec is that follow-up of it."""
    if twin in ("scratch_e", "equal_pipeline"):
        return child.protocol == "from_scratch" and child.epochs == stand_in(Following(spec, twin)).epochs
    if twin in TOLD_BY_EVENTS:
        return False
    return child.protocol == "mask_control" and getattr(child.protocol_options, "mask", "") == twin


def stand_in(following: Following) -> RunSpec:
    """A run that takes as long as the follow-up, which can't be written down before its parent has finished."""
    return dense_twin(following.parent, "dense" if following.twin in ("scratch_e", *TOLD_BY_EVENTS) else "dense_longer")


def makespan(seconds: Iterable[float], slots: int) -> float:
    """When the last of the jobs is over that are handed out in order to so many slots."""
    busy = [0.0] * max(1, slots)
    heapify(busy)
    for each in seconds:
        heapreplace(busy, busy[0] + each)
    return max(busy)


def words_of(specs: Sequence[RunSpec]) -> str:
    """A sweep in a few words: "3 criteria × 4 sparsities × 3 seeds · LeNet-300-100 · MNIST"."""
    values = {field: {repr(getattr(spec, field)) for spec in specs} for field in RunSpec.model_fields}
    varied = [field for field in ("criterion", "sparsity", *values) if len(values[field]) > 1 and not field.endswith("_options")]
    options = [
        field
        for field in values
        if field.endswith("_options") and len(values[field]) > 1 and len(values[field.removesuffix("_options")]) == 1
    ]
    order = [*dict.fromkeys(field for field in varied if field not in ("seed", "model", "dataset")), *options]
    order += [field for field in ("model", "dataset", "seed") if field in varied]
    parts = [f"{len(values[field])} {PLURALS.get(field) or plural(field)}" for field in order]
    one = specs[0]
    fixed = [one.model_entry.title] if "model" not in varied else []
    data = one.dataset_entry if "dataset_options" not in options else catalogue.datasets[one.dataset]
    fixed += [data.title] if "dataset" not in varied else []
    head = one.method if not {"criterion", "sparsity", "protocol"} & set(varied) else ""
    words = " · ".join(filter(None, (head, " × ".join(parts), *fixed)))
    return words if len(words) <= LONGEST_NAME else words[: LONGEST_NAME - 1] + "…"


def plural(field: str) -> str:
    return f"settings of {field.removesuffix('_options')}" if field.endswith("_options") else f"values of {title_of(field).lower()}"
