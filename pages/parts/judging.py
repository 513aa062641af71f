"""Runs that judge criteria, as two pages look at them: chosen from those that are here, or asked for, started and waited for."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from prune_core import RunSpec, SpecError, catalogue
from prune_core.charts import words
from prune_core.charts.names import distinct
from prune_core.estimate import estimate
from prune_core.store import NoSuchRun, Run

from . import figure, scoring
from .problems import problems
from .run_words import ALIVE
from .spec_form import is_here, to_fetch
from .stored import store

LISTED = 100
LARGEST_SEED = 2**53 - 1
FIRST_EPOCHS = 5
UNITS = {"Weights": "weight", "Channels": "channel"}
FIGURE_HEIGHT = 480


class Chosen(NamedTuple):
    """A finished run, and the row of controls in which a page may put more of them."""

    run: Run
    controls: DeltaGenerator


def choose(key: str) -> Chosen | None:
    """The controls of the page, and the finished run that they choose; where there is none yet, what stands in its place.

    The address names the run: ?run=ID. key: of the page, in front of its widgets.
    """
    runs = store().runs(states=["finished"], protocols=("judge",), limit=LISTED)
    asked = named()
    if not runs and asked is None:
        nothing(key)
        return None
    controls = st.container(horizontal=True, vertical_alignment="bottom", key=f"{key}-controls")
    with controls:
        run = listed(key, runs, asked)
        with st.popover("Judge another network", icon=":material/add:", key=f"{key}-other-{st.query_params.get('run', '')}"):
            form(key)
    if run and run.state in ALIVE:
        scoring.wait(run.id, FIGURE_HEIGHT)
        return None
    if run and run.state != "finished":
        problems([run.message or "The run was cancelled."])
        return None
    return Chosen(run, controls) if run else None


def named() -> Run | None:
    """The run that the address names, in whatever state, if it judges."""
    if not (run_id := st.query_params.get("run", "")):
        return None
    try:
        run = store().run(run_id)
    except NoSuchRun:
        run = None
    if run is None or run.spec.protocol != "judge":
        st.warning("The run of this address is not here, or judges no criteria. Another one stands below.", icon=":material/info:")
        return None
    return run


def listed(key: str, runs: Sequence[Run], asked: Run | None) -> Run | None:
    """The list to choose from; the address follows what is chosen."""
    every = [asked, *runs] if asked and asked.id not in {run.id for run in runs} else list(runs)
    if not every:
        return None
    titles = dict(zip([run.id for run in every], names(every), strict=True))
    st.session_state[f"{key}-run"] = asked.id if asked else first(every).id
    chosen = st.selectbox(
        "Network", list(titles), format_func=titles.__getitem__, key=f"{key}-run", on_change=follow, args=(f"{key}-run",), width=420,
        help="Networks whose criteria have been judged, newest first.",
    )  # fmt: skip
    return next(run for run in every if run.id == chosen)


def first(runs: Sequence[Run]) -> Run:
    """Where nothing is asked for: the newest that was judged here, else the example that shows most: of weights, and trained."""
    own = [run for run in runs if not run.example]
    return own[0] if own else max(runs, key=lambda run: (run.spec.epochs > 0, getattr(run.spec.protocol_options, "unit", "") == "weight"))


def follow(key: str) -> None:
    st.query_params["run"] = st.session_state[key]


def names(runs: Sequence[Run]) -> list[str]:
    """Runs in a list, by what they judged."""
    said = [" · ".join(filter(None, (run.name, network(run.spec), "example" if run.example else None))) for run in runs]
    added = distinct(said, [run.spec for run in runs])
    return [" · ".join(filter(None, pair)) for pair in zip(said, added, strict=True)]


def network(spec: RunSpec) -> str:
    """What was judged: "LeNet-300-100 · MNIST · 5 epochs · weights · seed 0"."""
    options: Any = spec.protocol_options
    return " · ".join((spec.model_entry.title, spec.dataset_entry.title, training(spec), f"{options.unit}s", f"seed {spec.seed}"))


def training(spec: RunSpec) -> str:
    return f"{spec.epochs:,} {'epoch' if spec.epochs == 1 else 'epochs'}" if spec.epochs else "untrained"


def nothing(key: str) -> None:
    """No network has been judged here: one button that judges one, and the others behind another."""
    data = "mnist" if is_here(catalogue.datasets["mnist"]) else "digits"
    spec = RunSpec(protocol="judge", criterion=None, dataset=data, epochs=FIRST_EPOCHS)
    invitation = (
        f"No criterion has been judged here yet. {spec.model_entry.title} trained on {spec.dataset_entry.title} for {training(spec)}, "
        "its weights taken out one at a time: that takes about a minute."
    )
    with st.container(key="empty", gap="medium"):
        scoring.ask(spec, key=f"{key}-first", invitation=invitation, button="Judge the criteria", primary=True, height=FIGURE_HEIGHT)
        with st.popover("Judge another network", icon=":material/add:", key=f"{key}-other-{st.query_params.get('run', '')}"):
            form(key)


def form(key: str) -> None:
    """Which network to judge, and the button that starts it."""
    model = st.selectbox("Model", list(catalogue.models), format_func=lambda m: catalogue.models[m].title, key=f"{key}-model")
    fits = [d.name for d in catalogue.datasets.values() if d.shape == catalogue.models[model].input_shape]
    data = st.selectbox("Data", fits, format_func=lambda d: catalogue.datasets[d].title, key=f"{key}-data")
    unit = "Weights"
    if catalogue.models[model].channel_groups:
        unit = st.segmented_control("Taken out one at a time", list(UNITS), default="Weights", required=True, key=f"{key}-unit") or unit
    with st.grid(2, min_column_width=110):
        epochs = st.number_input(
            "Epochs before", 0, 1000, FIRST_EPOCHS, key=f"{key}-epochs", help="0: as it was drawn, before any training."
        )
        seed = st.number_input("Seed", 0, LARGEST_SEED, 0, key=f"{key}-seed", help="Draws the weights, and which of them are taken out.")
    spec = RunSpec(
        protocol="judge",
        criterion=None,
        model=model,
        dataset=data,
        epochs=int(epochs),
        seed=int(seed),
        protocol_options={"unit": UNITS[unit]},
    )
    st.html(f'<p class="espalier-note">{figure.text(cost(spec))}</p>')
    if st.button("Judge its criteria", type="primary", icon=":material/play_arrow:", key=f"{key}-start"):
        try:
            run = store().find(spec.fingerprint) or scoring.start(spec)
        except SpecError as error:
            problems(str(error).splitlines())
        else:
            st.query_params["run"] = run.id
            st.rerun()


def cost(spec: RunSpec) -> str:
    data, needed = spec.dataset_entry, to_fetch(spec.dataset_entry)
    fetch = f" {data.title} is not here yet: {needed}." if needed else ""
    return f"About {words.duration(max(1.0, estimate(spec, store().speeds()).seconds))} on this machine.{fetch}"


def about(run: Run) -> str:
    """Whose criteria were judged, for a note: one network, one seed."""
    spec = run.spec
    how = f"trained for {training(spec)}" if spec.epochs else "before any training"
    return f"One network: {spec.model_entry.title} {how} on {spec.dataset_entry.title}, seed {spec.seed}."
