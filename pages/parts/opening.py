"""From a point of a picture to the runs behind it."""

import streamlit as st

MOST = 12  # runs that Compare takes


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
