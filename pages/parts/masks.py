"""Masks as pixelated pictures: static ones in HTML, and the viewer whose sparsity slider is answered in the browser."""

import html
import json
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import streamlit as st

from prune_core.charts import words
from prune_core.charts.first_layer import FirstLayerMask, tiled
from prune_core.charts.pixels import data_uri
from prune_core.charts.saliency import Grid
from prune_core.charts.theme import SEQUENTIAL

from .figure import scale_html, text
from .plot import ASSETS, RANGE

VIEWER = st.components.v2.component(
    "espalier.masks",
    html='<div class="espalier-viewer"></div>',
    css=RANGE + (ASSETS / "masks.css").read_text(),
    js=(ASSETS / "masks.js").read_text(),
    isolate_styles=False,
)


class Picture(NamedTuple):
    """One mask to show: kept counts of shape (height, width), what it is in words, and a label to stand under it."""

    counts: np.ndarray
    alt: str
    label: str = ""


def grid(pictures: Sequence[Picture], *, key: str, largest: float | None, across: int) -> None:
    """Masks side by side, `across` in a row, on the scale from 0 to `largest`, or each to its own largest count.

    `key`: what `figure.beneath` is told.
    """
    cells = "".join(
        f'<figure><img src="{data_uri(p.counts, largest or p.counts.max())}" alt="{html.escape(p.alt)}" title="{html.escape(p.alt)}">'
        f"{f'<figcaption>{text(p.label)}</figcaption>' if p.label else ''}</figure>"
        for p in pictures
    )
    st.html(f'<div class="espalier-masks" data-picture="{html.escape(key)}" style="--across:{across}">{cells}</div>')


def first_layer(numbers: FirstLayerMask, *, key: str) -> None:
    """The first layer's mask with its scale, as on a live run. Says so where nothing is pruned yet."""
    if numbers.counts is None:
        st.html('<p class="espalier-note">Nothing has been pruned yet.</p>')
        return
    picture = numbers.counts if numbers.counts.ndim == 2 else tiled(numbers.counts)
    st.html(
        f'<figure class="espalier-mask" data-picture="{html.escape(key)}">'
        f'<img src="{data_uri(picture, numbers.largest)}" alt="{html.escape(numbers.alt)}"></figure>'
    )
    if numbers.of == 1:
        st.html(scale_html("removed", "kept", ""))
        return
    where = "" if numbers.layout == "pixels" else " at a place"
    st.html(scale_html("0", f"{numbers.largest:,}", f"of {numbers.of:,} weights{where}"))


def viewer(numbers: Grid, *, key: str, chosen: int, rows: Sequence[int] = tuple(range(90, 0, -10))) -> int:
    """Masks class by sparsity, a framed row that follows a slider, and the mean images above.

    chosen: percent removed at the first drawing; later the visitor's own choice stays. rows: fixed rows, in percent removed.
    Returns the percent that the visitor chose last (reported when the slider is let go).
    """
    first = st.session_state.setdefault(f"{key}-first", chosen)
    state = VIEWER(key=key, data=packed(numbers, key, first, rows), on_level_change=lambda: None)
    return int(state.level or first)


def across(filters: int) -> int:
    """How many filters stand side by side."""
    return math.ceil(math.sqrt(filters))


def packed(numbers: Grid, key: str, chosen: int, rows: Sequence[int]) -> bytes:
    """The viewer's data in one piece: length of the header, JSON header, mean images, counts."""
    percents = [round(100 * s) for s in numbers.sparsities]
    counts, filters = numbers.counts, numbers.layout == "filters"
    head = {
        "key": key, "classes": list(numbers.classes), "what": words.capital(numbers.what), "sparsities": percents, "rows": [r for r in rows if r in percents],
        "chosen": chosen if chosen in percents else percents[-1], "of": numbers.of, "image": list(numbers.image),
        "means": numbers.means is not None,
        "colours": SEQUENTIAL, "label": numbers.alt, "one": numbers.one, "where": "in a filter's place" if filters else "at a pixel",
        "tile": {"n": counts.shape[2], "h": counts.shape[3], "w": counts.shape[4], "across": across(counts.shape[2])} if filters else None,
    }  # fmt: skip
    header = json.dumps(head).encode()
    means = b"" if numbers.means is None else np.ascontiguousarray(numbers.means, dtype=np.uint8).tobytes()
    return len(header).to_bytes(4, "little") + header + means + np.ascontiguousarray(counts, dtype="<u2").tobytes()
