"""How far a network can be pruned before a layer keeps nothing, criterion by criterion (Tanaka et al. 2020, figure 1)."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from .. import catalogue
from ..history import History
from . import words
from .layers import titles_of
from .theme import Theme, faded, figure, nothing

X = "Weights removed, log scale of what is kept"
LABELLED = 4  # layers that have room for their names, one by one
APART = 0.3  # powers of ten between two names that can be told apart


class Row(NamedTuple):
    """A criterion, asked `rounds` times until it had a mask. kept: per sparsity, rising, the units kept of each layer."""

    criterion: str
    family: str
    rounds: int
    sparsities: tuple[float, ...]
    kept: tuple[tuple[int, ...], ...]

    @property
    def title(self) -> str:
        return self.criterion if self.rounds == 1 else f"{self.criterion}, {self.rounds} rounds"

    @property
    def words(self) -> str:
        return self.criterion if self.rounds == 1 else f"{self.criterion} in {self.rounds} rounds"

    def collapse(self, layer: int) -> float | None:
        """The least sparsity asked at which the layer keeps nothing; None where it always keeps something."""
        return next((s for s, kept in zip(self.sparsities, self.kept, strict=True) if kept[layer] == 0), None)

    @property
    def collapses(self) -> list[float | None]:
        return [self.collapse(layer) for layer in range(len(self.kept[0]))]

    @property
    def first(self) -> float:
        """The sparsity at which the first layer is lost; 1 where none is."""
        return min((s for s in self.collapses if s is not None), default=1.0)


class Frontier(NamedTuple):
    """Rows, the one that loses a layer last first. `units` of each layer before pruning."""

    network: str = ""
    layers: tuple[str, ...] = ()
    units: tuple[int, ...] = ()
    rows: tuple[Row, ...] = ()

    @property
    def furthest(self) -> float:
        return max((s for row in self.rows for s in row.sparsities), default=0.0)

    @property
    def sentence(self) -> str:
        if not self.rows:
            return "No criterion has been asked for its limits yet."
        worst = min(row.first for row in self.rows)
        first = [row for row in self.rows if row.first == worst]
        said = f"{words.listed([row.words for row in first])} {'is' if len(first) == 1 else 'are'} the first to lose a whole layer"
        lost = [name for name, s in zip(self.layers, first[0].collapses, strict=True) if s == worst]
        said += f", {words.listed(lost)} at {words.share(worst)} removed" if len(first) == 1 else f", at {words.share(worst)} removed"
        whole = [row for row in self.rows if row.first == 1]
        if not whole:
            last = max(self.rows, key=lambda row: row.first)
            return f"{said}." if last.first == worst else f"{said}; {last.words} holds out longest, to {words.share(last.first)}."
        names, until = words.listed([row.words for row in whole]), words.share(min(row.sparsities[-1] for row in whole))
        if worst == 1:
            return f"Up to {until} removed, every layer keeps something with {names}."
        return f"{said}; with {names} every layer keeps something up to {until}."

    def table(self) -> dict[str, list[object]]:
        """Every layer at every sparsity of every criterion."""
        rows = [
            (row.criterion, row.rounds, round(100 * s, 3), name, kept, units, words.share(gone) if (gone := row.collapse(layer)) else "never")
            for row in self.rows for s, counts in zip(row.sparsities, row.kept, strict=True)
            for layer, (name, kept, units) in enumerate(zip(self.layers, counts, self.units, strict=True))
        ]  # fmt: skip
        columns = ("Criterion", "Rounds", "Removed (%)", "Layer", "Kept", "Of", "Keeps nothing from")
        return {column: [row[i] for row in rows] for i, column in enumerate(columns)}


def frontier(histories: Sequence[History]) -> Frontier:
    """Fold scorings of one network on images of all classes, of one or several runs. Left out are criteria of channels, whose units are others, and networks of
    so many layers that a scoring tells their sum alone.
    """
    found: dict[tuple[str, int], dict[float, tuple[int, ...]]] = {}
    told = [h for h in histories if h.spec is not None]
    if not told or told[0].spec is None:
        return Frontier()
    model = told[0].spec.model_entry
    names = tuple(layer.name for layer in model.layers)
    for event in (
        e
        for h in told
        for e in h.scorings
        if e.layers == names and e.kept and len(e.kept[0]) == len(names) and not e.options.get("classes")
    ):
        found.setdefault((event.criterion, event.scorings), {}).update(zip(event.sparsities, event.kept, strict=True))
    rows = [row(criterion, rounds, kept) for (criterion, rounds), kept in found.items()]
    titles = titles_of(model)
    return Frontier(
        model.title, tuple(titles[name] for name in names), tuple(layer.weights for layer in model.layers),
        tuple(sorted(rows, key=lambda r: -r.first)),
    )  # fmt: skip


def row(criterion: str, rounds: int, kept: dict[float, tuple[int, ...]]) -> Row:
    entry, order = catalogue.criteria[criterion], sorted(kept)
    return Row(entry.title, entry.family, rounds, tuple(order), tuple(kept[s] for s in order))


def place(sparsity: float) -> float:
    """Where a sparsity stands: 0 % at 0, 90 % at 1, 99 % at 2."""
    return -math.log10(1 - sparsity)


def draw(numbers: Frontier, theme: Theme, height: int | None = None) -> go.Figure:
    """A bar a criterion, as far as every layer keeps something, then a thin line with a dot for every layer that is lost."""
    if not numbers.rows:
        return nothing(theme, height or 240, numbers.sentence, X, "Criterion")
    end = place(numbers.furthest)
    ticks = [s for s in (0.0, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999) if place(s) <= end + 0.01]
    titles = [r.title for r in numbers.rows]
    fig = figure(
        theme, height or 74 + 46 * len(titles), margin={"l": 176, "r": 32, "t": 14, "b": 46, "pad": 8}, barmode="overlay", bargap=0.68,
        meta={"narrow": {"margin": {"l": 118, "r": 30, "t": 14, "b": 46, "pad": 6}}},
        xaxis={"title": {"text": X}, "range": [0, end * 1.02], "tickvals": [place(s) for s in ticks], "ticktext": [words.share(s) for s in ticks]},
        yaxis={
            "type": "category", "autorange": "reversed", "showgrid": False, "title": {"text": ""}, "tickfont": {"size": 14, "color": theme.text},
            "tickvals": titles, "ticktext": [t.replace(", ", ",<br>") for t in titles],
        },
    )  # fmt: skip
    for r in numbers.rows:
        style, until = theme.style(r.family), place(r.first) if r.first < 1 else place(r.sparsities[-1])
        lost = sorted((place(s), name) for name, s in zip(numbers.layers, r.collapses, strict=True) if s is not None)
        fig.add_bar(
            y=[r.title], x=[until], orientation="h", hoverinfo="skip", name=r.title,
            marker={"color": style.colour, "cornerradius": 3},
        )  # fmt: skip
        if lost:
            fig.add_scatter(
                x=[until, place(r.sparsities[-1])], y=[r.title] * 2, mode="lines", line={"color": faded(style.colour, 0.45), "width": 2},
                hoverinfo="skip", name=r.title,
            )  # fmt: skip
            fig.add_scatter(
                x=[x for x, _ in lost], y=[r.title] * len(lost), mode="markers", name=r.title, cliponaxis=False, hoverinfo="skip",
                marker={"size": 11, "color": theme.paper, "symbol": "circle", "line": {"width": 2.5, "color": style.colour}},
            )  # fmt: skip
        fig.add_scatter(
            x=[place(s) for s in r.sparsities], y=[r.title] * len(r.sparsities), mode="markers", name=r.title,
            marker={"size": 16, "color": "rgba(0,0,0,0)"}, customdata=[said(numbers, r, i) for i in range(len(r.sparsities))],
            hovertemplate="%{customdata}<extra></extra>",
        )  # fmt: skip
        label(fig, r, lost, theme)
    return fig


def label(fig: go.Figure, r: Row, lost: Sequence[tuple[float, str]], theme: Theme) -> None:
    """Names of the layers above their dots, of many and on a phone the first alone; those too near each other are named together."""
    groups: list[tuple[float, list[str]]] = []
    for x, name in lost:
        if groups and x - groups[-1][0] < APART:
            groups[-1][1].append(name)
        else:
            groups.append((x, [name]))
    end = place(r.sparsities[-1])
    for i, (x, names) in enumerate(groups if len(lost) <= LABELLED else groups[:1]):
        text = ", ".join(names) if len(names) <= LABELLED else f"{names[0]} and {len(names) - 1} more"
        last = end - x < APART
        fig.add_annotation(
            x=x, y=r.title, text=text, showarrow=False, xanchor="right" if last else "center", xshift=8 if last else 0, yshift=16,
            font={"size": 13, "color": theme.soft}, name="wide" if i else "",
        )  # fmt: skip


def said(numbers: Frontier, r: Row, i: int) -> str:
    """What a criterion keeps of each layer at one of its sparsities, in words."""
    kept = "<br>".join(f"{name}: {k:,} of {u:,}" for name, k, u in zip(numbers.layers, r.kept[i], numbers.units, strict=True))
    return f"{r.title}, {words.share(r.sparsities[i])} removed<br>{kept}"
