"""How far criteria agree: for each two of them what both would keep at a sparsity, corrected for chance, and how alike they rank everything.

    agreement = (J - C) / (1 - C),    J = both / either,    C = the J of two random masks of these sizes: they share a b / n units on average

with a and b units kept by the two of n (a chance-corrected Jaccard index, after Hubert and Arabie 1985).
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Any, NamedTuple

import plotly.graph_objects as go

from .. import catalogue
from ..history import History
from . import words
from .theme import DARK, LIGHT, Theme, figure, nothing

FORMULA = (
    "Agreement of two masks is (J \N{MINUS SIGN} C) / (1 \N{MINUS SIGN} C). J: units that both keep, divided by those that at least one keeps. "
    "C: the same for two random masks of these sizes, which share on average a · b / n of n units where they keep a and b. 0 is chance, 1 the same mask."
)
LOOKED_AT = 0.95
SHOWN = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999)
NEAR_CHANCE = 0.02
BELOW, ABOVE = "Below the diagonal: agreement of masks", "Above: correlation of ranks"


class Agreement(NamedTuple):
    """`shared` and `spearman` per pair in the order of `pairs`; `kept` units of each criterion at every sparsity, of `units`.

    `rounds`: those that each criterion prunes in by itself, though here it was asked once. `controls`: whether it decides by lot.
    """

    names: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    rounds: tuple[int, ...] = ()
    controls: tuple[bool, ...] = ()
    sparsities: tuple[float, ...] = ()
    kept: tuple[int, ...] = ()
    units: int = 0
    what: str = "weights"
    shared: tuple[tuple[int, ...], ...] = ()
    spearman: tuple[float | None, ...] = ()

    @property
    def pairs(self) -> list[tuple[int, int]]:
        return list(combinations(range(len(self.names)), 2))

    def nearest(self, sparsity: float) -> int:
        """The place of the sparsity nearest to one."""
        return min(range(len(self.sparsities)), key=lambda i: abs(self.sparsities[i] - sparsity))

    def at(self, i: int) -> list[float | None]:
        """Agreement of every pair at sparsity number `i`."""
        return [beyond_chance(counts[i], self.kept[i], self.kept[i], self.units) for counts in self.shared]

    @property
    def once(self) -> list[str]:
        """Criteria that prune in rounds by themselves."""
        return [name for name, n in zip(self.names, self.rounds, strict=True) if n > 1]

    @property
    def sentence(self) -> str:
        return describe(self, LOOKED_AT)

    def table(self, sparsities: Sequence[float] = SHOWN) -> dict[str, list[object]]:
        """Every pair at these sparsities, as far as they were asked."""
        places = sorted({self.nearest(s) for s in sparsities}) if self.shared else []
        rows = [
            (
                self.names[a], self.names[b], round(100 * self.sparsities[i], 3), self.kept[i], counts[i], round(self.kept[i] ** 2 / self.units, 1),
                rounded(jaccard(counts[i], self.kept[i], self.kept[i])), rounded(beyond_chance(counts[i], self.kept[i], self.kept[i], self.units)),
                rounded(rank),
            )
            for i in places for (a, b), counts, rank in zip(self.pairs, self.shared, self.spearman, strict=True)
        ]  # fmt: skip
        columns = (
            "Criterion", "Other criterion", "Removed (%)", "Kept by each", "Kept by both", "By chance", "Jaccard", "Agreement", "Correlation of ranks"
        )  # fmt: skip
        return {column: [row[i] for row in rows] for i, column in enumerate(columns)}


def rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def jaccard(both: float, a: int, b: int) -> float | None:
    """What both keep, as a share of what at least one of them keeps; None where neither keeps anything."""
    return both / (a + b - both) if a + b > both else None


def beyond_chance(both: int, a: int, b: int, units: int) -> float | None:
    """Jaccard's index of two masks that keep `a` and `b` of `units`, from chance (0) to equal masks (1); below 0 they share less than chance.

    None where chance can't be beaten: both masks keep everything, or nothing.
    """
    found, chance = jaccard(both, a, b), jaccard(a * b / units, a, b) if units else None
    return None if found is None or chance is None or chance == 1 else (found - chance) / (1 - chance)


def agreement(history: History) -> Agreement:
    """The first comparison of a scoring run; empty if it made none."""
    values: dict[str, Any] | None = next((m.values for m in history.measurements if m.what == "agreement"), None)
    if values is None:
        return Agreement()
    entries = [catalogue.criteria[name] for name in values["criteria"]]
    return Agreement(
        tuple(e.title for e in entries), tuple(e.family for e in entries), tuple(e.rounds for e in entries), tuple(e.control for e in entries),
        tuple(values["sparsities"]), tuple(values["kept"]), values["units"], f"{values['granularity']}s", tuple(map(tuple, values["shared"])),
        tuple(values["spearman"]),
    )  # fmt: skip


def describe(numbers: Agreement, sparsity: float) -> str:
    """Which two agree most at a sparsity, which two are closest to chance, and how far a control is from it.

    Pairs in which one scores everything alike are passed over: there lots decide.
    """
    if not numbers.shared:
        return "No criteria have been compared yet."
    i = numbers.nearest(sparsity)
    removed = words.share(numbers.sparsities[i])
    known = [(value, pair) for pair, value in zip(numbers.pairs, numbers.at(i), strict=True) if value is not None]
    if not known:
        return f"With {removed} removed, there is nothing to compare."
    alike_all = {pair for pair, rank in zip(numbers.pairs, numbers.spearman, strict=True) if rank is None}
    chosen = [(v, p) for v, p in known if p not in alike_all and not any(numbers.controls[c] for c in p)] or known
    best, pair = max(chosen, key=lambda found: found[0])
    said = f"With {removed} removed, {names(numbers, pair)} {alike(best, numbers.what)}"
    if len(chosen) > 1:
        least, other = min(chosen, key=lambda found: abs(found[0]))
        said += f"; {names(numbers, other)} {apart(least)}"
    lots = [(abs(v), numbers.names[next(c for c in p if numbers.controls[c])]) for v, p in known if any(numbers.controls[c] for c in p)]
    if lots and len(chosen) < len(known):
        furthest, name = max(lots)
        said += f". {name}, the control, is never further than {words.correlation(max(0.01, furthest))} from chance"
    return f"{said}."


def names(numbers: Agreement, pair: tuple[int, int]) -> str:
    return f"{numbers.names[pair[0]]} and {numbers.names[pair[1]]}"


def alike(value: float, what: str) -> str:
    if value == 1:
        return f"keep the very same {what}"
    return f"agree most ({words.correlation(value)}, where 0 is chance and 1 the same mask)"


def apart(value: float) -> str:
    if value == 1:
        return "do too"
    shown = words.correlation(round(value, 2) + 0.0)
    if abs(value) < NEAR_CHANCE:
        return f"share no more than two random masks would ({shown})"
    return f"share less than two random masks would ({shown})" if value < 0 else f"are closest to chance ({shown})"


def draw(numbers: Agreement, theme: Theme, sparsity: float = LOOKED_AT) -> go.Figure:
    """The matrix at one sparsity. Pages show the viewer instead, which answers a slider."""
    n = len(numbers.names)
    if not numbers.shared:
        return nothing(theme, 300, numbers.sentence, ABOVE, BELOW)
    cells: list[list[float | None]] = [[None] * n for _ in range(n)]
    for (a, b), below, above in zip(numbers.pairs, numbers.at(numbers.nearest(sparsity)), numbers.spearman, strict=True):
        cells[b][a], cells[a][b] = below, above
    fig = figure(
        theme, 110 + 52 * n, margin={"l": 150, "r": 12, "t": 10, "b": 76, "pad": 4},
        xaxis={"title": {"text": ABOVE}, "type": "category", "showgrid": False},
        yaxis={"title": {"text": BELOW}, "type": "category", "showgrid": False, "autorange": "reversed"},
    )  # fmt: skip
    fig.add_heatmap(
        z=cells, x=numbers.names, y=numbers.names, zmin=-1, zmax=1, xgap=3, ygap=3, showscale=False, hoverongaps=False,
        colorscale=[[i / (len(theme.diverging) - 1), colour] for i, colour in enumerate(theme.diverging)],
        text=[["" if v is None else words.correlation(v) for v in row] for row in cells], texttemplate="%{text}",
        hovertemplate="%{y}, %{x}: %{text}<extra></extra>",
    )  # fmt: skip
    return fig


def scene(numbers: Agreement, key: str, chosen: float) -> dict[str, Any]:
    """The matrix as plain data for the browser: every pair at every position of the slider."""
    every = [numbers.at(i) for i in range(len(numbers.sparsities))]
    return {
        "key": key, "names": numbers.names, "pairs": numbers.pairs, "what": numbers.what, "units": numbers.units, "kept": numbers.kept,
        "shared": numbers.shared, "values": [[rounded(each[p]) for each in every] for p in range(len(numbers.pairs))],
        "ranks": [rounded(r) for r in numbers.spearman], "chosen": numbers.nearest(chosen) if numbers.sparsities else 0,
        "positions": [{"removed": s, "words": words.share(s)} for s in numbers.sparsities],
        "label": f"Agreement of criteria: {BELOW[0].lower()}{BELOW[1:]}; {ABOVE[0].lower()}{ABOVE[1:]}", "below": BELOW, "above": ABOVE,
        "themes": {name: {"text": t.text, "soft": t.soft, "paper": t.paper, "line": t.line, "diverging": t.diverging}
                   for name, t in (("light", LIGHT), ("dark", DARK))},
    }  # fmt: skip
