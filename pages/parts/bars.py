"""Bars of what is left per layer, as light HTML that changes in place while a run is live."""

import html

import streamlit as st

from prune_core.charts.layers import Layers


def bars(numbers: Layers) -> None:
    """One row a layer, the first on top: title, bar from zero, counts, share. Nothing for no layers."""
    rows = "".join(
        f"<div><span>{html.escape(b.title)}</span>"
        f'<span class="track"><i style="width:{100 * b.share:.2f}%"></i></span>'
        f'<span class="count">{b.kept:,} <span>of {b.units:,}</span></span>'
        f'<span class="count">{b.percent.replace(" ", "&nbsp;")}</span></div>'
        for b in numbers.bars
    )
    st.html(f'<div class="espalier-bars" role="group" aria-label="{html.escape(numbers.what)} kept per layer">{rows}</div>')
