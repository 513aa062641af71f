"""Results folded into the trade-off's numbers: groups over seeds, series over sparsities, never two lengths of training in one line."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal

from ..catalogue.published import Published
from ..results import Group
from ..spec import RunSpec
from .names import distinct, epochs
from .trade_off import Across, Cost, Dot, Point, Series, TradeOff, Up

HOW = {"prune_at_init": "at the start", "iterative": "in steps", "from_scratch": "from scratch", "train_longer": "trained on"}
MEASURES: Mapping[Up, Literal["test_error", "test_accuracy"]] = {"error": "test_error", "accuracy": "test_accuracy"}
ALONG = ("sparsity", "seed", "parent")  # what varies within a series


def trade_off(groups: Sequence[Group], across: Across = "kept", up: Up = "error", published: Sequence[Published] = ()) -> TradeOff:
    """The trade-off of one network on one data set. groups: runs of it in any state; those that only score or judge are left out."""
    groups = [g for g in groups if not g.spec.protocol_entry.page]
    if not groups:
        return TradeOff(across=across, up=up, published=tuple(published))
    kinds, specs = kinds_of(groups), {g.key: g.spec for g in groups}
    members: dict[str, list[Group]] = defaultdict(list)
    for group in groups:
        members[kinds[group.key]].append(group)
    found = [series_of(kind, each, specs, across, up) for kind, each in members.items()]
    found = [s for s in found if any(p.dots for p in s.points)]
    levels = {kind: level(each[0].spec) for kind, each in members.items()}
    spec, several = groups[0].spec, len({s.epochs for s in found}) > 1
    pruned, dense = (told_apart([s for s in found if prunes(levels[s.key]) is which], levels, several) for which in (True, False))
    network, data = spec.model_entry, spec.dataset_entry
    return TradeOff(network.title, data.title, network.weights, across, up, pruned, dense, tuple(published), data.caution)


def prunes(spec: RunSpec) -> bool:
    return "criterion" in spec.protocol_entry.uses


def level(spec: RunSpec) -> RunSpec:
    """What a series has in common: the spec without what varies along it."""
    return spec.model_copy(update={"sparsity": 0.5, "seed": 0, "parent": None, "device": "auto"})


def kinds_of(groups: Sequence[Group]) -> dict[str, str]:
    """Group -> the series that it belongs to: everything but sparsity and seed. Twins belong together where their parents do."""
    known = {group.key: group.spec for group in groups}
    found: dict[str, str] = {}

    def kind(key: str) -> str:
        if key not in found:
            spec, found[key] = known[key], key
            said = level(spec).resolved().model_dump(mode="json", exclude={"device", *ALONG})
            above = spec.parent.group if spec.parent else None
            said["parent"] = kind(above) if above in known else above
            found[key] = json.dumps(said, sort_keys=True)
        return found[key]

    return {group.key: kind(group.key) for group in groups}


def series_of(kind: str, members: Sequence[Group], specs: Mapping[str, RunSpec], across: Across, up: Up) -> Series:
    spec = members[0].spec
    entry = spec.criterion_entry if prunes(spec) else None
    marks = tuple(sorted((point_of(g, across, up) for g in members), key=lambda p: (p.asked, p.key)))
    name, family = (entry.title, entry.family) if entry else ("Dense", None)
    return Series(kind, name, detail_of(spec), family, 0, spec.epochs, cost_of(spec, specs), marks)


def detail_of(spec: RunSpec) -> str:
    if not prunes(spec):
        return ""
    if spec.protocol == "mask_control":
        return f"{getattr(spec.protocol_options, 'mask', 'another')} mask"
    return HOW.get(spec.protocol, spec.protocol_entry.short.lower())


def cost_of(spec: RunSpec, known: Mapping[str, RunSpec]) -> Cost:
    """Its training, and that of every run behind it."""
    before, parent, seen = 0.0, spec.parent, set[str]()
    while parent is not None:
        above = known.get(parent.group)
        if above is None or parent.group in seen:
            return Cost(spec.epochs, None, spec.dataset_entry.train)
        seen.add(parent.group)
        before, parent = before + above.epochs, above.parent
    return Cost(spec.epochs, before, spec.dataset_entry.train)


def point_of(group: Group, across: Across, up: Up) -> Point:
    measure = MEASURES[up]
    mean = group.interval(measure)
    standing = [r for r in group.results.values() if r.state == "finished" and getattr(r, measure) is not None]
    counted = [r for r in standing if r.counts] or standing
    kept, effective = average([r.weights_kept for r in counted]), average([r.effective for r in counted])
    dots = tuple(
        Dot(r.id, r.title, r.seed, (r.weights_kept if across == "kept" else r.effective) or None, float(getattr(r, measure)), r.at_chance)
        for r in standing
    )  # fmt: skip
    spec = group.spec
    return Point(
        group.key, group.title, removed(spec), spec.resolved_granularity, (kept if across == "kept" else effective) or None,
        kept, effective, mean and mean.mean, mean and mean.low, mean and mean.high, mean.n if mean else 0, group.words, group.mixed,
        group.repeated, dots, group.values(measure),
    )  # fmt: skip


def removed(spec: RunSpec) -> float:
    """The share of units that is gone at the end."""
    if not prunes(spec):
        return 0.0
    return round(1 - spec.sparsity, 12) if getattr(spec.protocol_options, "mask", "") == "inverted" else spec.sparsity


def average(values: Sequence[float | None]) -> float | None:
    """The mean, if every value is there: over some of them it would speak of other runs than the error beside it."""
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def told_apart(found: Sequence[Series], levels: Mapping[str, RunSpec], lengths: bool) -> tuple[Series, ...]:
    """The series by name, alike ones told apart by the settings in which they differ, and numbered within their family.

    lengths: not all were trained equally long, so every one says how long.
    """
    order = sorted(found, key=lambda s: (s.name, s.detail, s.epochs, s.key))
    added = distinct([s.label for s in order], [levels[s.key] for s in order])
    if lengths:
        added = [
            more if epochs(s.epochs) in more.split(", ") else ", ".join(filter(None, (more, epochs(s.epochs))))
            for s, more in zip(order, added, strict=True)
        ]
    counts: dict[str | None, int] = defaultdict(int)
    numbered = []
    for s, more in zip(order, added, strict=True):
        numbered.append(s._replace(detail=", ".join(filter(None, (s.detail, more))), variant=counts[s.family]))
        counts[s.family] += 1
    return tuple(numbered)
