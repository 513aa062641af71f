"""Calibration: what criteria predicted of single weights or channels, against what taking each out alone really does.

The address says which run: /calibration?run=ID.
"""

from collections.abc import Mapping

import streamlit as st

from pages.parts import figure, judging, style
from pages.parts.plain import plain
from pages.parts.stored import store
from prune_core import markup
from prune_core.charts import calibration as chart
from prune_core.charts import words
from prune_core.store import Run, StoreError

OF: Mapping[str, chart.Of] = {"Size of the change": "size", "Rise": "rise"}


@st.cache_data(show_spinner=False, max_entries=32)
def numbers_of(home: str, run_id: str, of: chart.Of) -> chart.Calibration:
    """Of a finished run: its events don't change any more, and two thousand resamples of every criterion take a second."""
    return chart.calibration(store().history(run_id), of)


def note(run: Run, numbers: chart.Calibration) -> str:
    """What was done, how it is drawn, and what the intervals are."""
    each = [f"{sum(u.layer == layer for u in numbers.units):,} of {layer}" for layer in numbers.layers]
    sample = words.listed(each) if len(each) <= 4 else f"as many from each of {len(each)} layers"
    one = f"{numbers.unit.capitalize()}s drawn by lot, {sample}; mean loss over {numbers.images:,} training images, in double precision."
    return (
        f"{judging.about(run)} {one} Ranks over all layers together; on the dotted line a score has said what happens. "
        f"{chart.RHO}: Spearman's rank correlation, {chart.TAU}: Kendall's, with 95 % bootstrap intervals over the {numbers.unit}s."
    )


def coefficients(numbers: chart.Calibration) -> None:
    """A row a criterion: agreement over all and within each layer."""
    st.html('<h3 class="espalier-heading">How far each can be trusted</h3>')
    inside = tuple(f"{chart.RHO} in {layer}" for layer in numbers.layers)
    head = ("Criterion", f"{chart.RHO} over all", f"{chart.TAU} over all", *inside)
    st.html(markup.table(head, numbers.coefficients(), "Rank agreement with the truth", numbers=range(1, len(head))))


for sheet in ("tables.css", "look.css"):
    st.html(style.ASSETS / sheet)
style.head(
    "Which criterion told the truth?",
    "Each score is a prediction: what happens to the loss without this weight. Here weights are taken out, one at a time, to see.",
)
try:
    with st.container(key="cal-view"):
        found = judging.choose("cal")
        if found is None:
            st.stop()
        run = found.run
        chosen = found.controls.segmented_control(
            "The truth is", list(OF), default="Size of the change", key="cal_of", bind="query-params", required=True,
            help="Size of the change: how much the loss moves, up or down, which is what most scores claim to say. Rise: downwards counts as good.",
        )  # fmt: skip
        numbers = numbers_of(str(store().home), run.id, OF[chosen or "Size of the change"])
        figure.show(
            lambda theme: chart.draw(numbers, theme), key="calibration", label="Rank of each criterion's score against the rank of the true change",
            sentence=numbers.sentence, table=numbers.table(), name=f"espalier-calibration-{run.id[:8]}", note=note(run, numbers),
            revision=f"{run.id}-{chosen}",
        )  # fmt: skip
        coefficients(numbers)
        st.page_link("sensitivity.py", label="Which of its layers can be cut?", icon=":material/layers:", query_params={"run": run.id})
except StoreError as error:
    st.error(plain(str(error)))
