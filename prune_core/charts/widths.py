"""Which architecture pruning found: what is left of every layer in network order, event by event, over seeds."""

import math
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from ..catalogue import Layer, Model
from ..events import Pruned, Removed
from ..spec import RunSpec
from ..statistics import FEWEST
from . import words

What = Literal["weights", "channels"]
MOST = 3  # picks that a sentence has room for, one by one
MOST_MOMENTS = 200
SAME = 1e-4  # amounts removed that are nearer than this are one position of the slider


class Member(NamedTuple):
    """One run: its seed and its prunings in their order, or every single removal of one that went channel by channel."""

    run: str
    seed: int
    prunings: tuple[Pruned, ...]
    removals: tuple[Removed, ...] = ()


class Pick(NamedTuple):
    """Runs to draw as one: seeds of one spec, or a single run. `label`: in words, as short as they can be told apart."""

    label: str
    spec: RunSpec
    members: tuple[Member, ...]


class Row(NamedTuple):
    """A layer (or channel group): `units` of it before any pruning; `resolution` of what it puts out ("14×14"), empty where that has no places."""

    name: str
    title: str
    units: int
    resolution: str = ""


class Kept(NamedTuple):
    """Units kept of a layer over `n` seeds: mean, lowest and highest, standard deviation (None below three seeds)."""

    mean: float
    low: int
    high: int
    sd: float | None
    n: int

    @property
    def cv(self) -> float | None:
        """Coefficient of variation: the standard deviation as a share of the mean."""
        return self.sd / self.mean if self.sd is not None and self.mean else None


class Moment(NamedTuple):
    """What is left after one pruning (the first moment: before any). removed: share of the pruned units. epoch: None before any pruning."""

    removed: float
    epoch: float | None
    kept: tuple[Kept, ...]

    @property
    def total(self) -> float:
        return sum(k.mean for k in self.kept)


class Profile(NamedTuple):
    """One pick's layers, moment by moment. unit: what was removed, weight or channel. steps: removals, where channels went one by one."""

    label: str
    unit: str
    family: str | None
    runs: tuple[str, ...]
    seeds: tuple[int, ...]
    moments: tuple[Moment, ...]
    steps: int = 0

    def at(self, removed: float) -> int:
        """The moment at which at most so much was gone: the last one that the pick has reached by then."""
        return max(i for i, m in enumerate(self.moments) if m.removed <= removed + SAME or i == 0)


class Widths(NamedTuple):
    """Layers in network order and what every pick left of them. `left_out`: picks that can't be drawn so, and why, in words."""

    network: str = ""
    what: What = "weights"
    rows: tuple[Row, ...] = ()
    profiles: tuple[Profile, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def units(self) -> int:
        return sum(row.units for row in self.rows)

    @property
    def positions(self) -> tuple[float, ...]:
        """Shares removed at which anything changes, from nothing on: the slider's positions."""
        found: list[float] = []
        for removed in sorted(m.removed for p in self.profiles for m in p.moments):
            if not found or removed - found[-1] > SAME:
                found.append(removed)
        return tuple(found) or (0.0,)

    @property
    def sentence(self) -> str:
        return describe(self, self.positions[-1])

    def table(self) -> dict[str, list[object]]:
        """Every layer at every event of every pick."""
        rows = [
            (p.label, i, m.epoch, round(100 * m.removed, 3), row.title, row.units, round(k.mean, 1), round(100 * k.mean / row.units, 3), k.low,
             k.high, None if k.sd is None else round(k.sd, 2), None if k.cv is None else round(100 * k.cv, 2), k.n)
            for p in self.profiles for i, m in enumerate(p.moments) for row, k in zip(self.rows, m.kept, strict=True)
        ]  # fmt: skip
        what = words.capital(self.what)
        columns = (
            "Runs", "Pruning", "Epoch", "Removed (%)", "Layer", what, "Kept, mean", "Kept (%)", "Kept, lowest", "Kept, highest", "Standard deviation",
            "Variation (%)", "Seeds",
        )  # fmt: skip
        return {column: [r[i] for r in rows] for i, column in enumerate(columns)}


def widths(picks: Sequence[Pick], what: What = "weights") -> Widths:
    """Fold picks of one network. Picks of another network than the first's, and those that say nothing of `what`, are left out in words."""
    if not picks:
        return Widths(what=what)
    model, network = picks[0].spec.model_entry, picks[0].spec.network
    left_out = [f"{p.label} is another network" for p in picks if p.spec.network != network]
    mine = [p for p in picks if p.spec.network == network]
    by_channel = [p for p in mine if p.spec.resolved_granularity == "channel"]
    if what == "weights":
        left_out += [f"{p.label} removes channels; how many weights of each layer that leaves is not recorded" for p in by_channel]
        mine = [p for p in mine if p not in by_channel]
    left_out += [f"{p.label} has pruned nothing" for p in mine if not any(m.prunings or m.removals for m in p.members)]
    mine = [p for p in mine if any(m.prunings or m.removals for m in p.members)]
    rows = rows_of(model, what, grouped=bool(by_channel))
    return Widths(model.title, what, rows, tuple(profile(p, rows, model, what) for p in mine), tuple(left_out))


def rows_of(model: Model, what: What, grouped: bool) -> tuple[Row, ...]:
    """Layers with their weights or outputs; channel groups where any of the picks removes channels."""
    sizes = {layer.name: resolution(layer) for layer in model.layers}
    if what == "weights":
        return tuple(Row(layer.name, layer.title, layer.weights, sizes[layer.name]) for layer in model.layers)
    if grouped:
        return tuple(Row(group.producer, group.title, group.channels, sizes[group.producer]) for group in model.channel_groups)
    return tuple(Row(layer.name, layer.title, layer.shape[0], sizes[layer.name]) for layer in model.layers)


def resolution(layer: Layer) -> str:
    side = math.isqrt(layer.positions)
    return f"{side}×{side}" if layer.positions > 1 and side * side == layer.positions else ""


def profile(pick: Pick, rows: tuple[Row, ...], model: Model, what: What) -> Profile:
    """The pick's moments. Runs of one spec prune equally often; of runs under way as many prunings count as all of them have reached."""
    members = [m for m in pick.members if m.prunings or m.removals]
    entry = pick.spec.criterion_entry
    first = {group.name: group.producer for group in model.channel_groups}
    whole = tuple(Kept(row.units, row.units, row.units, 0.0 if len(members) >= FEWEST else None, len(members)) for row in rows)
    single = all(m.removals for m in members)
    later = one_by_one(members, rows, first) if single else by_pruning(members, rows, first, what)
    steps = min((len(m.removals) for m in members), default=0) if single else 0
    return Profile(
        pick.label, pick.spec.resolved_granularity, entry.family if entry else None, tuple(m.run for m in members),
        tuple(m.seed for m in members), (Moment(0.0, None, whole), *later), steps,
    )  # fmt: skip


def by_pruning(members: Sequence[Member], rows: tuple[Row, ...], first: dict[str, str], what: What) -> Iterator[Moment]:
    for events in zip(*(m.prunings for m in members), strict=False):
        counts = [left(event, rows, first, what) for event in events]
        removed = 1 - sum(e.kept for e in events) / (sum(e.units for e in events) or 1)
        yield Moment(removed, events[0].epoch, tuple(kept([c[i] for c in counts]) for i in range(len(rows))))


def one_by_one(members: Sequence[Member], rows: tuple[Row, ...], first: dict[str, str]) -> Iterator[Moment]:
    """A moment a removal, and of very many as many as a slider has room for, evenly; the last one always."""
    counts = [{row.name: row.units for row in rows} for _ in members]
    steps, units = min(len(m.removals) for m in members), sum(row.units for row in rows)
    shown = {math.ceil(steps * i / MOST_MOMENTS) for i in range(1, MOST_MOMENTS + 1)}
    for i, events in enumerate(zip(*(m.removals for m in members), strict=False), 1):
        for count, event in zip(counts, events, strict=True):
            count[first.get(event.group, event.group)] -= 1
        if i in shown:
            yield Moment(i / units, events[0].epoch, tuple(kept([count[row.name] for count in counts]) for row in rows))


def left(event: Pruned, rows: tuple[Row, ...], first: dict[str, str], what: What) -> list[int]:
    """Units left of every row after one pruning. Of pruned weights, a channel is left where any weight leads to it.

    A layer that the pruning says nothing of has lost nothing.
    """
    found = {first.get(layer.name, layer.name): layer for layer in event.layers}
    if what == "channels" and event.granularity == "weight":
        return [row.units - found[row.name].dead if row.name in found else row.units for row in rows]
    return [found[row.name].kept if row.name in found else row.units for row in rows]


def kept(counts: Sequence[int]) -> Kept:
    n, mean = len(counts), sum(counts) / len(counts)
    sd = math.sqrt(sum((c - mean) ** 2 for c in counts) / (n - 1)) if n >= FEWEST else None
    return Kept(mean, min(counts), max(counts), sd, n)


def describe(numbers: Widths, removed: float) -> str:
    """What one sees with so much removed: for each pick which layer was cut hardest and least, and how far the seeds agree."""
    if not numbers.profiles:
        return "Nothing here has pruned a network yet."
    if removed <= SAME:
        return f"Before any pruning all {numbers.units:,} {numbers.what} of {numbers.network} are there."
    if len(numbers.profiles) > MOST:
        return f"{together(numbers, removed)}{agreement(numbers, removed)}"
    told = [clause(numbers, p, p.moments[p.at(removed)]) for p in numbers.profiles]
    return f"{'; '.join(told)}.{agreement(numbers, removed)}"


def together(numbers: Widths, removed: float) -> str:
    """Of many picks: which layer is cut hardest in most of them, and how hard."""
    moments = [m for p in numbers.profiles if (m := p.moments[p.at(removed)]).epoch is not None]
    if not moments:
        return "None of them has removed anything yet."
    shares = [[k.mean / row.units for row, k in zip(numbers.rows, m.kept, strict=True)] for m in moments]
    if all(share == 1 for each in shares for share in each):
        return f"No layer has lost any of its {numbers.what} yet."
    hardest = [min(range(len(each)), key=each.__getitem__) for each in shares]
    layer = max(set(hardest), key=lambda r: (hardest.count(r), -r))
    left = [each[layer] for each, r in zip(shares, hardest, strict=True) if r == layer]
    ends = list(dict.fromkeys((words.share(min(left)), words.share(max(left)))))
    of = f"all {words.counted(len(moments))}" if len(left) == len(moments) else f"{len(left)} of {len(moments)}"
    return f"{numbers.rows[layer].title} is cut hardest in {of}, to {' to '.join(ends)} of its {numbers.what}."


def clause(numbers: Widths, p: Profile, m: Moment) -> str:
    if m.epoch is None:
        return f"{p.label} has removed nothing yet"
    shares = [k.mean / row.units for row, k in zip(numbers.rows, m.kept, strict=True)]
    if gone := [row.title for row, share in zip(numbers.rows, shares, strict=True) if share == 0]:
        return f"{p.label} leaves nothing of {words.listed(gone)}"
    least, most = min(range(len(shares)), key=shares.__getitem__), max(range(len(shares)), key=shares.__getitem__)
    if shares[least] == 1:
        return f"{p.label} leaves all {numbers.what} of every layer"
    if shares[most] - shares[least] < 0.01:
        return f"{p.label} keeps {words.share(m.total / numbers.units)} of the {numbers.what}, about the same share of every layer"
    titles = [row.title for row in numbers.rows]
    hardest = f"{p.label} cuts {titles[least]} hardest, to {words.share(shares[least])} of its {numbers.what}"
    return f"{hardest}, and leaves {words.share(shares[most])} of {titles[most]}"


def agreement(numbers: Widths, removed: float) -> str:
    """How far apart the seeds of a pick lie at most, in points of a layer's share."""
    several = [p for p in numbers.profiles if len(p.runs) > 1]
    if not several:
        return ""
    worst = max(
        (100 * (k.high - k.low) / row.units, row.title, p.label)
        for p in several for row, k in zip(numbers.rows, p.moments[p.at(removed)].kept, strict=True)
    )  # fmt: skip
    counts = {len(p.runs) for p in several}
    seeds = f"{words.counted(counts.pop())} seeds" if len(counts) == 1 else "seeds"
    if worst[0] < 0.05:
        return f" Its {seeds} agree to a tenth of a point." if len(several) == 1 else f" Their {seeds} agree to a tenth of a point."
    spread = [cv for p in several for k in p.moments[p.at(removed)].kept if (cv := k.cv) is not None]
    if numbers.what == "channels" and len(spread) == sum(len(p.moments[0].kept) for p in several):
        varied = f"; a layer's width varies by {words.share(sum(spread) / len(spread))} of its mean on average"
    else:
        varied = ""
    return f" Over {seeds} no layer differs by more than {worst[0]:.1f} points ({worst[1]}{f', {worst[2]}' if len(several) > 1 else ''}){varied}."
