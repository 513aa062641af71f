"""Criteria against criteria in the browser, with a sparsity slider that is answered there, without asking the server."""

import streamlit as st

from prune_core.charts.agreement import Agreement, scene

from .plot import ASSETS, RANGE

VIEWER = st.components.v2.component(
    "espalier.agreement",
    html='<div class="espalier-agreement"></div>',
    css=RANGE + (ASSETS / "agreement.css").read_text(),
    js=(ASSETS / "agreement.js").read_text(),
    isolate_styles=False,
)


def viewer(numbers: Agreement, *, key: str, chosen: float) -> float:
    """The matrix with its slider. chosen: share removed at the first drawing; later the visitor's own choice stays.

    Returns the share removed that the slider stands at (reported when it is let go).
    """
    last = st.session_state.get(f"{key}-removed", chosen)
    state = VIEWER(key=key, data=scene(numbers, key, last), on_position_change=lambda: None)
    if isinstance(state.position, int | float):
        last = st.session_state[f"{key}-removed"] = float(state.position)
    return numbers.sparsities[numbers.nearest(last)]
