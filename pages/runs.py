"""Runs: everything that was tried, and what one can do with it."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import streamlit as st

from pages.parts import figure, style, sweep_head
from pages.parts.empty import empty
from pages.parts.naming import naming
from pages.parts.plain import plain
from pages.parts.run_words import ALIVE
from pages.parts.runs_filter import SWEEP, beneath, found, named_sweep, scorings
from pages.parts.runs_table import are_over, select
from pages.parts.spec_form import asked_here
from pages.parts.stored import store, told
from prune_core.charts import curves, words
from prune_core.overrides import overrides
from prune_core.store import Run, StoreError

LOOK_SECONDS = 2
DRAWN = 12


def heading(any_runs: bool) -> None:
    """Question and ways on. A sweep has a button of its own that leads further."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="runs-head"):
        with st.container():
            style.head("What have we tried?", "Select runs to see them together.")
        if st.button("Import", icon=":material/upload:", key="import"):
            take_in()
        kind: Literal["primary", "secondary"] = "secondary" if SWEEP in st.query_params else "primary"
        if any_runs and st.button("New run", type=kind, icon=":material/add:", key="new-run"):
            st.switch_page("prune.py")


def listing() -> None:
    """The table, and what can be done with the rows that are selected."""
    sweep = named_sweep()
    if sweep:
        waiting = store().runs(states=["queued", "running"], sweep=sweep.id, limit=None) if sweep.under_way else []
        sweep_head.head(sweep, waiting)
    elif SWEEP in st.query_params:
        figure.caption("The sweep that the address names is not here. It was deleted, or it belongs to another store.")
    runs, total, apart = found(sweep)
    if alive and not store().is_busy():
        st.rerun()
    if not runs:
        figure.caption("No run fits this search." if not apart else f"No run fits this search; {scorings(apart)} would.")
        return
    selected = select(runs)
    beneath(len(runs), total, apart)
    if selected:
        actions(selected)
        drawing(selected)


def actions(runs: Sequence[Run]) -> None:
    """Buttons for the selected runs: those that make sense for all of them."""
    over, first = are_over(runs), runs[0]
    with st.container(horizontal=True, vertical_alignment="center", key="runs-actions"):
        st.html(f"<strong>{len(runs)} selected</strong>", width="content")
        if len(runs) == 1:
            if st.button("Open", icon=":material/show_chart:", key="open"):
                st.switch_page("run.py", query_params={"run": first.id})
            if asked_here(first.spec.protocol_entry) and st.button("Run again", icon=":material/replay:", key="again"):
                st.switch_page("prune.py", query_params=overrides(first.spec))
            naming(first)
        elif st.button(
            "Compare", icon=":material/compare_arrows:", disabled=len(runs) > DRAWN, key="compare",
            help=f"Curves and differing settings of two to {words.counted(DRAWN)} runs on one page.",
        ):  # fmt: skip
            st.switch_page("compare.py", query_params={"runs": ",".join(run.id for run in runs)})
        if any(run.state in ALIVE for run in runs) and st.button("Cancel", icon=":material/stop:", key="cancel"):
            for run in runs:
                store().request_cancel(run.id)
            st.rerun()
        if over:
            st.download_button(
                "Export",
                data=lambda: bundle([run.id for run in runs]),
                file_name="espalier-runs.zip",
                mime="application/zip",
                on_click="ignore",
                icon=":material/download:",
                help="One zip with events, masks and weights, to import elsewhere.",
                key="export",
            )
            if st.button("Delete", type="tertiary", icon=":material/delete:", key="delete"):
                delete(runs)


def bundle(ids: Sequence[str]) -> bytes:
    with TemporaryDirectory() as folder:
        target = Path(folder) / "runs.zip"
        store().export_runs(ids, target)
        return target.read_bytes()


@st.dialog("Delete for good?")
def delete(runs: Sequence[Run]) -> None:
    """Asks before anything is removed."""
    for run in runs[:DRAWN]:
        st.text(run.title)
    if len(runs) > DRAWN:
        st.text(f"and {len(runs) - DRAWN} more")
    figure.caption("Their events, masks and weights go with them and can't be brought back.")
    with st.container(horizontal=True):
        if st.button("Delete", type="primary", key="delete-yes"):
            for run in runs:
                try:
                    store().delete(run.id)
                except StoreError as error:
                    st.toast(plain(str(error)), icon=":material/error:")
            st.rerun()
        if st.button("Keep", key="delete-no"):
            st.rerun()


@st.dialog("Import runs")
def take_in() -> None:
    """A bundle from elsewhere; it is checked piece by piece before any of it counts."""
    given = st.file_uploader("A zip that Espalier exported", type="zip", key="bundle")
    if given is not None:
        with TemporaryDirectory() as folder:
            source = Path(folder) / "runs.zip"
            source.write_bytes(given.getvalue())
            try:
                came = store().import_runs(source)
            except StoreError as error:
                st.error(plain(str(error).replace(source.name, given.name, 1)), icon=":material/error:")
                return
        if came:
            st.rerun()
        st.info("All of its runs are here already.", icon=":material/check:")


def drawing(runs: Sequence[Run]) -> None:
    """Their accuracy, together."""
    numbers = curves.curves([(run.title, store().history(run.id)) for run in runs[:DRAWN]])
    if numbers.series:
        figure.show(
            lambda theme: curves.draw(numbers, theme),
            key="curves",
            label="Validation accuracy of the selected runs over epochs of training",
            sentence=numbers.sentence,
            table=numbers.table(),
            name="espalier-runs",
            revision=",".join(run.id for run in runs),
        )


st.html(style.ASSETS / "work.css")
any_runs = bool(store().runs(limit=1))
heading(any_runs)
if any_runs:
    alive = store().is_busy()
    st.fragment(told(listing), run_every=LOOK_SECONDS if alive else None)()
else:
    empty("Nothing has been run here yet. The first run takes a few seconds and needs no download.", "Prune a network", "prune.py")
