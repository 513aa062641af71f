"""The runs of one network on one data set, grouped over seeds: read again only when one of them has come, ended, gone or got a name."""

import streamlit as st

from prune_core.results import Group, grouped, results
from prune_core.store import overview

from .stored import store


def groups(model: str, dataset: str) -> list[Group]:
    """Groups of all its runs in any state, newest first. Shared by all sessions: look, don't touch."""
    return gathered(str(store().home), model, dataset, overview.stamp(store(), model, dataset))


@st.cache_resource(show_spinner=False, max_entries=8)
def gathered(home: str, model: str, dataset: str, stamp: tuple[int, ...]) -> list[Group]:
    return grouped(results(store().runs(limit=None, model=model, dataset=dataset)))
