"""Results folded into the trade-off's numbers: groups over seeds, series over sparsities, never two lengths of training in one line."""

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ..catalogue import Model
from ..catalogue.published import Published
from ..results import Group, Result
from ..spec import BY_COST, RunSpec
from ..twins import dense_epochs, equal_compute
from .names import distinct, epochs
from .sizes import SIZES, Across, size_of, whole_of
from .trade_off import NARROWER, SCRATCH, Cost, Dot, Point, Series, TradeOff, Up

HOW = {
    "prune_at_init": "at the start",
    "iterative": "in steps",
    "from_scratch": "from scratch",
    "train_longer": "trained on",
    "one_at_a_time": "one by one",
}
MEASURES: Mapping[Up, Literal["test_error", "test_accuracy"]] = {"error": "test_error", "accuracy": "test_accuracy"}
ALONG = ("sparsity", "seed", "parent")  # what varies within a series
WAYS = ("Scratch-E", "Scratch-B", "equal pipeline")
SAME = 0.05  # networks of one family whose parameters differ by less, as a part, stand for one size


def trade_off(
    groups: Sequence[Group], across: Across = "kept", up: Up = "error", published: Sequence[Published] = (), front: bool = False
) -> TradeOff:
    """The trade-off of one network on one data set. groups: runs of it, and of narrower copies of it, in any state; those that only score or judge are left
    out.
    """
    groups = [g for g in groups if not g.spec.protocol_entry.page]
    if not groups:
        return TradeOff(across=across, up=up, published=tuple(published), front=front)
    known = {g.key: g.spec for g in groups}
    ways = Ways(known)
    members: dict[str, list[Group]] = defaultdict(list)
    for group in groups:
        members[ways.kind(group)].append(group)
    spec = groups[0].spec
    network, data = spec.whole.model_entry, spec.dataset_entry
    found = [series_of(kind, each, known, ways, network, across, up) for kind, each in members.items()]
    found = [s for s in found if any(p.dots for p in s.points)]
    levels = {kind: level(each[0].spec) for kind, each in members.items()}
    several = len({s.epochs for s in found}) > 1
    smaller, dense = (told_apart([s for s in found if (s.family is not None) is which], levels, several) for which in (True, False))
    return TradeOff(
        network.title, data.title, network.weights, across, up, smaller, dense, tuple(published), data.caution,
        whole_of(network, across) or largest(found), front,
    )  # fmt: skip


def largest(found: Sequence[Series]) -> float:
    """What sizes are compared with where no full network says its own: that of the dense reference if it was measured, else the largest."""
    dense = [p.x for s in found if s.family is None for p in s.points if p.x]
    return max(dense or [p.x for s in found for p in s.points if p.x], default=0.0)


def profile_of(spec: RunSpec) -> tuple[int, ...]:
    return getattr(spec.model_options, "profile", ())


def prunes(spec: RunSpec) -> bool:
    return "criterion" in spec.protocol_entry.uses


def level(spec: RunSpec) -> RunSpec:
    """What a series has in common: the spec without what varies along it."""
    return spec.model_copy(update={"sparsity": 0.5, "seed": 0, "parent": None, "device": "auto"})


class Ways:
    """Which series a group belongs to: everything but its size and seed. Twins belong together where their parents do."""

    def __init__(self, known: Mapping[str, RunSpec]) -> None:
        self.known, self.found = known, dict[str, str]()
        lengths: dict[tuple[str, int], set[tuple[int, float]]] = defaultdict(set)
        for spec in known.values():
            if spec.protocol == "one_at_a_time":
                lengths[alike(spec), dense_epochs(spec)].add((spec.epochs, spec.sparsity))
        # one curve of removals that ends at several sizes: each trained as long as the others before anything was removed, and once a size
        self.curves = {
            key for key, ends in lengths.items() if len({n for n, _ in ends}) > 1 and len({sparsity for _, sparsity in ends}) == len(ends)
        }

    def kind(self, group: Group) -> str:
        return self.of(group.key, group)

    def of(self, key: str, group: Group | None = None) -> str:
        if key not in self.found:
            spec = self.known[key]
            self.found[key] = key
            said = level(spec).resolved().model_dump(mode="json", exclude={"device", *ALONG})
            above = spec.parent.group if spec.parent else ""
            said["parent"] = self.of(above) if above in self.known else above
            if profile_of(spec):
                said["model_options"]["profile"] = "narrower"
            if spec.protocol == "one_at_a_time" and (alike(spec), dense_epochs(spec)) in self.curves:
                said["epochs"] = f"{dense_epochs(spec)} before the first removal"
            if group is not None and (way := self.from_scratch(group)):
                said["epochs"] = way
            self.found[key] = json.dumps(said, sort_keys=True)
        return self.found[key]

    def from_scratch(self, group: Group) -> str:
        """How long a run from scratch trains, as people call it: what stays equal along a series where its epochs do not."""
        spec, above = group.spec, self.known.get(group.spec.parent.group) if group.spec.parent else None
        if spec.protocol != "from_scratch" or above is None:
            return ""
        first = dense_epochs(above)
        macs = next((r.macs for r in group.results.values() if r.macs), None)
        if macs and first < spec.epochs == equal_compute(first, spec.model_entry.macs, macs):
            return WAYS[1]
        if first == above.epochs or spec.epochs not in (first, above.epochs):
            return ""
        return WAYS[0] if spec.epochs == first else WAYS[2]


def alike(spec: RunSpec) -> str:
    """What runs of one curve of removals have in common."""
    return level(spec).model_copy(update={"epochs": 0}).model_dump_json()


def series_of(
    kind: str, members: Sequence[Group], specs: Mapping[str, RunSpec], ways: Ways, network: Model, across: Across, up: Up
) -> Series:
    spec = members[0].spec
    entry = spec.criterion_entry if prunes(spec) else None
    together = points_of(members, network)
    marks = tuple(sorted((point_of(g, network, across, up) for g in together), key=lambda p: (p.asked, -(p.x or 0.0), p.key)))
    name, family = (entry.title, entry.family) if entry else ("Dense", None)
    if profile_of(spec) and not entry:
        name, family = getattr(spec.model_options, "family", "") or "A profile of its own", NARROWER
    told = ways.from_scratch(members[0]) or detail_of(spec)
    if spec.protocol_entry.criteria:  # a way of pruning that has a criterion of its own goes by its own name
        name, told = spec.protocol_entry.title, ""
    if spec.protocol == "from_scratch":
        family = SCRATCH
    above = specs.get(spec.parent.group) if spec.parent else None
    detail = told + (by_cost(above) if above else "")
    lengths = sorted(g.spec.epochs for g in members)
    cost = cost_of(spec, specs)._replace(own=lengths[0], most=lengths[-1])
    length = spec.epochs
    if lengths[0] < lengths[-1]:
        length = dense_epochs(
            above or spec
        )  # what is the same along the series: how long the network was trained before anything was removed
    return Series(kind, name, detail, family, 0, length, cost, marks)


def points_of(members: Sequence[Group], network: Model) -> list[Group]:
    """Groups that stand for one point together: as much removed of parents that are alike, or networks of about as many parameters."""
    found: dict[Any, list[Result]] = {}
    sizes: list[float] = []
    for g in members:
        if not profile_of(g.spec):
            found.setdefault(removed(g.spec), []).extend(g.all)
            continue
        size = g.spec.model_entry.parameters
        near = next((s for s in sizes if abs(math.log(s / size)) < SAME), None)
        sizes += [size] if near is None else []
        found.setdefault((near or size,), []).extend(g.all)
    return [Group(each) for each in found.values()]


def detail_of(spec: RunSpec) -> str:
    if not prunes(spec):
        return ""
    if spec.protocol == "mask_control":
        return f"{getattr(spec.protocol_options, 'mask', 'another')} mask"
    return HOW.get(spec.protocol, spec.protocol_entry.short.lower()) + by_cost(spec)


def by_cost(spec: RunSpec) -> str:
    """Which value decided what went, where it was another than the criterion's own."""
    return BY_COST.get(getattr(spec.protocol_options, "value", ""), "")


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


def point_of(group: Group, network: Model, across: Across, up: Up) -> Point:
    measure = MEASURES[up]
    mean = group.interval(measure)
    standing = [r for r in group.results.values() if r.state == "finished" and getattr(r, measure) is not None]
    counted = [r for r in standing if r.counts] or standing
    entry = group.spec.model_entry if profile_of(group.spec) else network
    sizes = {size: average([size_of(r, entry, size) for r in counted]) for size in SIZES}
    dots = tuple(Dot(r.id, r.title, r.seed, size_of(r, entry, across), float(getattr(r, measure)), r.at_chance) for r in standing)
    spec = group.spec
    return Point(
        group.key, group.title, removed(spec), spec.resolved_granularity, sizes[across] or None, average([r.weights_kept for r in counted]), sizes,
        mean and mean.mean, mean and mean.low, mean and mean.high, mean.n if mean else 0, group.words, group.mixed, group.repeated, dots,
        group.values(measure),
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
            more
            if s.cost.most > s.cost.own or s.detail.startswith(WAYS) or epochs(s.epochs) in more.split(", ")
            else ", ".join(filter(None, (more, epochs(s.epochs))))
            for s, more in zip(order, added, strict=True)
        ]
    counts: dict[str | None, int] = defaultdict(int)
    numbered = []
    for s, more in zip(order, added, strict=True):
        numbered.append(s._replace(detail=", ".join(filter(None, (s.detail, more))), variant=counts[s.family]))
        counts[s.family] += 1
    return tuple(numbered)
