"""Prune: choose, see the plan, start."""

import html

import streamlit as st

from pages.parts import figure, style
from pages.parts.plain import plain
from pages.parts.plot import plot
from pages.parts.spec_form import Filled, is_here, spec_form
from pages.parts.stored import store
from pages.parts.times import when
from prune_core import RunSpec, SpecError
from prune_core.charts import staircase, words
from prune_core.estimate import Estimate, estimate
from prune_core.service import slots, submit
from prune_core.store import Run, StoreError


def preview(spec: RunSpec, cost: Estimate) -> None:
    """The plan: a staircase of what is kept, and every step in words with its time."""
    numbers = staircase.staircase(spec, cost.steps)
    plot(lambda theme: staircase.draw(numbers, theme), key="plan", label="Weights kept over the epochs of training, as planned")
    with st.container(horizontal=True, vertical_alignment="center", key="plan-foot"):
        figure.caption(numbers.sentence)
        figure.files(key="plan", table=numbers.table(), name="espalier-plan")
    rows = "".join(
        f'<span class="step">{html.escape(line.steps)}</span><span>{figure.text(line.words)}</span>'
        f'<span class="time">{figure.text(words.duration(line.seconds or 0))}</span>'
        for line in numbers.lines
    )
    st.html(f'<div class="espalier-plan">{rows}</div>')


def start(filled: Filled, cost: Estimate) -> None:
    """The button, what it will cost, and the same run if it has been here before."""
    spec = filled.spec
    before, refused = store().find(spec.fingerprint), ""
    with st.container(horizontal=True, vertical_alignment="center", key="start"):
        if st.button("Start run", type="primary", icon=":material/play_arrow:", disabled=not filled.ready, key="start-run"):
            try:
                run = submit(store(), spec)
            except (SpecError, StoreError) as error:
                refused = str(error)
            else:
                st.switch_page("run.py", query_params={"run": run.id})
        if before and st.button("Open that run", icon=":material/show_chart:", key="open-run"):
            st.switch_page("run.py", query_params={"run": before.id})
        st.html(f'<p class="espalier-note">{figure.text(prospects(spec, cost))}</p>', width="content")
    if refused:
        st.error(plain(refused), icon=":material/error:")
    if before:
        st.html(f'<p class="espalier-note">{figure.text(been_here(before))}</p>')


def prospects(spec: RunSpec, cost: Estimate) -> str:
    """How long it takes, what is fetched first, and when it starts."""
    free, queued = slots() - len(store().runs(states=["running"])), store().queue_length()
    others = queued + 1 - max(0, free)
    turn = f"starts after {words.counted(others)} {'other' if others == 1 else 'others'}"
    if free > queued:
        turn = f"{free} {'slot' if free == 1 else 'slots'} free · starts at once"
    known = "" if cost.measured else ", by a first guess"
    entry = spec.dataset_entry
    fetch = "" if is_here(entry) else f" · {entry.download_bytes / 1e6:.0f} MB to download first"
    return f"About {words.duration(max(1.0, cost.seconds))} on this machine{known}{fetch} · {turn}"


def been_here(run: Run) -> str:
    """That this very run is here already, and how it went."""
    if run.state != "finished":
        return f"This very run is {run.state} already."
    reached = run.summary.test_accuracy if run.summary else None
    right = "" if reached is None else f": {words.accuracy(reached)} of the test images right"
    moment = when(run.ended or run.created, st.context.timezone)
    return f"This very run has finished here, {moment}{right}. Started again, it gives the same network."


st.html(style.ASSETS / "work.css")
style.head("What happens if I prune ...?", "Choose a network, data and a criterion. What the plan says is exactly what will run.")
with st.container(key="view"):
    form, plan = st.columns([4, 7], gap="large")
    with form:
        filled = spec_form()
    with plan:
        for problem in filled.problems:
            st.error(plain(str(problem)), icon=":material/error:")
        cost = estimate(filled.spec, store().speeds())
        preview(filled.spec, cost)
        start(filled, cost)
