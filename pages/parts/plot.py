"""The one way in which pages draw Plotly: a component that keeps zoom and hidden series while data arrive.

`plot(draw, key=..., label=...)` calls `draw(theme)` for both themes; the browser shows the one that fits and follows a switch.
Never put `st.plotly_chart` on the same page: it would load the library a second time.
"""

from collections.abc import Callable
from pathlib import Path

import plotly.graph_objects as go
import streamlit as st

from prune_core.charts.theme import DARK, LIGHT, Theme

ASSETS = Path(__file__).parents[2] / "assets"
RANGE = (ASSETS / "range.css").read_text()  # sliders that are answered in the browser
PLOT = st.components.v2.component(
    "espalier.plot",
    html='<div class="espalier-plot" role="figure"><div class="espalier-ink"></div></div>',
    css=(ASSETS / "plot.css").read_text(),
    js=(ASSETS / "plot.js").read_text(),
    isolate_styles=False,
)


def plot(draw: Callable[[Theme], go.Figure], *, key: str, label: str, revision: str = "") -> str | None:
    """Draw a figure. Returns the id of the point that was just clicked, where the figure gives its points `ids`: what it leads to.

    draw: theme -> figure. key: unique on the page and stable over reruns.
    label: what the figure is, for screen readers; keep changing numbers out of it.
    revision: zoom is kept while it stays the same (the run's id, say); the key if nothing is said.
    """
    light, dark = draw(LIGHT), draw(DARK)
    clicked = PLOT(
        key=key, on_opened_change=lambda: None,
        data={
            "light": light.to_json(), "dark": dark.to_json(), "height": light.layout.height or 0,
            "label": label, "key": key, "revision": revision or key,
        },
    )  # fmt: skip
    return clicked.opened if isinstance(clicked.opened, str) else None
