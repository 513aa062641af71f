"""Run: one run, live while it goes and the same picture afterwards. The address says which: /run?run=ID."""

import streamlit as st

from pages.parts import figure, routes, style
from pages.parts.empty import empty
from pages.parts.live_run import Snapshot, figures, log, progress, snapshot
from pages.parts.naming import naming
from pages.parts.plain import plain
from pages.parts.run_words import ALIVE, sentence
from pages.parts.stored import store
from prune_core import RunSpec, catalogue
from prune_core.overrides import command, overrides
from prune_core.store import NoSuchRun, Run

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
    if st.button("Look at it in Saliency", icon=":material/grid_on:", key="to-saliency"):
        st.switch_page("saliency.py", query_params=saliency_address(shot.run.spec))


def saliency_address(spec: RunSpec) -> dict[str, str]:
    """What the page Saliency is told to show the pictures of a scoring run."""
    options = spec.protocol_options
    told = {"sal_data": spec.dataset_entry.title, "sal_model": spec.model_entry.title, "sal_seed": str(spec.seed)}
    if names := getattr(options, "criteria", ()):
        told["sal_criterion"] = catalogue.criteria[names[0]].title
    return told | {"sal_labels": str(getattr(options, "labels", "true")).capitalize()}


def actions(run: Run) -> None:
    """What one can do with a run, in one row."""
    with st.container(horizontal=True, vertical_alignment="center", key="run-actions"):
        over = run.state not in ALIVE and "training" in run.spec.protocol_entry.uses
        pruned = run.state == "finished" and "sparsity" in run.spec.protocol_entry.uses and run.parent is None
        if pruned and st.button("Compare with training from scratch", type="primary", icon=":material/restart_alt:", key="run-scratch"):
            st.switch_page("scratch.py", query_params={"run": run.id})
        if over and st.button(
            "Run again",
            type="secondary" if pruned else "primary",
            icon=":material/replay:",
            help="Opens the form with these choices.",
            key="run-again",
        ):
            st.switch_page("prune.py", query_params=overrides(run.spec))
        with st.popover("Copy as command", icon=":material/terminal:", key="run-command"):
            st.code(command(run.spec), language="bash", wrap_lines=True)
            st.html('<p class="espalier-note">The same run on the command line: same seed, same weights.</p>')
        files(run)
        naming(run)


def files(run: Run) -> None:
    """Masks, weights and history, as links that can be shared."""
    kept = [file for file in store().files(run.id) if file.kind in routes.KINDS]
    with st.popover("Files", icon=":material/download:", key="run-files"):
        lines = [(file.name, size(file.bytes)) for file in kept] + [(routes.HISTORY, "every epoch, measurement and pruning")]
        rows = [
            f'<a href="{routes.address(run, name)}" target="_self" download>{name}</a><span>{figure.text(about)}</span>'
            for name, about in lines
        ]
        st.html(f'<div class="espalier-links">{"".join(rows)}</div>')
        st.html('<p class="espalier-note">Masks are bit-packed, weights are arrays by name; both are safetensors files.</p>')


def size(number: int) -> str:
    return f"{number / 1e6:.1f} MB" if number >= 1e5 else f"{number / 1e3:.1f} KB"


st.html(style.ASSETS / "work.css")
run_id = st.query_params.get("run", "")
try:
    run = store().run(run_id)
except NoSuchRun:
    why = "It was deleted, or it belongs to another store." if run_id else "The address of this page names a run, and this one names none."
    style.head("This run is not here", why)
    empty("The runs that are here stand in one list.", "See all runs", "runs.py")
    st.stop()

st.set_page_config(page_title=run.title)
with st.container(key="run-head"):
    st.title(plain(run.title), anchor=False)
if run.name:
    st.html(f'<p class="espalier-lead">{figure.text(run.spec.title)}</p>')
if run.notes:
    st.text(run.notes)
alive = run.state in ALIVE
st.fragment(watch, run_every=LOOK_SECONDS if alive else None)()
actions(run)
