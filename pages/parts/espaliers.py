"""The espaliers in the browser: a slider through the prunings that is answered there, without asking the server."""

from typing import Literal

import streamlit as st

from prune_core.charts.widths import Widths
from prune_core.charts.widths_drawing import nearest, scene

from .plot import ASSETS, RANGE

VIEWER = st.components.v2.component(
    "espalier.widths",
    html='<div class="espalier-widths"></div>',
    css=RANGE + (ASSETS / "widths.css").read_text(),
    js=(ASSETS / "widths.js").read_text(),
    isolate_styles=False,
)


def viewer(numbers: Widths, *, key: str, chosen: float, drawing: Literal["branches", "lines"], by: Literal["share", "count"]) -> float:
    """The picture with its slider. chosen: share removed at the first drawing; later the visitor's own choice stays.

    Returns the share removed that the slider stands at (reported when it is let go).
    """
    last = st.session_state.get(f"{key}-removed", chosen)
    state = VIEWER(key=key, data=scene(numbers, key, last, drawing, by), on_position_change=lambda: None)
    if isinstance(state.position, int | float):
        last = st.session_state[f"{key}-removed"] = float(state.position)
    return numbers.positions[nearest(numbers, last)]
