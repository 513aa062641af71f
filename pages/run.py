"""Run: one run, live while it goes and the same picture afterwards. The address says which: /run?run=ID."""

import streamlit as st

from pages.parts import figure, style
from pages.parts.empty import empty
from pages.parts.live_run import Snapshot, figures, log, progress, snapshot
from pages.parts.plain import plain
from pages.parts.run_actions import actions, origin, see_elsewhere
from pages.parts.run_words import ALIVE, sentence
from pages.parts.stored import store, told
from prune_core import RunSpec, catalogue
from prune_core.store import NoSuchRun

LOOK_SECONDS = 1.0


def watch() -> None:
    """What changes while the run goes."""
    try:
        shot = snapshot(run_id)
    except NoSuchRun:
        st.rerun()
    progress(shot)
    if "training" in shot.run.spec.protocol_entry.uses:
        figures(shot)
    else:
        scoring(shot)
    log(shot.run)
    if alive and shot.run.state not in ALIVE:
        st.rerun()


def scoring(shot: Snapshot) -> None:
    """A run that only scores has its pictures on a page of its own."""
    figure.caption(sentence(*shot))
    spec = shot.run.spec
    as_it_comes = spec.network == spec.model and spec.data == spec.dataset  # of others Saliency would show another run's picture, or none
    if as_it_comes and st.button("Look at it in Saliency", icon=":material/grid_on:", key="to-saliency"):
        st.switch_page("saliency.py", query_params=saliency_address(spec))


def saliency_address(spec: RunSpec) -> dict[str, str]:
    """What the page Saliency is told to show the pictures of a scoring run."""
    options = spec.protocol_options
    told = {"sal_data": catalogue.datasets[spec.dataset].title, "sal_model": spec.model_entry.title, "sal_seed": str(spec.seed)}
    if names := getattr(options, "criteria", ()):
        told["sal_criterion"] = catalogue.criteria[names[0]].title
    if getattr(options, "measure", ()):
        told["sal_with"] = ",".join(names)
    return told | {"sal_labels": str(getattr(options, "labels", "true")).capitalize()}


st.html(style.ASSETS / "work.css")
run_id = st.query_params.get("run", "")
try:
    run = store().run(run_id)
except NoSuchRun:
    why = "It was deleted, or it belongs to another store." if run_id else "The address of this page names a run, and this one names none."
    style.head("This run is not here", why)
    empty("The runs that are here stand in one list.", "See all runs", "runs.py")
    st.stop()

st.query_params["run"] = run.id  # a link from one run to another would leave the browser's address at the first
st.set_page_config(page_title=run.title)
with st.container(key="run-head"):
    st.title(plain(run.title), anchor=False)
if run.name:
    st.html(f'<p class="espalier-lead">{figure.text(run.spec.title)}</p>')
if run.notes:
    st.text(run.notes)
origin(run)
alive = run.state in ALIVE
st.fragment(told(watch), run_every=LOOK_SECONDS if alive else None)()
history = snapshot(run_id).history
see_elsewhere(run, history)
actions(run, history)
