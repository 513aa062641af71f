"""Prune: choose, see the plan, start: one run, or many at once."""

import html
from collections.abc import Sequence

import streamlit as st

from pages.parts import figure, repeat_form, style
from pages.parts.plain import plain
from pages.parts.plot import plot
from pages.parts.problems import problems
from pages.parts.spec_form import Filled, spec_form, to_fetch
from pages.parts.stored import store
from pages.parts.times import when
from prune_core import RunSpec, SpecError
from prune_core.charts import staircase, words
from prune_core.environment import here
from prune_core.estimate import Estimate, estimate
from prune_core.service import slots, submit, submit_sweep
from prune_core.store import Run, StoreError
from prune_core.sweeps import Planned, checked_follow, plan_sweep, references, words_of

LISTED = 24
AGAIN = "sweep-again"


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
    before, refused = store().find(spec.fingerprint, here(spec.device)), ""
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
    problems([refused])
    elsewhere = None if before else store().find(spec.fingerprint)
    if said := been_here(before) if before else from_elsewhere(elsewhere) if elsewhere else "":
        st.html(f'<p class="espalier-note">{figure.text(said)}</p>')


def prospects(spec: RunSpec, cost: Estimate) -> str:
    """How long it takes, what is fetched first, and when it starts."""
    free, queued = slots() - len(store().runs(states=["running"])), store().queue_length()
    others = queued + 1 - max(0, free)
    turn = f"starts after {words.counted(others)} {'other' if others == 1 else 'others'}"
    if free > queued:
        turn = f"{free} {'slot' if free == 1 else 'slots'} free · starts at once"
    known = "" if cost.measured else ", by a first guess"
    return f"About {words.duration(max(1.0, cost.seconds))} on this machine{known}{fetched(spec)} · {turn}"


def fetched(spec: RunSpec) -> str:
    needed = to_fetch(spec.dataset_entry)
    return f" · {needed}" if needed else ""


def been_here(run: Run) -> str:
    """That this very run is here already, and how it went."""
    if run.state != "finished":
        return f"This very run is {run.state} already."
    reached = run.summary.test_accuracy if run.summary else None
    right = "" if reached is None else f": {words.accuracy(reached)} of the test images right"
    moment = when(run.ended or run.created, st.context.timezone)
    return f"This very run has finished here, {moment}{right}. Started again, it gives the same network."


def from_elsewhere(run: Run) -> str:
    """That the same run is here from another version or device, where chance is drawn alike and sums are rounded otherwise."""
    place = run.environment
    made = f" with Espalier {place.code}, torch {place.torch}, {place.device}" if place else ""
    return f"The same run is here, computed elsewhere{made}. Started here, it may give a slightly different network."


def start_many(filled: Filled, specs: list[RunSpec], planned: Planned) -> None:
    """The button for a sweep, what it comes to, and which of its runs are here already."""
    beside, refused, again = filled.repeat.beside, "", bool(st.session_state.get(AGAIN))
    with st.container(horizontal=True, vertical_alignment="center", key="start"):
        label = f"Start {runs(planned.to_run)}" if planned.to_run else f"Show these {runs(planned.runs)}"
        if st.button(label, type="primary", icon=":material/play_arrow:", disabled=not filled.ready, key="start-sweep"):
            try:
                sweep = submit_sweep(store(), specs, follow=beside, again=again)
            except (SpecError, StoreError) as error:
                refused = str(error)
            else:
                st.switch_page("runs.py", query_params={"sweep": sweep.id})
        known = planned if not again else plan_sweep(store(), specs, beside, slots=slots())
        if known.already:
            ran_already(known)
        st.html(f'<p class="espalier-note">{figure.text(outlook(specs, beside, planned))}</p>', width="content")
    problems([refused])


def ran_already(planned: Planned) -> None:
    """Which of the runs are here, each with its way there, and the wish to run them again."""
    with st.popover(f"{len(planned.already):,} of {planned.runs:,} have already run", icon=":material/history:", key="sweep-already"):
        rows = "".join(
            f'<a href="run?run={run.id}" target="_self">{figure.text(run.title)}</a><span>{figure.text(result(run))}</span>'
            for run in planned.already[:LISTED]
        )
        st.html(f'<div class="espalier-links">{rows}</div>')
        if len(planned.already) > LISTED:
            st.html(f'<p class="espalier-note">and {len(planned.already) - LISTED:,} more</p>')
        st.toggle(
            "Run them again",
            key=AGAIN,
            help="Otherwise they count as they are: the same code, torch and device give the same network.",
        )


def result(run: Run) -> str:
    reached = run.summary.test_accuracy if run.summary else None
    return run.state if reached is None else words.accuracy(reached)


def with_others(specs: list[RunSpec], beside: Sequence[str]) -> str:
    """What comes along with the runs that were asked for: ", with three dense runs and 36 under a random mask"."""
    dense, masked = len(references(specs, checked_follow(beside))), len(specs) if "shuffled" in beside else 0
    told = [f"{words.counted(dense)} dense {'run' if dense == 1 else 'runs'}"] if dense else []
    told += [f"{words.counted(masked)} under a random mask"] if masked else []
    return f", with {words.listed(told)}" if told else ""


def outlook(specs: list[RunSpec], beside: Sequence[str], planned: Planned) -> str:
    """What is varied, how long it takes, and what waits for what."""
    said = [words_of(specs) + with_others(specs, beside)]
    if planned.to_run:
        guess = "" if planned.measured else ", by a first guess"
        at_once = f", {words.counted(slots())} at a time" if slots() > 1 and planned.to_run > 1 else ""
        said.append(f"about {words.duration(max(1.0, planned.seconds))} on this machine{at_once}{guess}{fetched(specs[0])}")
    if planned.follow:
        said.append(f"{words.counted(len(planned.follow))} of them start when the run that they follow has finished")
    queued = store().queue_length()
    if planned.to_run and queued:
        said.append(f"{words.counted(queued)} {'other' if queued == 1 else 'others'} in the queue before them")
    return " · ".join(said)


def runs(n: int) -> str:
    return "1 run" if n == 1 else f"{n:,} runs"


st.html(style.ASSETS / "work.css")
style.head("What happens if I prune ...?", "Choose a network, data and a criterion. What the plan says is exactly what will run.")
with st.container(key="view"):
    form, plan = st.columns([4, 7], gap="large")
    with form:
        filled = spec_form()
    with plan:
        specs, planned, misfits = [filled.spec], None, list[str]()
        if not filled.repeat.is_one_run:
            try:
                specs = repeat_form.specs(filled.spec, filled.repeat)
                planned = plan_sweep(store(), specs, filled.repeat.beside, slots=slots(), again=bool(st.session_state.get(AGAIN)))
            except SpecError as error:
                misfits = list(map(str, error.problems))
                filled = filled._replace(ready=False)
        problems([*map(str, filled.problems), *misfits])
        cost = estimate(filled.spec, store().speeds())
        if len(specs) > 1:
            st.html(f'<p class="espalier-label">{figure.text(f"The plan of one of the {len(specs):,} runs: {filled.spec.method}")}</p>')
        preview(filled.spec, cost)
        if planned:
            start_many(filled, specs, planned)
        else:
            start(filled, cost)
        st.page_link(
            "network.py", label=f"{plain(filled.spec.model_entry.title)} layer by layer", icon=":material/account_tree:",
            query_params={"model": filled.spec.model},
        )  # fmt: skip
