"""Did what the prunings broke do any good? Mean drop at a pruning against final test accuracy, over runs that may be compared."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from ..results import Group, Result, grouped
from ..spec import RunSpec
from ..statistics import Coefficient, Correlation, Difference, correlation, paired, points
from . import words
from .curves import plain
from .drops import Instability
from .theme import Theme, faded, figure, nothing
from .variants import labels, quoted, wrapped

X, Y = "Mean drop at a pruning, points", "Final test accuracy"
CHANCE = 0.05  # asked of p beside the interval: resampling a handful of pairs makes intervals too narrow
SAME = "equal network, data, amount removed and epochs"


class Configuration(NamedTuple):
    """Runs that differ by their seed alone. `ends`: seed -> (instability, test accuracy) of those that count; `at_chance`: the drops of those that don't."""

    key: str
    label: str
    family: str | None
    seeds: str
    ends: Mapping[int, tuple[Instability, float]]
    at_chance: tuple[Instability, ...]
    titles: Mapping[int, str]
    runs: Mapping[int, str]
    mixed: str | None

    @property
    def loss(self) -> float:
        return sum(i.loss for i, _ in self.ends.values()) / len(self.ends)

    @property
    def relative(self) -> float | None:
        found = [i.relative for i, _ in self.ends.values() if i.relative is not None]
        return sum(found) / len(found) if found else None

    @property
    def test(self) -> float:
        return sum(t for _, t in self.ends.values()) / len(self.ends)


class DropAgainstEnd(NamedTuple):
    """Configurations with equal network, data, amount removed and epochs. `chosen`, `beside`: keys of the two that are spoken of.

    `correlation`: over configuration means; None where there are too few of them.
    """

    configurations: tuple[Configuration, ...] = ()
    chosen: str = ""
    beside: str = ""
    correlation: Correlation | None = None

    @property
    def counted(self) -> tuple[Configuration, ...]:
        return tuple(c for c in self.configurations if c.ends)

    @property
    def difference(self) -> Difference | None:
        """Final test accuracy of the harder hit of the two minus the other's, paired by seed."""
        two = {c.key: c for c in self.counted}
        if self.chosen not in two or self.beside not in two or self.chosen == self.beside:
            return None
        hit, other = sorted((two[self.chosen], two[self.beside]), key=lambda c: -c.loss)
        return paired({s: t for s, (_, t) in hit.ends.items()}, {s: t for s, (_, t) in other.ends.items()})

    @property
    def sentence(self) -> str:
        return " ".join(filter(None, (self.verdict, self.relation)))

    @property
    def verdict(self) -> str:
        """Whether the harder hit of the two ended higher; never why."""
        if (
            lost := [c.label for c in self.configurations if c.key in (self.chosen, self.beside) and c.at_chance and not c.ends]
        ) and self.beside:
            return f"{quoted(lost[0])} never recovered: it ended at chance."
        d = self.difference
        if d is None or not d.n:
            return ""
        size, seeds = sized(d)
        way = "lower" if d.mean < 0 else "higher"
        if d.high is None:
            ended = f"the harder hit run{'' if d.n == 1 else 's'} ended {points(abs(d.mean))} points {way}"
            return f"{words.capital(ended)}; with {words.counted(d.n)} {'seed' if d.n == 1 else 'seeds'} that is no verdict."
        ended = f"the harder hit runs ended {size} {way} ({seeds})"
        if d.verdict() != "shown":
            return f"No difference beyond chance at the end: {ended}."
        return f"It did not help here: {ended}." if d.mean < 0 else f"{words.capital(ended)}, which names no cause."

    @property
    def relation(self) -> str:
        """What the configurations say together; the coefficients stand in the note."""
        n, r = words.counted(len(self.counted)), self.correlation
        if r is None:
            return ""
        shown = [c for c in (r.pearson, r.kendall) if not c.low <= 0 <= c.high and c.p < CHANCE]
        if len(shown) == 1:
            which = "Pearson's r" if shown[0] is r.pearson else "Kendall's \N{GREEK SMALL LETTER TAU}"
            return f"Over {n} configurations, only {which} shows a relation of drops and final accuracy beyond chance: no verdict."
        if not shown:
            return f"Over {n} configurations, drops and final accuracy show no relation beyond chance."
        return f"Over {n} configurations, deeper drops went with {'lower' if r.pearson.value < 0 else 'higher'} final accuracy."

    @property
    def note(self) -> str:
        """The coefficients with intervals, or why there are none."""
        n, r = len(self.counted), self.correlation
        if not n:
            return "No finished run to compare yet."
        what = " ".join(
            [
                f"Runs with {SAME}.",
                *(f"{c.label}: {c.seeds}." for c in self.configurations if c.at_chance),
                *(f"{c.label}: {c.mixed}." for c in self.counted if c.mixed),
            ]
        )
        if r is None:
            one = "configuration" if n == 1 else "configurations"
            return f"{words.capital(words.counted(n))} {one}: too few for a correlation. {what}"
        pearson, kendall = coefficient("Pearson r", r.pearson, p=True), coefficient("Kendall \N{GREEK SMALL LETTER TAU}", r.kendall, p=True)
        return f"{pearson}; {kendall}; over the means of {n} configurations, 95 % bootstrap intervals. A relation is not a cause. {what}"

    def table(self) -> dict[str, list[object]]:
        rows: list[tuple[object, ...]] = [
            (c.label, c.titles[s], s, round(100 * i.loss, 3), rounded(i.relative), round(100 * t, 2), c.seeds)
            for c in self.counted for s, (i, t) in c.ends.items()
        ]  # fmt: skip
        rows += [
            (c.label, "", None, round(100 * i.loss, 3), rounded(i.relative), None, "at chance")
            for c in self.configurations
            for i in c.at_chance
        ]
        rows += [
            (c.label, f"mean of {len(c.ends)}", None, round(100 * c.loss, 3), rounded(c.relative), round(100 * c.test, 2), c.seeds)
            for c in self.counted
        ]
        names = ("Configuration", "Run", "Seed", "Mean drop (points)", "Mean drop, relative (%)", "Test accuracy (%)", "Seeds")
        return {name: [row[i] for row in rows] for i, name in enumerate(names)}


def rounded(fraction: float | None) -> float | None:
    return None if fraction is None else round(100 * fraction, 3)


def sized(d: Difference) -> tuple[str, str]:
    """The size of a difference without its sign, and over how much: ("5.4 ± 1.8 points", "3 seeds")."""
    turned = d if d.mean >= 0 or d.low is None or d.high is None else d._replace(mean=-d.mean, low=-d.high, high=-d.low)
    size, _, seeds = turned.words.rpartition(", ")
    return size, seeds


def coefficient(name: str, c: Coefficient, p: bool = False) -> str:
    chance = f", p {'< 0.001' if c.p < 0.001 else f'= {c.p:.2g}'}" if p else ""
    return f"{name} = {words.correlation(c.value)}, {words.correlation(c.low)} to {words.correlation(c.high)}{chance}"


def footing(spec: RunSpec) -> str:
    """The same for runs that may be compared: equal network, data, amount removed and epochs."""
    return repr(
        (
            spec.model,
            spec.model_options,
            spec.data,
            spec.sparsity,
            spec.resolved_granularity,
            spec.epochs,
            spec.augment,
        )
    )


def drop_against_end(found: Iterable[tuple[Result, Instability]], chosen: str = "", beside: str = "") -> DropAgainstEnd:
    """Configurations of finished runs with their instability. `chosen`, `beside`: groups."""
    by_id = {result.id: (result, drop) for result, drop in found}
    groups = grouped(result for result, _ in by_id.values())
    named = labels([group.spec.model_copy(update={"seed": 0}) for group in groups])
    drops = {i: drop for i, (_, drop) in by_id.items()}
    configurations = tuple(configuration(group, label, drops) for group, label in zip(groups, named, strict=True))
    counted = [c for c in configurations if c.ends]
    return DropAgainstEnd(configurations, chosen, beside, correlation([c.loss for c in counted], [c.test for c in counted]))


def configuration(group: Group, label: str, drops: Mapping[str, Instability]) -> Configuration:
    entry = group.spec.criterion_entry
    ends = {r.seed: (drops[r.id], r.test_accuracy) for r in group.counted if r.test_accuracy is not None}
    at_chance = tuple(drops[r.id] for r in group.results.values() if r.state == "finished" and r.at_chance)
    titles, ids = ({r.seed: getattr(r, field) for r in group.counted} for field in ("title", "id"))
    return Configuration(group.key, label, entry.family if entry else None, group.words, ends, at_chance, titles, ids, group.mixed)


def draw(numbers: DropAgainstEnd, theme: Theme, height: int = 470) -> go.Figure:
    """A small dot a run, a large mark a configuration's mean; those at chance as crosses on the floor."""
    counted = numbers.counted
    if not counted:
        return nothing(theme, height, "No finished run yet.", X, Y)
    tests = [t for c in counted for _, t in c.ends.values()]
    losses = [100 * i.loss for c in numbers.configurations for i in (*(i for i, _ in c.ends.values()), *c.at_chance)]
    room = max(0.002, 0.14 * (max(tests) - min(tests)))
    floor, top = min(tests) - room * (2 if any(c.at_chance for c in numbers.configurations) else 1), min(1.0, max(tests) + room)
    side = max(0.5, 0.16 * (max(losses) - min(losses)))
    fig = figure(
        theme, height, margin={"l": 62, "r": 14, "t": 50, "b": 46, "pad": 4},
        xaxis={"title": {"text": X}, "range": [min(losses) - side, max(losses) + side], "nticks": 5},
        yaxis={"title": {"text": Y}, "range": [floor, top], **percents(floor, top)},
    )  # fmt: skip
    spoken = sorted((c for c in counted if c.key in (numbers.chosen, numbers.beside)), key=lambda c: -c.test)
    for c in sorted(numbers.configurations, key=lambda c: (c.key in (numbers.chosen, numbers.beside), c.key == numbers.chosen)):
        colour, text, symbol = look(c, numbers, theme)
        if c.at_chance:
            fig.add_scatter(
                x=[100 * i.loss for i in c.at_chance], y=[floor] * len(c.at_chance), mode="markers", cliponaxis=False, name="at chance",
                marker={"symbol": "x-thin", "size": 8, "color": colour, "line": {"color": colour, "width": 2}},
                hovertemplate=f"{plain(c.label)}<br>%{{x:.1f}} points at a pruning<br>stayed at chance<extra></extra>",
            )  # fmt: skip
        if not c.ends:
            continue
        fig.add_scatter(
            x=[100 * i.loss for i, _ in c.ends.values()], y=[t for _, t in c.ends.values()], mode="markers", name="runs", cliponaxis=False,
            customdata=[f"seed {s}" for s in c.ends], ids=[f"run={c.runs[s]}" for s in c.ends],
            marker={"color": faded(colour, 0.5), "size": 6, "symbol": symbol},
            hovertemplate=f"{plain(c.label)}, %{{customdata}}<br>%{{x:.1f}} points at a pruning<br>%{{y:.1%}} at the end<extra></extra>",
        )  # fmt: skip
        fig.add_scatter(
            x=[100 * c.loss], y=[c.test], mode="markers", name="mean", cliponaxis=False,
            marker={"color": colour, "size": 11, "symbol": symbol, "line": {"color": theme.paper, "width": 1.5}},
            hovertemplate=f"{plain(c.label)}, mean of {plain(c.seeds)}<br>%{{x:.1f}} points at a pruning<br>%{{y:.1%}} at the end<extra></extra>",
        )  # fmt: skip
        if c in spoken:
            left, below = 100 * c.loss > (min(losses) + max(losses)) / 2, c is spoken[-1] and len(spoken) > 1
            own = [t for _, t in c.ends.values()]
            fig.add_annotation(
                x=100 * c.loss, y=min(own) if below else max(own), text=wrapped(c.label, 18), showarrow=False, xanchor="right" if left else "left",
                yanchor="top" if below else "bottom", xshift=6 if left else -6, yshift=-8 if below else 8, align="right" if left else "left",
                font={"size": 14, "color": text, "weight": 700},
            )  # fmt: skip
    if any(c.at_chance for c in numbers.configurations):
        n = sum(len(c.at_chance) for c in numbers.configurations)
        said = f"\N{MULTIPLICATION SIGN} {n} at chance, off the scale"
        fig.add_annotation(
            x=0, xref="paper", y=floor, yanchor="bottom", xanchor="left", yshift=8, showarrow=False, text=said,
            font={"size": 13, "color": theme.soft},
        )  # fmt: skip
    return fig


def look(c: Configuration, numbers: DropAgainstEnd, theme: Theme) -> tuple[str, str, str]:
    """Mark, label and symbol: leaf for the chosen one, its criterion's colour for the one beside it, grey for the others."""
    if c.key == numbers.chosen:
        return theme.leaf, theme.leaf, "circle"
    style = theme.style(c.family)
    if c.key == numbers.beside:
        return style.colour, style.label, style.marker
    return theme.dense, theme.soft, style.marker


def percents(low: float, high: float) -> dict[str, Sequence[object]]:
    """About five ticks of an accuracy axis that need not start at zero, with the digits that tell them apart."""
    step = next(s for s in (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2) if (high - low) / s <= 6 or s == 0.2)
    first = int(low / step) + 1
    ticks = [step * i for i in range(first, first + 9) if step * i <= high + 1e-9]
    digits = 1 if step < 0.01 else 0
    return {"tickvals": ticks, "ticktext": [f"{100 * t:.{digits}f} %" for t in ticks]}
