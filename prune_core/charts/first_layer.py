"""What is left of the first layer: kept weights of every input pixel, or of every filter."""

from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from ..events import FirstLayer
from ..history import History
from . import words
from .theme import Theme, figure, nothing, plotly_scale


class FirstLayerMask(NamedTuple):
    """`counts` kept weights, of `of` each.

    Layout "pixels": shape (height, width). "filters": (filters, height, width). None: nothing to see yet.
    """

    layout: str = "pixels"
    counts: np.ndarray | None = None
    of: int = 0

    @property
    def largest(self) -> int:
        """The most kept weights of a pixel (filters: of a place in a filter)."""
        return 0 if self.counts is None or not self.counts.size else int(self.counts.max())

    @property
    def sentence(self) -> str:
        if self.counts is None:
            return "Nothing has been pruned yet."
        empty, n = int((self.counts == 0).sum()), self.counts.size
        if self.layout == "filters":
            gone = int((self.counts.reshape(len(self.counts), -1).sum(1) == 0).sum())
            left = words.of(int(self.counts.sum()), n * self.of, "weights")
            return f"{left} of the first layer are left; {gone} of {len(self.counts)} filters are empty."
        return f"The input pixel that keeps most has {self.largest:,} of its {self.of:,} weights left; {empty:,} of {n:,} pixels have none."

    @property
    def alt(self) -> str:
        """The picture in words, for those who can't see it."""
        kind = "per input pixel" if self.layout == "pixels" else "in each filter of the first layer"
        return f"Weights kept {kind}. {self.sentence}"

    def table(self) -> dict[str, list[object]]:
        if self.counts is None:
            return {"Row": [], "Column": [], "Weights kept": []}
        where = np.indices(self.counts.shape).reshape(self.counts.ndim, -1) + 1
        names = ["Row", "Column"] if self.counts.ndim == 2 else ["Filter", "Row", "Column"]
        return {name: axis.tolist() for name, axis in zip(names, where, strict=True)} | {"Weights kept": self.counts.ravel().tolist()}


def first_layer(history: History) -> FirstLayerMask:
    """What is left now; nothing before the first pruning."""
    return of_event(history.first_layer)


def of_event(found: FirstLayer | None) -> FirstLayerMask:
    if found is None:
        return FirstLayerMask()
    return FirstLayerMask(found.layout, np.asarray(found.counts, dtype=np.uint16).reshape(found.shape), found.of)


def tiled(counts: np.ndarray, across: int | None = None, gap: int = 1) -> np.ndarray:
    """Filters (n, h, w) side by side in one picture, `gap` cells of -1 between them.

    Shape (rows * (h + gap) - gap, across * (w + gap) - gap), int32.
    """
    n, h, w = counts.shape
    across = across or int(np.ceil(np.sqrt(n)))
    rows = -(-n // across)
    picture = np.full((rows * (h + gap) - gap, across * (w + gap) - gap), -1, dtype=np.int32)
    for i, one in enumerate(counts):
        y, x = divmod(i, across)
        picture[y * (h + gap) : y * (h + gap) + h, x * (w + gap) : x * (w + gap) + w] = one
    return picture


def draw(numbers: FirstLayerMask, theme: Theme, height: int = 320) -> go.Figure:
    """The mask as a figure; pages show it as a pixelated picture instead, which is lighter."""
    if numbers.counts is None:
        return nothing(theme, height, "Nothing has been pruned yet.", "Column of the image", "Row of the image")
    picture = numbers.counts if numbers.counts.ndim == 2 else tiled(numbers.counts)
    fig = figure(
        theme, height, margin={"l": 62, "r": 90, "t": 10, "b": 46, "pad": 4},
        xaxis={"title": {"text": "Column of the image (pixels)"}, "showgrid": False, "constrain": "domain"},
        yaxis={
            "title": {"text": "Row of the image (pixels)"}, "showgrid": False, "autorange": "reversed", "scaleanchor": "x", "constrain": "domain",
        },
    )  # fmt: skip
    return fig.add_heatmap(
        z=np.where(picture < 0, np.nan, picture), colorscale=plotly_scale(), zmin=0, zmax=max(1, numbers.largest),
        colorbar={"title": {"text": f"of {numbers.of:,}"}, "outlinewidth": 0, "thickness": 10, "tickfont": {"color": theme.soft}},
        hovertemplate=f"row %{{y}}, column %{{x}}: %{{z}} of {words.plain(numbers.of)} kept<extra></extra>",
    )  # fmt: skip
