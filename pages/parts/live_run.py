"""A run on the screen: the same picture while it goes and after it has ended."""

from typing import NamedTuple

import streamlit as st

from prune_core.charts import accuracy as accuracy_chart
from prune_core.charts import first_layer, layers, words
from prune_core.events import Numbered
from prune_core.history import History
from prune_core.spec import RunSpec
from prune_core.store import Run

from . import figure, masks
from .bars import bars
from .plain import plain
from .run_words import ALIVE, headline, numbers, resumed, sentence
from .stored import store


class Snapshot(NamedTuple):
    """A run and all of its events, as they stood at one moment."""

    run: Run
    history: History


def snapshot(run_id: str) -> Snapshot:
    """The run now. Events that this visitor's session has seen are not read again. Raises NoSuchRun."""
    run = store().run(run_id)
    known: tuple[str, list[Numbered]] = st.session_state.get("run-events", ("", []))
    events = known[1] if known[0] == run_id else []
    events = [*events, *store().events(run_id, after=events[-1].number if events else -1)]
    st.session_state["run-events"] = (run_id, events)
    return Snapshot(run, History.of(event for _, event in events))


def progress(shot: Snapshot) -> None:
    """The bar with what it is doing, and Cancel run while that is of use."""
    run, history = shot
    with st.container(horizontal=True, vertical_alignment="bottom", key="run-progress"):
        line = headline(run, history, ahead(run), store().speeds(), st.context.timezone)
        st.progress(line.share, text=f":red[:material/error: {plain(line.words)}]" if run.state == "failed" else plain(line.words))
        if run.state in ALIVE:
            told = run.cancel_requested
            if st.button("Cancelling" if told else "Cancel run", icon=":material/stop:", disabled=told, key="cancel-run"):
                store().request_cancel(run.id)
                st.rerun(scope="fragment")


def ahead(run: Run) -> int:
    """Queued runs that come before this one."""
    if run.state != "queued":
        return 0
    return store().count(states=["queued"], before=run.created)


def figures(shot: Snapshot) -> None:
    """Numbers, the accuracy with its drops, what the first layer kept, what every layer kept."""
    run, history = shot
    if run.state in ("failed", "cancelled") and not history.validation:
        figure.caption(sentence(run, history))
        return
    with st.grid(3, min_column_width=150, key="run-numbers"):
        for number in numbers(run, history, dense_accuracy(run.spec) if history.finished else None):
            st.metric(number.label, number.value, number.reference or None, delta_color="off", delta_arrow="off", help=number.help)
    mask, left = first_layer.first_layer(history), layers.layers(history)
    with st.container(key="run-picture"):
        picture, beside = st.columns([13, 5], gap="medium")
        with picture:
            accuracy_figure(shot)
        with beside:
            st.html(f'<p class="espalier-label">Weights kept {"per input pixel" if mask.layout == "pixels" else "in each filter"}</p>')
            masks.first_layer(mask, key="first-layer")
    st.html(f'<p class="espalier-label">{words.capital(left.what)} kept per layer</p>')
    bars(left)


def accuracy_figure(shot: Snapshot) -> None:
    run, history = shot
    curve = accuracy_chart.accuracy(history)
    figure.show(
        lambda theme: accuracy_chart.draw(curve, theme),
        key="accuracy",
        label="Validation accuracy over the epochs of training",
        sentence=sentence(run, history),
        table=curve.table(),
        name=f"espalier-accuracy-{run.id[:8]}",
        note=note(shot),
        revision=run.id,
    )


def note(shot: Snapshot) -> str:
    """Whose accuracy it is, and what happened on the way."""
    run, history = shot
    what = "The curve is measured" if history.finished else "Measured"
    images = f"{what} on {history.started.validation:,} validation images." if history.started else ""
    return " ".join(filter(None, (images, resumed(run), *history.warnings)))


def dense_accuracy(spec: RunSpec) -> float | None:
    """Test accuracy of the same run without pruning, if it has finished here."""
    if "criterion" not in spec.protocol_entry.uses:
        return None
    told = {name: getattr(spec, name) for name in RunSpec.model_fields if not name.startswith(("protocol", "criterion", "parent"))}
    found = store().find(RunSpec(**told, protocol="dense").fingerprint)
    return found.summary.test_accuracy if found and found.summary else None


def log(run: Run) -> None:
    """What the workers of the run wrote, read only when it is opened."""
    drawer = st.expander("Log", icon=":material/notes:", key="run-log", on_change="rerun")
    if drawer.open:
        with drawer:
            st.code(store().log(run.id) or "Nothing was written.", language=None, height=260, wrap_lines=True)
