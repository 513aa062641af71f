"""Scoring runs as a page asks for them: found if they are there, else offered, started and waited for."""

from typing import Any, Literal, NamedTuple

import numpy as np
import streamlit as st

from prune_core import RunSpec
from prune_core.history import History
from prune_core.service import submit
from prune_core.store import Run

from . import figure
from .plain import plain
from .spec_form import is_here, to_fetch
from .stored import store, told

POLL_SECONDS = 0.3
MINE = "scoring-runs"
LOOKING = "scoring-looking"


class Scored(NamedTuple):
    """A finished scoring run: its events and its files by name."""

    run: Run
    history: History
    files: dict[str, dict[str, np.ndarray]]


def look(*_: Any) -> None:
    """The visitor asked: from here on in this session, whatever the controls say is scored at once where its data are here."""
    st.session_state[LOOKING] = True


def finished(spec: RunSpec) -> Scored | None:
    """The answer to a spec, if someone has asked it before."""
    run = store().find(spec.fingerprint)
    return answer(run) if run and run.state == "finished" else None


def ask(spec: RunSpec, *, key: str, invitation: str, button: str, primary: bool = False, height: int = 240) -> Scored | None:
    """The answer to a spec; where there is none yet, what is missing, the button that starts it, and its progress.

    invitation: a sentence that says what there would be to see. primary: the page's main question, asked again by itself once the visitor has looked.
    """
    run = store().find(spec.fingerprint) or started_here(spec)
    if run and run.state == "finished":
        return answer(run)
    if run is None and primary and st.session_state.get(LOOKING) and is_here(spec.dataset_entry):
        run = start(spec)
    if run and run.state in ("queued", "running"):
        wait(run.id, height)
        return None
    if run:
        st.error(plain(run.message or "The scoring was cancelled."))
    else:
        data, needed = spec.dataset_entry, to_fetch(spec.dataset_entry)
        cost = f" {data.title} is not here yet: {needed}." if needed else ""
        figure.caption(invitation + cost)
    kind: Literal["primary", "secondary"] = "primary" if primary else "secondary"
    if st.button("Look again" if run else button, type=kind, icon=":material/visibility:", key=key, on_click=look):
        start(spec)
        st.rerun()
    return None


def start(spec: RunSpec) -> Run:
    run = submit(store(), spec)
    st.session_state.setdefault(MINE, {})[spec.fingerprint] = run.id
    return run


def started_here(spec: RunSpec) -> Run | None:
    """The run of this spec that this visitor started: it may have failed, which no search by fingerprint would tell."""
    mine = st.session_state.get(MINE, {}).get(spec.fingerprint)
    return store().run(mine) if mine else None


def answer(run: Run) -> Scored:
    return Scored(run, *read(run.id))


@st.cache_data(show_spinner=False, max_entries=16)
def read(run_id: str) -> tuple[History, dict[str, dict[str, np.ndarray]]]:
    """Events and score files of a finished run: neither changes any more. Files that did not travel with a bundle are left out."""
    history, here = store().history(run_id), {file.name for file in store().files(run_id)}
    return history, {e.file: store().tensors(run_id, e.file) for e in history.scorings if e.file in here}


@st.fragment(run_every=POLL_SECONDS)
@told
def wait(run_id: str, height: int) -> None:
    """The place of a picture that is being computed; the page is drawn anew when it is there."""
    run = store().run(run_id)
    if run.state not in ("queued", "running"):
        st.rerun()
    p = run.progress
    doing = f"{p.doing} …" if p and p.doing else "Waiting for a free slot …" if run.state == "queued" else "Starting …"
    st.progress(min(1.0, p.done / p.total) if p and p.total else 0.0, text=plain(doing))
    st.skeleton(height)
