"""Which criterion told the truth: what each predicted of single units, against what taking each out alone really did."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import plotly.graph_objects as go

from ..catalogue import criteria
from ..history import History
from ..statistics import Estimate, Ranks, midranks, rank_advantages, rank_correlation, ranks
from . import words
from .layers import titles_of
from .theme import Style, Theme, faded, figure, nothing

Of = Literal["size", "rise"]
TRUTH: Mapping[Of, str] = {"size": "change of the loss", "rise": "rise of the loss"}
X, Y = "Rank of the score", "Rank of the true {}"
DRAWN = 300  # points of one criterion: more of them cover each other
NAMED = 3
WIDE, NARROW = 4, 2  # panels in a row
WORDS, GAP = 0.42, 0.055  # between rows, beside a panel's height, for its words; between columns, of the width
RHO, TAU = "\N{GREEK SMALL LETTER RHO}", "\N{GREEK SMALL LETTER TAU}"


class Unit(NamedTuple):
    """A weight or channel that was taken out alone. `rise`: of the mean loss, L(without it) - L."""

    layer: str
    place: int
    rise: float


class Judged(NamedTuple):
    """A criterion's scores of the units, in their order. `agreement`: with the truth; None where its scores are all alike.

    `within`: Spearman's rho in each layer by itself, None where there is nothing to order. `control`: whether it decides by lot.
    `first`: nothing is told apart from the best.
    """

    criterion: str
    family: str
    scores: tuple[float, ...]
    agreement: Ranks | None
    within: tuple[float | None, ...] = ()
    control: bool = False
    first: bool = False

    @property
    def rho(self) -> float:
        return self.agreement.spearman.value if self.agreement else float("-inf")


class Calibration(NamedTuple):
    """`units` that were taken out and what each criterion had said of them, the most truthful first; `of`: what counts as the truth.

    `loss`: of the whole network, over `images` training images.
    """

    units: tuple[Unit, ...] = ()
    judged: tuple[Judged, ...] = ()
    layers: tuple[str, ...] = ()
    unit: str = "weight"
    of: Of = "size"
    loss: float = 0.0
    images: int = 0

    @property
    def truth(self) -> tuple[float, ...]:
        return truth(self.units, self.of)

    @property
    def sentence(self) -> str:
        ranked = [j for j in self.judged if j.agreement]
        if not ranked:
            return f"Nothing has been taken out yet, or too few {self.unit}s to compare orders."
        return f"{self.verdict(ranked)} {self.direction}"

    def verdict(self, ranked: Sequence[Judged]) -> str:
        """Who was nearest, who can't be told from it, and who was furthest off."""
        best, worst = ranked[0], ranked[-1]
        assert best.agreement is not None
        if best.agreement.spearman.low <= 0 or any(j.first for j in ranked if j.control):
            return f"No criterion tells the {TRUTH[self.of]} better than chance when single {self.unit}s go ({RHO} at most {words.correlation(best.rho)})."
        alike = [j.criterion for j in ranked if j.first]
        named = words.listed(alike) if len(alike) <= NAMED else f"{best.criterion} and {words.counted(len(alike) - 1)} others alike"
        said = f"{named} told the {TRUTH[self.of]} best"
        how = f"{RHO} = {words.correlation(best.rho)}" + (
            f" down to {words.correlation(min(j.rho for j in ranked if j.first))}" if len(alike) > 1 else ""
        )
        rest = "" if worst.first else f", {worst.criterion} worst ({words.correlation(worst.rho)})"
        return f"{said} when single {self.unit}s go ({how}){rest}."

    @property
    def direction(self) -> str:
        """How many removals made the loss lower: a score says nothing of that."""
        fell, same = (sum(test(u.rise) for u in self.units) for test in (lambda r: r < 0, lambda r: r == 0))
        still = f" and {same:,} changed nothing" if same else ""
        return f"{fell:,} of {len(self.units):,} removals lowered the loss{still}."

    def table(self) -> dict[str, list[object]]:
        """Every unit: what its removal did, and each criterion's score of it."""
        return {
            "Layer": [u.layer for u in self.units],
            words.capital(self.unit): [u.place for u in self.units],
            "Rise of the loss": [u.rise for u in self.units],
            **{f"Score by {j.criterion}": list(j.scores) for j in self.judged},
        }

    def coefficients(self) -> list[tuple[str, ...]]:
        """A row a criterion: name, rho with interval, tau with interval, rho in every layer by itself."""
        return [
            (j.criterion, *map(interval, (j.agreement.spearman, j.agreement.kendall) if j.agreement else (None, None)),
             *(words.correlation(r) if r is not None else "–" for r in j.within))
            for j in self.judged
        ]  # fmt: skip


def interval(c: Estimate | None) -> str:
    return "all alike" if c is None else f"{words.correlation(c.value)} ({words.correlation(c.low)} to {words.correlation(c.high)})"


def signed(number: str) -> str:
    return number.replace("-", "\N{MINUS SIGN}")


def truth(units: Sequence[Unit], of: Of) -> tuple[float, ...]:
    return tuple(abs(u.rise) if of == "size" else u.rise for u in units)


def calibration(history: History, of: Of = "size") -> Calibration:
    """What a run that judges has found so far; empty where it has taken nothing out."""
    if history.spec is None:
        return Calibration(of=of)
    titles = titles_of(history.spec.model_entry)
    removals = {e.values["layer"]: e.values for e in history.measurements if e.what == "removal"}
    if not removals:
        return Calibration(of=of)
    units = tuple(
        Unit(titles.get(layer, layer), place, rise)
        for layer, found in removals.items()
        for place, rise in zip(found["units"], found["rises"], strict=True)
    )
    known = truth(units, of)
    said = {e.values["criterion"]: e.values for e in history.measurements if e.what == "prediction"}
    judged = [judge(name, values, removals, known) for name, values in said.items()]
    first, last = next(iter(removals.values())), tuple(titles.get(layer, layer) for layer in removals)
    return Calibration(units, placed(judged, known), last, first["unit"], of, first["loss"], first["images"])


def judge(name: str, said: Mapping[str, Sequence[Sequence[float]]], removals: Mapping[str, object], known: Sequence[float]) -> Judged:
    entry, each = criteria[name], dict(zip(said["layers"], said["scores"], strict=True))
    parts = [each[layer] for layer in removals]  # type: ignore[index]
    within, start = list[float | None](), 0
    for part in parts:
        within.append(rank_correlation(part, known[start : start + len(part)]))
        start += len(part)
    scores = tuple(score for part in parts for score in part)
    return Judged(entry.title, entry.family, scores, ranks(scores, known), tuple(within), entry.control)


def placed(judged: Sequence[Judged], known: Sequence[float]) -> tuple[Judged, ...]:
    """The most truthful first, and with it those whose paired difference from it could be chance."""
    order = sorted(judged, key=lambda j: -j.rho)
    if not order or order[0].agreement is None:
        return tuple(order)
    best, *others = order
    rivals = [j for j in others if j.agreement]
    told = [
        j._replace(first=low <= 0)
        for j, (low, _) in zip(rivals, rank_advantages(best.scores, [j.scores for j in rivals], known), strict=True)
    ]
    return (best._replace(first=True), *told, *others[len(rivals) :])


def shares(values: Sequence[float]) -> list[float]:
    """Ranks from 0 (lowest) to 1 (highest); equal values share the mean of their places."""
    known = np.asarray(values, dtype=np.float64)
    found: list[float] = ((midranks(known, np.ones((1, len(known))))[0] - 1) / max(1, len(known) - 1)).tolist()
    return found


def draw(numbers: Calibration, theme: Theme, height: int | None = None) -> go.Figure:
    """A panel a criterion, the most truthful first: rank of its score against rank of the truth. On the diagonal it said what happened."""
    x, y = X, Y.format(TRUTH[numbers.of])
    if not numbers.judged:
        return nothing(theme, height or 320, numbers.sentence, x, y)
    n = len(numbers.judged)
    fig = figure(
        theme, height or tall(n, WIDE), margin={"l": 58, "r": 20, "t": 52, "b": 46, "pad": 2},
        meta={"narrow": {**axes(n, NARROW, x, y), "height": tall(n, NARROW), "margin": {"l": 52}}}, **axes(n, WIDE, x, y),
    )  # fmt: skip
    true, step = shares(numbers.truth), -(-len(numbers.units) // DRAWN)
    for i, judged in enumerate(numbers.judged):
        panel(fig, theme, numbers, judged, names(n)[i], true, step)
    return fig


def tall(n: int, across: int) -> int:
    return 98 + (218 if across == WIDE else 215) * -(-n // min(n, across))


def names(n: int) -> list[str]:
    """The axes' numbers by panel: "" is Plotly's first, and stands bottom left in a full row, where its titles are."""
    across = min(n, WIDE)
    corner = (-(-n // across) - 1) * across
    order = [corner, *(i for i in range(n) if i != corner)]
    return ["" if order.index(i) == 0 else str(order.index(i) + 1) for i in range(n)]


def axes(n: int, across: int, x: str, y: str) -> dict[str, Any]:
    """Places of all panels, `across` in a row; titles at the left and at the bottom."""
    across = min(n, across)
    rows, found = -(-n // across), dict[str, Any]()
    each, high = (1 - GAP * (across - 1)) / across, 1 / (rows + WORDS * (rows - 1))
    ticks = {"range": [-0.03, 1.03], "tickvals": [0, 0.5, 1], "zeroline": False}
    for i, name in enumerate(names(n)):
        row, column = divmod(i, across)
        left, top = column * (each + GAP), 1 - row * (1 + WORDS) * high
        lowest = i + across >= n
        found[f"xaxis{name}"] = {
            **ticks, "domain": [left, left + each], "anchor": f"y{name}", "title": {"text": x if lowest else ""},
            "ticktext": ["0", "50 %", "100 %"] if lowest else ["", "", ""],
        }  # fmt: skip
        found[f"yaxis{name}"] = {
            **ticks, "domain": [max(0.0, top - high), top], "anchor": f"x{name}", "title": {"text": y if column == 0 else ""},
            "ticktext": ["0", "50 %", "100 %"] if column == 0 else ["", "", ""],
        }  # fmt: skip
    return found


def panel(fig: go.Figure, theme: Theme, numbers: Calibration, judged: Judged, name: str, true: Sequence[float], step: int) -> None:
    style: Style = theme.style(judged.family)
    scores, on = shares(judged.scores), {"xaxis": f"x{name}", "yaxis": f"y{name}"}
    said = [
        f"{u.layer}, {numbers.unit} {u.place:,}<br>score {signed(f'{s:.2g}')}<br>loss {signed(f'{u.rise:+.2g}')}"
        for u, s in zip(numbers.units, judged.scores, strict=True)
    ]
    fig.add_scatter(
        x=scores[::step], y=true[::step], customdata=said[::step], mode="markers", name=judged.criterion, **on,
        marker={"color": faded(style.colour, 0.55), "size": 5, "symbol": style.marker}, hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip
    fig.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"color": theme.soft, "width": 1, "dash": "dot"}, hoverinfo="skip", name="told", **on
    )
    where = {
        "xref": f"x{name} domain", "yref": f"y{name} domain", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom", "showarrow": False
    }  # fmt: skip
    fig.add_annotation(text=judged.criterion, font={"size": 14, "color": style.label, "weight": 700}, yshift=21, **where)
    if judged.agreement is None:
        fig.add_annotation(text="all scores are alike", font={"size": 13, "color": theme.soft}, yshift=2, **where)
        return
    rho = judged.agreement.spearman
    fig.add_annotation(
        text=f"{RHO} {interval(rho)}", font={"size": 13, "color": theme.soft}, yshift=2, name=f"narrow:{RHO} {words.correlation(rho.value)}", **where,
    )  # fmt: skip
