"""The button that saves runs as one HTML file, for people who were not there."""

from collections.abc import Sequence

import streamlit as st

from prune_core.reporting import file_name, written
from prune_core.store import Run

from .stored import store


def report_button(runs: Sequence[Run], key: str) -> None:
    """A download; the file is made at the click."""
    here, ids = store(), [run.id for run in runs]
    st.download_button(
        "Report", data=lambda: written(here, ids), file_name=file_name(runs), mime="text/html", on_click="ignore", icon=":material/article:",
        help="One file with pictures, numbers and how they were computed, to read without a network.", key=key,
    )  # fmt: skip
