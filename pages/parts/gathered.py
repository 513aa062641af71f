"""The runs of one network on one data set, grouped over seeds: read again only when one of them has come, ended, gone or got a name."""

from collections.abc import Mapping

import streamlit as st

from prune_core import catalogue
from prune_core.results import Group, grouped, results
from prune_core.store import overview

from .stored import store


def subjects() -> dict[str, overview.Subject]:
    """What finished runs are of, by title ("LeNet-5 on MNIST"), most runs first."""
    return {f"{title} on {data}": s for s in overview.subjects(store())
            if (title := catalogue.network_title(s.model)) and (data := catalogue.data_title(s.dataset))}  # fmt: skip


def families() -> dict[str, list[overview.Subject]]:
    """What finished runs are of, by the title of the full network: it first, then narrower copies of it on the same data."""
    found = overview.narrower(store(), overview.subjects(store()))
    titled = {f"{title} on {data}": [s, *copies] for s, copies in found.items()
              if (title := catalogue.network_title(s.model)) and (data := catalogue.data_title(s.dataset))}  # fmt: skip
    return dict(sorted(titled.items(), key=lambda each: -sum(s.runs for s in each[1])))


def choose(found: Mapping[str, object], *, key: str, first: int = 0) -> str:
    """The control that chooses a network and its data; returns the title."""
    title = st.selectbox("Network and data", list(found), first, key=key, bind="query-params", filter_mode=None, width=240)
    return title if title in found else next(iter(found))


def groups(model: str, dataset: str) -> list[Group]:
    """Groups of all its runs in any state, newest first. Shared by all sessions: look, don't touch."""
    return gathered(str(store().home), model, dataset, overview.stamp(store(), model, dataset))


@st.cache_resource(show_spinner=False, max_entries=8)
def gathered(home: str, model: str, dataset: str, stamp: tuple[int, ...]) -> list[Group]:
    return grouped(results(overview.outcomes(store(), model, dataset)))
