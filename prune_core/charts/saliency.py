"""SNIP's Figure 2 and its control: which input pixels keep their connections when a criterion sees images of one class only."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from .. import catalogue
from ..events import Scored
from ..history import History
from . import words
from .theme import Theme, colours, figure, nothing

Files = Mapping[str, Mapping[str, np.ndarray]]
LOOKED_AT = 0.9
TENTHS = tuple(i / 10 for i in range(1, 10))


class Resemblance(NamedTuple):
    """Pearson correlation of every class's mask with every class's mean image; `own_best` masks of `classes` are most like their own."""

    own_best: int
    classes: int
    mean: float
    matrix: np.ndarray


class Grid(NamedTuple):
    """Kept weights of the first layer, for every class and sparsity.

    Layout "pixels": counts (classes, sparsities, height, width). "filters": (classes, sparsities, filters, height, width).

    `of`: weights at a pixel before pruning. `what` the criterion ranks: weights, or channels, which take a whole filter with them.
    `means`: (classes, height, width) uint8, mean training image of each class; None where the criterion sees no data.
    """

    classes: tuple[str, ...] = ()
    sparsities: tuple[float, ...] = ()
    counts: np.ndarray = np.zeros((0, 0, 0, 0), np.uint16)
    of: int = 0
    means: np.ndarray | None = None
    image: tuple[int, int] = (0, 0)
    layout: str = "pixels"
    criterion: str = ""
    labels: str = "true"
    one: str = "class"
    kept: tuple[int, ...] = ()
    weights: int = 0
    what: str = "weights"

    @property
    def alt(self) -> str:
        """What the picture is, for those who can't see it."""
        where = "input pixel" if self.layout == "pixels" else "place of each filter"
        what = f"Weights of the first layer that {self.criterion} keeps at each {where}"
        return f"{what}: a column for every {self.one}, a row for every share removed"

    def at(self, sparsity: float) -> np.ndarray:
        """Counts of all classes at the nearest sparsity that was asked."""
        return self.counts[:, int(np.argmin(np.abs(np.asarray(self.sparsities) - sparsity)))]

    def largest(self, sparsity: float) -> int:
        return int(self.at(sparsity).max(initial=0))

    def resemblance(self, sparsity: float) -> Resemblance | None:
        """How much each mask looks like the mean images; None where there is nothing to compare (one class, filters)."""
        if self.means is None or self.layout != "pixels" or len(self.classes) < 2:
            return None
        matrix = correlations(self.at(sparsity), self.means)
        return Resemblance(int((matrix.argmax(1) == np.arange(len(matrix))).sum()), len(matrix), float(np.diag(matrix).mean()), matrix)

    @property
    def sentence(self) -> str:
        return describe(self, LOOKED_AT)

    def single(self) -> list[tuple[np.ndarray, str, str]]:
        """For a criterion that sees no data: counts, words and label of its one mask at ten sparsities."""
        return [
            (
                self.at(s)[0],
                f"{words.share(s)} removed: at most {self.largest(s)} of {self.of} weights kept at a pixel",
                f"{words.share(s)} removed",
            )
            for s in (*TENTHS, 0.95)
        ]

    def table(self, rows: tuple[float, ...] = TENTHS) -> dict[str, list[object]]:
        """A row a class and sparsity: what the first layer keeps, the most at one pixel, likeness to the mean images, which one is nearest."""
        found: dict[str, list[object]] = {
            words.capital(self.one): [], "Removed (%)": [], "Kept in the first layer": [], "Most at one place": [],
            "Correlation with its own mean image": [], "Most like the mean image of": [],
        }  # fmt: skip
        for sparsity in rows if self.classes else ():
            like = self.resemblance(sparsity)
            for k, (name, counts) in enumerate(zip(self.classes, self.at(sparsity), strict=True)):
                row = (
                    name,
                    round(100 * sparsity),
                    int(counts.sum()),
                    int(counts.max()),
                    None if like is None else round(float(like.matrix[k, k]), 3),
                    None if like is None else self.classes[int(like.matrix[k].argmax())],
                )
                for column, value in zip(found.values(), row, strict=True):
                    column.append(value)
        return found


def saliency(history: History, files: Files, criterion: str | None = None) -> Grid:
    """The grid of a scoring run, from its events and the tensors of its score files. The first criterion of the run if none is named."""
    scored = [e for e in history.scorings if e.file in files and (criterion is None or e.criterion == criterion)]
    if history.spec is None or not scored:
        return Grid()
    scored = [e for e in scored if e.criterion == scored[0].criterion]
    entry, data = history.spec.model_entry, history.spec.dataset_entry
    found: list[Mapping[str, np.ndarray]] = [files[e.file] for e in scored if e.file is not None]
    layout = "filters" if "filters" in found[0] else "pixels"
    if layout not in found[0]:
        return Grid()
    height, width = data.shape[1:]
    counts: np.ndarray = np.stack([one[layout] for one in found])
    if layout == "pixels":
        counts = counts.reshape(len(scored), -1, height, width)
    first, single = entry.layers[0].shape, [only(e) for e in scored]
    return Grid(
        classes=tuple(data.classes[k] if k is not None else "all" for k in single), sparsities=scored[0].sparsities, counts=counts,
        of=first[0] if layout == "pixels" else first[1],
        means=np.stack([one["mean_image"] for one in found]) if None not in single else None, image=(height, width), layout=layout,
        criterion=catalogue.criteria[scored[0].criterion].title, labels=str(scored[0].options.get("labels", "true")),
        one="digit" if set(data.classes) == set("0123456789") else "class", kept=tuple(sum(k) for k in scored[0].kept),
        weights=entry.weights, what="channels" if scored[0].layers and scored[0].layers[0] in {g.name for g in entry.channel_groups} else "weights",
    )  # fmt: skip


def only(event: Scored) -> int | None:
    """The one class that a scoring saw; None if it saw several, or no data at all."""
    classes: tuple[int, ...] = tuple(event.options.get("classes", ()))
    return int(classes[0]) if len(classes) == 1 else None


def correlations(masks: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Pearson correlation of every mask with every mean image: (masks, images).

    A picture without any contrast correlates with nothing: 0.
    """

    def standardised(pictures: np.ndarray) -> np.ndarray:
        flat = pictures.reshape(len(pictures), -1).astype(np.float64)
        flat -= flat.mean(1, keepdims=True)
        length = np.linalg.norm(flat, axis=1, keepdims=True)
        return np.divide(flat, length, out=np.zeros_like(flat), where=length > 0)

    result: np.ndarray = standardised(masks) @ standardised(means).T
    return result


def describe(grid: Grid, sparsity: float, control: Grid | None = None) -> str:
    """What one sees at a sparsity.

    `control`: the same grid with labels dealt out at random (or, of such a grid, the true one), if it is there.
    """
    if not grid.classes:
        return "Nothing has been scored yet."
    removed = words.share(sparsity)
    like = grid.resemblance(sparsity)
    if like is None:
        counts, of, unit = grid.at(sparsity).reshape(len(grid.classes), -1), grid.of * grid.counts[0, 0].size, "weights"
        if grid.what == "channels":
            of, unit = grid.counts.shape[2], "filters"
            counts = counts.reshape(len(counts), of, -1).max(2).astype(bool)
        kept = round(float(counts.sum(1).mean()))
        each = "" if len(grid.classes) == 1 else " on average"
        return f"With {removed} removed, {grid.criterion} keeps {words.of(kept, of, unit)} of the first layer{each}."
    first = f"With {removed} removed, what is kept looks most like the mean image of its own {grid.one} for "
    first += f"{like.own_best} of {like.classes} {plural(grid.one)}"
    if control is None or (other := control.resemblance(sparsity)) is None:
        hint = " Shuffle the labels to see whether the task has to do with it." if grid.labels == "true" else ""
        return f"{first} (mean correlation {words.correlation(like.mean)}).{hint}"
    shuffled, true = (like, other) if grid.labels == "shuffled" else (other, like)
    kind = "true" if grid.labels == "shuffled" else "shuffled"
    if shuffled.own_best >= true.own_best - 1:
        also = "too" if other.own_best == like.own_best else f"for {other.own_best}"
        if 2 * true.own_best < true.classes:
            return f"{first}, and with {kind} labels {also}: few look like their own {grid.one}, whatever the labels say."
        return f"{first}, and with {kind} labels {also}: the shapes come from the images, not from what the network has to learn."
    return f"{first}, with {kind} labels for {other.own_best}: only a part of the likeness is there without the true labels."


def plural(one: str) -> str:
    return f"{one}es" if one.endswith("s") else f"{one}s"


def draw(numbers: Grid, theme: Theme, height: int = 560) -> go.Figure:
    """The grid as one figure, the rows from 10 to 90 % removed each to its own maximum.

    Pages show the viewer instead, which answers a slider.
    """
    title = words.capital(numbers.one)
    if not numbers.classes or numbers.layout != "pixels":
        return nothing(theme, height, "Nothing has been scored yet." if not numbers.classes else numbers.sentence, title, "Weights removed")
    rows = TENTHS
    h, w = numbers.image
    picture = np.concatenate([np.concatenate([colours(c, numbers.largest(s)) for c in numbers.at(s)], axis=1) for s in rows], axis=0)
    fig = figure(
        theme, height, margin={"l": 62, "r": 12, "t": 10, "b": 46, "pad": 4},
        xaxis={
            "title": {"text": title}, "tickvals": [w * (k + 0.5) for k in range(len(numbers.classes))], "ticktext": list(numbers.classes),
            "showgrid": False,
        },
        yaxis={
            "title": {"text": "Weights removed"}, "tickvals": [h * (i + 0.5) for i in range(9)], "ticktext": [words.share(s) for s in rows],
            "showgrid": False,
        },
    )  # fmt: skip
    return fig.add_image(z=picture, hoverinfo="skip")


class Batch(NamedTuple):
    """One scoring on `images` images: kept weights per input pixel (height, width), and their correlation with the mean training image."""

    images: int
    counts: np.ndarray
    correlation: float


class Batches(NamedTuple):
    """SNIP's Figure 3: the first layer's mask, averaged over its units, for more and more images. `mean`: the mean training image."""

    batches: tuple[Batch, ...] = ()
    of: int = 0
    sparsity: float = LOOKED_AT
    mean: np.ndarray | None = None
    criterion: str = ""

    @property
    def largest(self) -> int:
        return max((int(b.counts.max()) for b in self.batches), default=0)

    @property
    def sentence(self) -> str:
        if not self.batches:
            return "Nothing has been scored on batches of different size yet."
        few, many = self.batches[0], self.batches[-1]
        images = f"{few.images:,} {'image' if few.images == 1 else 'images'}"
        start = f"Scored on {images}, the kept pixels correlate {words.correlation(few.correlation)} with the mean training image"
        if len(self.batches) == 1:
            return f"{start}."
        turn = "; on" if many.correlation > few.correlation else ", and on"
        return f"{start}{turn} {many.images:,} images {words.correlation(many.correlation)}."

    def pictures(self) -> list[tuple[np.ndarray, str, str]]:
        """Counts, words and label of every batch's mask."""
        return [
            (
                b.counts,
                f"Scored on {b.images:,} images: correlation {words.correlation(b.correlation)} with the mean training image",
                f"{b.images:,}\N{NO-BREAK SPACE}{'image' if b.images == 1 else 'images'} · r\N{NO-BREAK SPACE}{words.correlation(b.correlation)}",
            )
            for b in self.batches
        ]

    def table(self) -> dict[str, list[object]]:
        return {
            "Images": [b.images for b in self.batches],
            "Correlation with the mean training image": [round(b.correlation, 3) for b in self.batches],
            "Kept in the first layer": [int(b.counts.sum()) for b in self.batches],
            "Most at one pixel": [int(b.counts.max()) for b in self.batches],
        }


def batches(history: History, files: Files, sparsity: float = LOOKED_AT) -> Batches:
    """The masks of a scoring run that asked for several batch sizes; empty where the first layer has no pixels."""
    scored = [(e, files[e.file]) for e in history.scorings if e.file and e.file in files and e.options.get("n_examples")]
    if history.spec is None or not scored or "pixels" not in scored[0][1]:
        return Batches()
    height, width = history.spec.dataset_entry.shape[1:]
    first, tensors = scored[0]
    row, mean = int(np.argmin(np.abs(np.asarray(first.sparsities) - sparsity))), tensors["mean_image"]
    found = []
    for event, tensors in scored:
        counts = tensors["pixels"][row].reshape(height, width)
        found.append(Batch(int(event.options["n_examples"]), counts, float(correlations(counts[None], mean[None])[0, 0])))
    found.sort(key=lambda b: b.images)
    of, criterion = history.spec.model_entry.layers[0].shape[0], catalogue.criteria[first.criterion].title
    return Batches(tuple(found), of, first.sparsities[row], mean, criterion)


def draw_batches(numbers: Batches, theme: Theme, height: int = 240) -> go.Figure:
    """Correlation with the mean training image over the number of images, log axis."""
    if not numbers.batches:
        return nothing(theme, height, numbers.sentence, "Scoring images, log scale", "Correlation with the mean image")
    sizes = [b.images for b in numbers.batches]
    fig = figure(
        theme, height, margin={"l": 62, "r": 30, "t": 16, "b": 46, "pad": 4},
        xaxis={
            "title": {"text": "Scoring images, log scale"}, "type": "log", "tickvals": sizes, "ticktext": [f"{n:,}" for n in sizes],
            "showgrid": False,
        },
        yaxis={"title": {"text": "Correlation with the mean image"}, "range": [min(0.0, *(b.correlation for b in numbers.batches)), 1.02]},
    )  # fmt: skip
    return fig.add_scatter(
        x=sizes, y=[b.correlation for b in numbers.batches], mode="lines+markers", line={"color": theme.leaf, "width": 2.25},
        marker={"size": 9, "color": theme.leaf, "line": {"width": 1.5, "color": theme.paper}},
        hovertemplate="%{x:,} images: %{y:.2f}<extra></extra>", cliponaxis=False,
    )  # fmt: skip
