"""Histories of runs for pages that show several at once: what is over is read once a server, what goes on is read from where it was."""

import streamlit as st

from prune_core.history import History
from prune_core.store import Run

from .run_words import ALIVE
from .stored import store


def history_of(run: Run) -> History:
    """The run's events so far, folded."""
    return store().history(run.id) if run.state in ALIVE else over(run.id, run.version)


@st.cache_resource(show_spinner=False, max_entries=64)
def over(run_id: str, version: int) -> History:
    """Of a run that has ended: its events don't change any more, and a history is read-only, so all visitors share it."""
    return store().history(run_id)
