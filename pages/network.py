"""Network: layer by layer, shape, weights, work, and what a run kept of it. The address says which: /network?model=lenet_5, or ?run=ID."""

import json
import math

import numpy as np
import streamlit as st

from pages.parts import figure, style
from pages.parts.histories import history_of
from pages.parts.opening import named
from pages.parts.plain import plain
from pages.parts.stored import store
from pages.parts.take_along import take_along
from prune_core import RunSpec, catalogue, markup
from prune_core.catalogue import Model
from prune_core.charts import network as chart
from prune_core.charts import removal_order, scores, words
from prune_core.history import History
from prune_core.store import Run, StoreError
from prune_core.wording import unknown

LISTED = 100
WHOLE = "whole"
GONE = "What was removed is gone: the network was made smaller."
MOST_ROUNDS = 30
ZEROS = "Removed weights are zeros: they do not make dense kernels faster."


def choose_model(run: Run | None) -> Model:
    """The network of the address, or another of the catalogue."""
    asked = run.spec.model if run else st.query_params.get("model", RunSpec().model)
    if asked not in catalogue.models:
        st.warning(plain(f"model: {unknown(asked, catalogue.models)}"), icon=":material/info:")
        asked = RunSpec().model
    st.session_state["net-model"] = asked
    chosen = st.selectbox(
        "Network",
        list(catalogue.models),
        format_func=lambda name: catalogue.models[name].title,
        key="net-model",
        on_change=other_model,
        width=240,
    )
    return catalogue.models[chosen]


def other_model() -> None:
    st.query_params.from_dict({"model": st.session_state["net-model"]})


def choose_run(model: Model, asked: Run | None) -> Run | None:
    """The run whose masks are looked at, or none: the whole network."""
    runs = store().runs(states=["finished"], any_size=model.name, limit=LISTED)
    if asked and asked.id not in {run.id for run in runs}:
        runs = [asked, *runs]
    titles = {run.id: f"{run.title} · example" if run.example else run.title for run in runs}
    st.session_state["net-run"] = asked.id if asked else WHOLE
    chosen = st.selectbox(
        "As a run left it", [WHOLE, *titles], format_func=lambda i: titles.get(i, "No run: the whole network"), key="net-run", on_change=other_run,
        args=(model.name,), width=420,
    )  # fmt: skip
    return next((run for run in runs if run.id == chosen), None)


def other_run(model: str) -> None:
    chosen = st.session_state["net-run"]
    st.query_params.from_dict({"model": model} if chosen == WHOLE else {"run": chosen})


def layers(numbers: chart.Network) -> None:
    """Every layer in a row."""
    kept = any(row.kept is not None for row in numbers.rows)
    head = ("Layer", "Shape", "Weights", "Multiply-adds", *(("Weights kept", "Share kept") if kept else ()))
    rows = [
        (row.title, chart.shape(row.shape), f"{row.weights:,}", f"{row.macs:,}",
         *((f"{row.left:,}", words.share(row.left / row.weights)) if kept else ()))
        for row in numbers.rows
    ]  # fmt: skip
    last = (
        "All layers",
        "",
        f"{numbers.weights:,}",
        f"{numbers.macs:,}",
        *((f"{numbers.kept:,}", words.share(numbers.kept / numbers.weights)) if kept else ()),
    )
    st.html(markup.table(head, [*rows, last], f"Layers of {numbers.title}", numbers=range(2, len(head))))


def order(run: Run, history: History) -> None:
    """When every channel went, of a run that removed channels."""
    numbers = removal_order.removal_order(history, () if history.removals else masks_of(run, history))
    if not numbers.last:
        return
    st.html('<h3 class="espalier-heading">In which order did channels go?</h3>')
    figure.show(
        lambda theme: removal_order.draw(numbers, theme), key="net-order", label="Every channel of every layer: kept, or when it was removed",
        sentence=numbers.sentence, table=numbers.table(), name=f"espalier-order-{run.id[:8]}", revision=run.id,
        note="Bright: kept. Darker: removed earlier. Each row begins with the first channel of its layer, as built.",
    )  # fmt: skip


def masks_of(run: Run, history: History) -> list[removal_order.Flags]:
    """The masks after each of a run's prunings; none where files are missing or prunings are very many."""
    files = [pruning.file for pruning in history.prunings if pruning.granularity == "channel"]
    there = {file.name for file in store().files(run.id)}
    if len(files) > MOST_ROUNDS or not all(file in there for file in files):
        return []
    return [flags(run.id, file) for file in files if file]


def flags(run_id: str, file: str) -> removal_order.Flags:
    """Name of a weight tensor -> which of its entries are kept."""
    shapes = json.loads(store().metadata(run_id, file)["shapes"])
    packed = store().tensors(run_id, file)
    return {name: np.unpackbits(packed[name], count=math.prod(shape)).reshape(shape).astype(bool) for name, shape in shapes.items()}


def spread(run: Run, history: History) -> None:
    """How the scores that decided were spread, for one scoring of the run."""
    st.html('<h3 class="espalier-heading">How were its layers scored?</h3>')
    which = len(history.scorings) - 1
    if which:
        places = range(len(history.scorings))
        which = st.selectbox("Scoring", places, which, format_func=lambda i: scoring(history, i), key=f"net-scoring-{run.id}", width=240)
    numbers = scores.scores(history, which)
    figure.show(
        lambda theme: scores.draw(numbers, theme), key="net-scores", label="Histogram of scores, a row a layer", sentence=numbers.sentence,
        table=numbers.table(), name=f"espalier-scores-{run.id[:8]}", note="Of what was left then. Each row is drawn to its own tallest bin.",
        revision=f"{run.id}-{which}",
    )  # fmt: skip


def scoring(history: History, which: int) -> str:
    event = history.scorings[which]
    return f"{which + 1}: {catalogue.criteria[event.criterion].title}, epoch {words.epoch(event.epoch)}"


def note(numbers: chart.Network, run: Run | None) -> str:
    said = f"{numbers.title}: {numbers.parameters:,} parameters with biases and batch norm. A multiply-add counts as one."
    gone = GONE if numbers.smaller else ZEROS
    timed = " Time: of 128 images, as measured." if numbers.timed else ""
    return (
        f"{run.spec.title}. {said} {gone}{timed} Pale: before pruning; at the bars: how much of the layer is kept."
        if run and numbers.pruned
        else said
    )


def ways(model: Model, run: Run | None, history: History | None) -> None:
    """Where to go from here."""
    with st.container(horizontal=True, vertical_alignment="center", key="net-ways"):
        if run:
            st.page_link("run.py", label="Open the run", icon=":material/show_chart:", query_params={"run": run.id})
        if history and history.prunings:
            st.page_link("widths.py", label="Pruning by pruning", icon=":material/park:", query_params={"runs": run.id if run else ""})
        st.page_link("prune.py", label="Prune it", icon=":material/content_cut:", query_params={"model": model.name})
        st.page_link("methods.py", label="Where it comes from", icon=":material/menu_book:", query_params={"method": model.name})


for sheet in ("tables.css", "look.css"):
    st.html(style.ASSETS / sheet)
style.head("What is in this network?", "Layer by layer, the first on top: where its weights are, and where its work is.")
try:
    asked = named("The whole network stands below.")
    with st.container(key="net-view"):
        with st.container(horizontal=True, vertical_alignment="bottom", key="net-controls"):
            model = choose_model(asked)
            run = choose_run(model, asked if asked and asked.spec.model == model.name else None)
        history = history_of(run) if run else None
        numbers = chart.network(run.spec.model_entry if run else model, history)
        figure.show(
            lambda theme: chart.draw(numbers, theme), key="network", label="Share of weights and of multiply-adds, layer by layer",
            sentence=numbers.sentence, table=numbers.table(), name=f"espalier-{model.name}", note=note(numbers, run),
            revision=run.id if run else model.name,
        )  # fmt: skip
        layers(numbers)
        if run and history:
            order(run, history)
        if run and history and history.scorings:
            spread(run, history)
        if run and history and history.finished and not run.spec.protocol_entry.page:
            take_along(run, history)
        ways(model, run, history)
except StoreError as error:
    st.error(plain(str(error)))
