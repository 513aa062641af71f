"""Sensitivity: accuracy with one layer pruned and all others whole. The address says which run: /sensitivity?run=ID."""

import streamlit as st

from pages.parts import figure, judging, style
from pages.parts.histories import history_of
from pages.parts.plain import plain
from prune_core.charts import sensitivity as chart
from prune_core.charts import words
from prune_core.store import Run, StoreError


def note(run: Run, numbers: chart.Sensitivity) -> str:
    return (
        f"{judging.about(run)} Whole, it is right on {words.accuracy(numbers.before)} of {numbers.images:,} validation images. "
        f"Each layer pruned alone by {numbers.criterion}, without training after: what can be regained is another question. Bright: nothing lost."
    )


st.html(style.ASSETS / "look.css")
style.head("Which layers can be cut?", "One layer at a time loses its lowest-scored weights or channels, and all others stay whole.")
try:
    with st.container(key="sen-view"):
        found = judging.choose("sen")
        if found is None:
            st.stop()
        run = found.run
        numbers = chart.sensitivity(history_of(run))
        figure.show(
            lambda theme: chart.draw(numbers, theme), key="sensitivity", label="Accuracy lost, by layer and by how much of it was removed",
            sentence=numbers.sentence, table=numbers.table(), name=f"espalier-sensitivity-{run.id[:8]}", note=note(run, numbers),
            revision=run.id,
        )  # fmt: skip
        st.page_link(
            "calibration.py", label="Which criterion told the truth here?", icon=":material/balance:", query_params={"run": run.id}
        )
except StoreError as error:
    st.error(plain(str(error)))
