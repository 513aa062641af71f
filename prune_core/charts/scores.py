"""How scores are spread, layer by layer."""

from typing import NamedTuple

import plotly.graph_objects as go

from ..catalogue import criteria
from ..history import History
from . import words
from .layers import titles_of
from .theme import Theme, figure, nothing


class LayerScores(NamedTuple):
    """`counts[i]` scores of a layer lie between 10**edges[i] and 10**edges[i + 1]; `zeros` are exactly 0."""

    title: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    zeros: int

    @property
    def total(self) -> int:
        return sum(self.counts) + self.zeros

    @property
    def median(self) -> float | None:
        """Median of the non-zero scores as log10, from the bins (linear inside a bin)."""
        half, seen = sum(self.counts) / 2, 0
        for low, high, n in zip(self.edges, self.edges[1:], self.counts, strict=False):
            if n and seen + n >= half:
                return low + (high - low) * (half - seen) / n
            seen += n
        return None


class Scores(NamedTuple):
    """Scores of one scoring, per layer in the order of the network; of signed ones their size. `family`: of the criterion, for its colour."""

    layers: tuple[LayerScores, ...] = ()
    criterion: str = ""
    family: str = ""
    signed: bool = False

    @property
    def sentence(self) -> str:
        known = [(layer.median, layer.title) for layer in self.layers if layer.median is not None]
        if not known:
            return "Nothing has been scored yet." if not self.layers else "Every score is exactly 0."
        (low, lowest), (high, highest) = min(known), max(known)
        zeros, total = sum(x.zeros for x in self.layers), sum(x.total for x in self.layers)
        tail = f" {words.share(zeros / total)} of all scores are exactly 0." if zeros else ""
        if len(known) == 1 or high - low < 0.3:
            half = "By size, half" if self.signed else "Half"
            return f"{half} of the scores lie above {number(high)}{', in all layers alike' if len(known) > 1 else ''}.{tail}"
        times = words.plain(round(10 ** (high - low)))
        if self.signed:
            return f"By size, a typical score in {highest} is {times} times one in {lowest}; the most negative go first.{tail}"
        return f"A typical score in {highest} is {times} times one in {lowest}, so one threshold cuts {lowest} hardest.{tail}"

    def table(self) -> dict[str, list[object]]:
        rows = [
            (layer.title, f"{10**low:.3g}", f"{10**high:.3g}", n)
            for layer in self.layers
            for low, high, n in zip(layer.edges, layer.edges[1:], layer.counts, strict=False)
            if n
        ] + [(layer.title, "0", "0", layer.zeros) for layer in self.layers if layer.zeros]
        return {name: [row[i] for row in rows] for i, name in enumerate(("Layer", "Score from", "Score to", "Weights"))}


def scores(history: History, which: int = 0) -> Scores:
    """The scores of scoring number `which` of a run; empty if it has none."""
    if history.spec is None or not 0 <= which < len(history.scorings):
        return Scores()
    event, entry = history.scorings[which], history.spec.model_entry
    titles = titles_of(entry)
    found = tuple(LayerScores(titles.get(h.name, h.name), h.edges, h.counts, h.zeros) for h in event.histograms)
    criterion = criteria[event.criterion]
    return Scores(found, criterion.title, criterion.family, criterion.signed)


def number(log: float) -> str:
    return f"{10**log:.2g}"


def draw(numbers: Scores, theme: Theme, height: int | None = None) -> go.Figure:
    """One row a layer, the first on top, on a common log axis; each row is drawn to its own tallest bin."""
    drawn = [layer for layer in numbers.layers if any(layer.counts)]
    x_title, y_title = "Size of the score, log scale" if numbers.signed else "Score, log scale", "Share of the layer's scores"
    if not drawn:
        return nothing(theme, height or 240, numbers.sentence, x_title, y_title)
    style = theme.style(numbers.family)
    fig = figure(
        theme, height or 70 + 62 * len(drawn), margin={"l": 84, "r": 16, "t": 10, "b": 46, "pad": 8}, bargap=0, barmode="overlay",
        xaxis={"title": {"text": x_title}, "type": "linear"}, yaxis={"showgrid": False, "range": [0, len(drawn)], "title": {"text": ""}},
    )  # fmt: skip
    low, high = min(x.edges[0] for x in drawn), max(x.edges[-1] for x in drawn)
    step = max(1, round((high - low) / 6))
    ticks = [t for t in range(int(low // 1), int(high // 1) + 2) if t % step == 0 and low <= t <= high]
    fig.update_xaxes(range=[low, high], tickvals=ticks, ticktext=[f"10<sup>{t}</sup>" if t else "1" for t in ticks])
    rows = list(range(len(drawn)))[::-1]
    fig.update_yaxes(tickvals=[r + 0.3 for r in rows], ticktext=[x.title for x in drawn], tickfont={"size": 14, "color": theme.text})
    for base, layer in zip(rows, drawn, strict=True):
        tallest = max(layer.counts)
        centres = [(a + b) / 2 for a, b in zip(layer.edges, layer.edges[1:], strict=False)]
        fig.add_bar(
            x=centres, y=[0.82 * n / tallest for n in layer.counts], base=base,
            width=[b - a for a, b in zip(layer.edges, layer.edges[1:], strict=False)],
            marker={"color": style.colour, "line": {"width": 0}}, name=layer.title,
            customdata=[f"{n:,} of {layer.total:,}" for n in layer.counts],
            hovertemplate=f"{layer.title}: %{{customdata}} scores<br>near 10^%{{x:.1f}}<extra></extra>",
        )  # fmt: skip
    return fig
