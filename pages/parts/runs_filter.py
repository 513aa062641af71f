"""Which runs the page Runs lists: by text, state, sweep; those that only score are a list of their own."""

from typing import NamedTuple

import streamlit as st

from prune_core import catalogue
from prune_core.charts import words
from prune_core.store import NoSuchSweep, Run, State, Sweep
from prune_core.store.listing import Filters

from . import figure
from .stored import store

FILTERS: dict[str, tuple[State, ...]] = {
    "Under way": ("queued", "running"), "Finished": ("finished",), "Failed": ("failed",), "Cancelled": ("cancelled",)
}  # fmt: skip
EXAMPLES, SCORINGS = "Examples", "Scorings"
SCORED = tuple(name for name, entry in catalogue.protocols.items() if entry.page)
TRAINED = tuple(name for name in catalogue.protocols if name not in SCORED)
SWEEP, SHOWN = "sweep", "runs-shown"
PAGE = 500


class Found(NamedTuple):
    """Runs to list, how many there are of that kind, and how many scorings are left out."""

    runs: list[Run]
    total: int
    apart: int


def named_sweep() -> Sweep | None:
    """The sweep that the address names, if it is here."""
    try:
        return store().sweep(st.query_params.get(SWEEP, ""))
    except NoSuchSweep:
        return None


def found(sweep: Sweep | None) -> Found:
    """The runs that the filters leave."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="runs-filters"):
        search = st.text_input(
            "Search", placeholder="Search name, model, notes", icon=":material/search:", label_visibility="collapsed", width=300, max_chars=200,
            key="search", bind="query-params",
        )  # fmt: skip
        if not sweep:
            choose_sweep()
        chosen = st.pills(
            "State", [*FILTERS, EXAMPLES, SCORINGS], selection_mode="multi", label_visibility="collapsed", key="state", bind="query-params"
        )
    states = [state for name in chosen for state in FILTERS.get(name, ())]
    filters: Filters = {"sweep": sweep.id} if sweep else {"protocols": SCORED if SCORINGS in chosen else TRAINED}
    if EXAMPLES in chosen:
        filters["example"] = True
    if sweep:
        # In the order in which they run: what has finished stands on top, what is to follow comes at the end, and nothing jumps.
        runs = store().runs(states, search or "", None, **filters)[::-1]
        return Found(runs, len(runs), 0)
    runs, total = (
        store().runs(states, search or "", int(st.session_state.get(SHOWN, PAGE)), **filters),
        store().count(states, search or "", **filters),
    )
    if SCORINGS not in chosen:
        filters["protocols"] = SCORED
        return Found(runs, total, store().count(states, search or "", **filters))
    return Found(runs, total, 0)


def choose_sweep() -> None:
    """The chooser of a sweep. The address says which one is shown, so that links lead to it."""
    names = {each.id: each.name for each in store().sweeps()}
    if names:
        chosen = st.selectbox(
            "Sweep", list(names), index=None, format_func=lambda each: names[each], placeholder="Any sweep",
            label_visibility="collapsed", width=300, key="runs-sweep",
        )  # fmt: skip
        if chosen:
            st.query_params[SWEEP] = chosen
            st.rerun()


def beneath(shown: int, total: int, apart: int) -> None:
    """How many there are beyond those in the table, and the way to more."""
    said = [f"The newest {shown:,} of {total:,} runs"] if shown < total else []
    said += [f"{words.capital(scorings(apart))} apart; the filter Scorings shows them"] if apart else []
    if said or shown < total:
        with st.container(horizontal=True, vertical_alignment="center", key="runs-beneath"):
            st.html(f'<p class="espalier-note">{figure.text(". ".join(said))}.</p>', width="content")
            if shown < total and st.button("Show more", type="tertiary", icon=":material/expand_more:", key="show-more"):
                st.session_state[SHOWN] = int(st.session_state.get(SHOWN, PAGE)) + PAGE
                st.rerun()


def scorings(n: int) -> str:
    return f"{words.counted(n)} {'scoring' if n == 1 else 'scorings'}"
