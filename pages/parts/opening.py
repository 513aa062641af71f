"""From an address to its run, and from a point of a picture to the runs behind it."""

import streamlit as st

from prune_core.store import NoSuchRun, Run

from .stored import store

MOST = 12  # runs that Compare takes


def named(otherwise: str) -> Run | None:
    """The run of the address, if it is here; if it is not, that is said, with what stands there instead."""
    if not (run_id := st.query_params.get("run", "")):
        return None
    try:
        return store().run(run_id)
    except NoSuchRun:
        st.warning(f"The run of this address is not here. {otherwise}", icon=":material/info:")
        return None


def address(runs: tuple[str, ...]) -> str:
    """Where runs are looked at, relative to any page of ours: one by itself, several beside each other."""
    return f"run?run={runs[0]}" if len(runs) == 1 else f"compare?runs={','.join(runs[:MOST])}"


def follow(opened: str | None) -> None:
    """Go where a point of a picture leads: "run=ID" or "runs=ID,ID"; the page there says so if there is no such run."""
    kind, _, ids = (opened or "").partition("=")
    if kind == "run":
        st.switch_page("run.py", query_params={"run": ids})
    if kind == "runs":
        st.switch_page("compare.py", query_params={"runs": ids})
