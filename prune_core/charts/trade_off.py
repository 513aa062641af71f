"""What pruning costs: test error (or accuracy) against what is left of the network, a series a way to get there, intervals over seeds."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from ..catalogue.published import Published
from ..statistics import FEWEST, MARGIN, paired, points
from . import words
from .names import epochs
from .sizes import SIZES, Across

Up = Literal["error", "accuracy"]
MOST = 5  # series that a sentence can name
SCRATCH = "scratch"  # the family of what pruning found, drawn anew
NARROWER = "narrower"  # the family of networks that are plainly smaller
NEAR = 1.12  # sizes that differ by less than this factor are compared with each other


class Dot(NamedTuple):
    """One finished run: `x` its size (None: the run does not say), `y` a fraction."""

    run: str
    title: str
    seed: int
    x: float | None
    y: float
    at_chance: bool


class Point(NamedTuple):
    """The runs of one setting over their seeds. `mean`, `low`, `high`: of y over the `n` seeds that count; `seeds` says how many of how many.

    asked: sparsity, of `unit`s. x: size; kept: weights; sizes: by what they are counted in; all means over the seeds. values: seed -> y of those that count.
    mixed: what they were not computed alike with. repeated: finished runs that stand aside for another of the same seed.
    """

    key: str
    title: str
    asked: float
    unit: str
    x: float | None
    kept: float | None
    sizes: dict[Across, float | None]
    mean: float | None
    low: float | None
    high: float | None
    n: int
    seeds: str
    mixed: str | None
    repeated: int
    dots: tuple[Dot, ...]
    values: dict[int, float]

    @property
    def runs(self) -> tuple[str, ...]:
        """Ids of the runs behind it, by seed."""
        return tuple(dot.run for dot in self.dots)


class Cost(NamedTuple):
    """What finding it took: epochs of its own training, those of the runs that it starts from (None: they are not here), images in an epoch.

    most: epochs of its longest run, where they grow along the series.
    """

    own: float
    before: float | None
    images: int
    most: float = 0.0

    @property
    def words(self) -> str:
        if self.most > self.own:
            started = ", and those of the runs that they start from" if self.before is None or self.before else ""
            return f"{self.own:g} to {epochs(self.most)}{started}"
        own = epochs(self.own)
        if self.before is None:
            return f"{own}, and those of the run that it starts from, which is not here"
        said = f"{own} + {self.before:g} of the run that it starts from" if self.before else own
        return f"{said} ({(self.own + self.before) * self.images:,.0f} images)"


class Series(NamedTuple):
    """One way to a smaller network, the same in everything but the size. `name`: the criterion, or the family of plainly smaller networks; `detail`: the
    protocol, and what tells it from its like.

    family: whose colour it has: the criterion's, one for all from scratch, one for plainly smaller networks, None for the dense reference.
    variant: 0 for the first series of its family, 1 for the second.
    """

    key: str
    name: str
    detail: str
    family: str | None
    variant: int
    epochs: int
    cost: Cost
    points: tuple[Point, ...]

    @property
    def label(self) -> str:
        return f"{self.name}, {self.detail}" if self.detail else self.name


class TradeOff(NamedTuple):
    """Series over the sizes of what is left, the dense references, and what papers print. `weights`: of the full network. `caution`: of the data set.

    whole: the full network's size, as `across` has it. front: draw through what nothing that is smaller or equal does better than.
    unplaced: finished runs that do not say their size.
    """

    network: str = ""
    data: str = ""
    weights: int = 0
    across: Across = "kept"
    up: Up = "error"
    series: tuple[Series, ...] = ()
    dense: tuple[Series, ...] = ()
    published: tuple[Published, ...] = ()
    caution: str = ""
    whole: float = 0.0
    front: bool = False

    @property
    def best(self) -> tuple[tuple[Series, Point], ...]:
        """The Pareto front: means that no network of at most their size betters, the smallest network first."""
        better, found = math.inf, list[tuple[Series, Point]]()
        sign = 1 if self.up == "error" else -1
        placed = [(s, p) for s in self.series for p in s.points if p.x and p.mean is not None]
        for s, p in sorted(placed, key=lambda sp: (sp[1].x or 0.0, sign * (sp[1].mean or 0.0))):
            if sign * (p.mean or 0.0) < better:
                better = sign * (p.mean or 0.0)
                found.append((s, p))
        return tuple(found)

    @property
    def unplaced(self) -> int:
        return sum(d.x is None for s in self.series for p in s.points for d in p.dots)

    @property
    def mixed(self) -> tuple[str, ...]:
        """Where runs of other code, torch or device were taken together, in words."""
        return tuple(
            f"{s.label}, {words.share(p.asked)} removed: {p.mixed}" for s in (*self.series, *self.dense) for p in s.points if p.mixed
        )

    @property
    def incomplete(self) -> tuple[str, ...]:
        """Where a mean is not over every seed that was tried, in words."""
        return tuple(
            f"{s.label}{f', {words.share(p.asked)} removed' if p.asked else ''}: {p.seeds}"
            for s in (*self.series, *self.dense) for p in s.points if " of " in p.seeds
        )  # fmt: skip

    @property
    def has_sizes(self) -> bool:
        """Whether networks are compared by their sizes, for want of one removed share that all of them have."""
        return self.across not in ("kept", "effective") or any(s.family == NARROWER for s in self.series)

    @property
    def sentence(self) -> str:
        return sentence(self)

    def only(self, labels: Iterable[str]) -> "TradeOff":
        """With those series alone that have one of the labels, all of them for none; and the full network trained as long as any of them, if it was."""
        wanted = set(labels)
        series = tuple(s for s in self.series if not wanted or s.label in wanted)
        lengths = {s.epochs for s in series}
        return self._replace(series=series, dense=tuple(s for s in self.dense if s.epochs in lengths) or self.dense)

    def table(self) -> dict[str, list[object]]:
        rows = [row(self, series, point) for series in (*self.series, *self.dense) for point in series.points]
        rows += [printed_row(self, entry) for entry in self.published]
        columns = (
            "Series", "Removed (%)", "Weights kept", "Kept (%)", "Times smaller", *(SIZES[size].column for size in MORE), f"Test {self.up} (%)", "Low (%)",
            "High (%)", "Seeds", "Each seed (%)", "Training it took", "Remarks",
        )  # fmt: skip
        return {column: [r[i] for r in rows] for i, column in enumerate(columns)}


MORE: tuple[Across, ...] = ("effective", "parameters", "macs", "latency", "latency_128")  # sizes in columns of their own


def counted(size: Across, x: float | None) -> float | None:
    """A size as a table has it: a count, or milliseconds."""
    return None if x is None else round(x) if SIZES[size].unit else round(1000 * x, 4)


def row(numbers: TradeOff, series: Series, p: Point) -> tuple[object, ...]:
    each = "; ".join(f"seed {d.seed}: {100 * d.y:.2f}{' (at chance)' if d.at_chance else ''}" for d in p.dots)
    remarks = [p.mixed] if p.mixed else []
    remarks += [f"{p.repeated:,} more of the same seeds not counted"] if p.repeated else []
    return (
        series.label, round(100 * p.asked, 4), *sizes(numbers, p.kept), *(counted(size, p.sizes.get(size)) for size in MORE),
        *(None if v is None else round(100 * v, 2) for v in (p.mean, p.low, p.high)), p.seeds, each, series.cost.words, "; ".join(remarks),
    )  # fmt: skip


def printed_row(numbers: TradeOff, entry: Published) -> tuple[object, ...]:
    removed = None if entry.sparsity is None else round(100 * entry.sparsity, 4)
    return (
        f"{entry.method}, as published", removed, *sizes(numbers, numbers.weights * (1 - (entry.sparsity or 0.0))), *([None] * len(MORE)),
        round(100 * printed(numbers, entry), 2), None, None, "not said", "", "not said", f"{entry.source}. {entry.counted}",
    )  # fmt: skip


def sizes(numbers: TradeOff, kept: float | None) -> tuple[object, object, object]:
    """Weights kept as a count, a share and a factor."""
    if not kept or not numbers.weights:
        return None if kept is None else 0, None if kept is None else 0.0, None
    return round(kept), round(100 * kept / numbers.weights, 3), round(numbers.weights / kept, 2)


def printed(numbers: TradeOff, entry: Published) -> float:
    """A published value as the axis has it."""
    return entry.error if numbers.up == "error" else round(1 - entry.error, 6)


def sentence(numbers: TradeOff) -> str:
    """What one sees where most series can be compared, and what the intervals allow to say of the two best."""
    if not any(p.dots for s in numbers.series for p in s.points):
        dense = reference(numbers, ())
        return "No pruned network has been measured here yet." + (f" The full network {reads(numbers, dense)}." if dense else "")
    at, shown = by_size(numbers) if numbers.has_sizes else comparable(numbers)
    names = [s.name for s, _ in shown]
    called = {s.key: s.name if names.count(s.name) == 1 else s.label for s, _ in shown}
    told = [f"{called[s.key]} {reads(numbers, p, short=i > 0)}" for i, (s, p) in enumerate(shown[:MOST])]
    more = len(shown) - MOST
    told += [f"{words.counted(more)} more {'does' if more == 1 else 'do'} worse"] if more > 0 else []
    dense = reference(numbers, shown)
    tail = f" The full network {reads(numbers, dense)}." if dense else ""
    return f"{at}, {words.listed(told)}.{tail}{verdict(shown, numbers.up, called)}"


Shown = Sequence[tuple[Series, Point]]


def by_size(numbers: TradeOff) -> tuple[str, Shown]:
    """In words the size at which most series have a network, and who stands there, best first.

    Most series with a mean, then most with an interval, then the smallest.
    """
    found: list[tuple[tuple[int, int, float], float, Shown]] = []
    for x in (p.x for s in numbers.series for p in s.points if p.x and p.dots):
        near = [(s, nearest(s, x)) for s in numbers.series]
        there = [(s, p) for s, p in near if p is not None]
        found.append(((sum(p.mean is not None for _, p in there), sum(p.n >= FEWEST for _, p in there), -x), x, there))
    if not found:
        return comparable(numbers)
    _, about, shown = max(found, key=lambda each: each[0])
    size = SIZES[numbers.across]
    said = f"At about {size.tick(about)} {size.unit}".rstrip() + (
        f" ({words.share(about / numbers.whole)} of the full network)" if size.unit else ""
    )
    return said, ranked(numbers, shown)


def nearest(series: Series, x: float) -> Point | None:
    """The point of a series whose size is about x."""
    near = [(abs(math.log(p.x / x)), p) for p in series.points if p.x and p.dots]
    distance, point = min(near, key=lambda each: each[0], default=(math.inf, None))
    return point if distance <= math.log(NEAR) else None


def ranked(numbers: TradeOff, shown: Shown) -> Shown:
    """Best first."""
    sign = 1 if numbers.up == "error" else -1
    return sorted(shown, key=lambda sp: (sp[1].mean is None, sign * (sp[1].mean or 0.0)))


def comparable(numbers: TradeOff) -> tuple[str, Shown]:
    """In words the sparsity and length of training at which most series can be compared, and who stands there, best first.

    Most series with a mean, then most with an interval, then the fewest weights.
    """
    at: dict[tuple[float, str, int], list[tuple[Series, Point]]] = defaultdict(list)
    for s in numbers.series:
        for p in s.points:
            if p.dots:
                at[p.asked, p.unit, s.epochs].append((s, p))
    best = max(at, key=lambda k: (sum(p.mean is not None for _, p in at[k]), sum(p.n >= FEWEST for _, p in at[k]), *k))
    asked, unit, length = best
    lengths = {s.epochs for s in (*numbers.series, *numbers.dense)}
    after = f" and {epochs(length)} of training" if len(lengths) > 1 else ""
    return f"With {words.share(1 - asked)} of the {unit}s left{after}", ranked(numbers, at[best])


def reads(numbers: TradeOff, p: Point, short: bool = False) -> str:
    """ "errs on 3.2 % of the test images" and its like; short, after another of its kind: "on 3.2 %"."""
    if p.mean is None:
        return "stayed at chance"
    seeds = "" if p.n >= FEWEST else f" ({words.counted(p.n)} {'seed' if p.n == 1 else 'seeds'})"
    if short:
        return f"on {words.accuracy(p.mean)}{seeds}"
    return f"{'errs' if numbers.up == 'error' else 'is right'} on {words.accuracy(p.mean)} of the test images{seeds}"


def reference(numbers: TradeOff, shown: Shown) -> Point | None:
    """The dense reference to speak of: trained as long as what is shown, if there is one, and with the most seeds."""
    asked = {s.epochs for s, _ in shown}
    found = [(s.epochs in asked, p.n, p) for s in numbers.dense for p in s.points if p.mean is not None]
    return max(found, key=lambda each: each[:2])[2] if found else None


def verdict(shown: Shown, up: Up, called: dict[str, str]) -> str:
    """What the paired difference of the two best allows to say."""
    ranked = [(s, p) for s, p in shown if p.mean is not None]
    if len(ranked) < 2:
        return ""
    (best, p), (second, q) = ranked[:2]
    difference = paired(p.values, q.values) if up == "accuracy" else paired(q.values, p.values)
    one, two = called[best.key], called[second.key]
    match difference.verdict():
        case "too few":
            return f" Too few seeds in common for a verdict between {one} and {two}."
        case "shown":
            within = f", less than {points(MARGIN)} points" if difference.within(MARGIN) else ""
            return f" {one} is ahead of {two} by {difference.words}{within}."
        case "equivalent":
            return f" {one} and {two} are equivalent within {points(MARGIN)} points ({difference.words})."
        case _:
            return f" Between {one} and {two} no difference is shown ({difference.words})."
