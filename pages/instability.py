"""Instability: what every pruning broke, how long it took to mend, and whether deeper drops went with a better end.

The address says which runs: /instability?run=ID&beside=ID, or beside=none.
"""

from collections.abc import Sequence

import streamlit as st

from pages.parts import figure, opening, style
from pages.parts.empty import empty
from pages.parts.plain import plain
from pages.parts.plot import plot
from pages.parts.run_words import ALIVE
from pages.parts.stored import store
from prune_core import RunSpec, catalogue, markup
from prune_core.charts import drop_against_end as end_chart
from prune_core.charts import drops, variants, words
from prune_core.charts import instability as chart
from prune_core.history import History
from prune_core.results import results
from prune_core.store import NoSuchRun, Run, State, StoreError

SHOWN: tuple[State, ...] = ("running", "finished", "failed", "cancelled")
PICKED, COMPARED, LISTED = 200, 120, 20
ALONE = "none"
LOOK_SECONDS = 2.0
STEPWISE = tuple(
    entry.name
    for entry in catalogue.protocols.values()
    if "sparsity" in entry.uses and "parent" not in entry.uses and drops.prunes_trained(RunSpec(protocol=entry.name, epochs=2))
)


@st.cache_data(show_spinner=False, max_entries=32)
def ended(run_id: str) -> History:
    """Events of a run that is over: they don't change any more."""
    return store().history(run_id)


@st.cache_data(show_spinner=False, max_entries=5000)
def broken(run_id: str) -> drops.Instability | None:
    """Mean drop of a run that is over."""
    return drops.instability(drops.drops(store().history(run_id)))


def history(run: Run) -> History:
    return store().history(run.id) if run.state in ALIVE else ended(run.id)


def pool(spec: RunSpec) -> list[Run]:
    """Finished runs that may be compared with the spec, newest first."""
    found = store().runs(states=["finished"], limit=500, model=spec.model, dataset=spec.dataset, protocols=STEPWISE)
    return [run for run in found if end_chart.comparable(run.spec, spec)]


def named(run: Run) -> str:
    """A run in a list, what tells it from its like first: "Largest first, five times · seed 0 · Magnitude ..."."""
    manner = words.capital(variants.manner(run.spec))
    spec = run.spec
    rest = (f"seed {spec.seed}", spec.method, spec.model_entry.title, spec.dataset_entry.title)
    return " · ".join(filter(None, (run.name, manner, *rest, "example" if run.example else None)))


def follow(name: str, key: str) -> None:
    """Write what was chosen into the address."""
    st.query_params[name] = st.session_state[key]


def choose(runs: Sequence[Run]) -> Run:
    """The run of the address, or another of the list; with nothing said the newest that finished."""
    ids = {run.id: run for run in runs}
    asked = st.query_params.get("run", "")
    newest = next((run for run in runs if run.state == "finished"), runs[0])
    st.session_state["inst-run"] = asked if asked in ids else newest.id
    chosen = st.selectbox(
        "Run", list(ids), format_func=lambda i: named(ids[i]), key="inst-run", on_change=follow, args=("run", "inst-run"),
        help="Runs that prune a network after training it, newest first.",
    )  # fmt: skip
    return ids[chosen]


def choose_beside(run: Run, compared: Sequence[Run], others: Sequence[Run]) -> Run | None:
    """The run to lay over it: of the address, else the comparable one of the same seed that differs most."""
    ids = {other.id: other for other in (*compared, *others) if other.id != run.id}
    if not ids:
        return None
    asked = st.query_params.get("beside", "")
    st.session_state["inst-beside"] = asked if asked in (ALONE, *ids) else telling(run, compared)
    chosen = st.selectbox(
        "Beside", [ALONE, *ids], format_func=lambda i: "Nothing" if i == ALONE else named(ids[i]), key="inst-beside",
        on_change=follow, args=("beside", "inst-beside"), help="A second run over the first. Those that may be compared stand first.",
    )  # fmt: skip
    return ids.get(chosen)


def telling(run: Run, compared: Sequence[Run]) -> str:
    mine = drops.instability(drops.drops(history(run)))
    apart = {
        other.id: (not (other.summary and other.summary.at_chance), abs(theirs.loss - mine.loss))
        for other in compared
        if mine and other.group != run.group and other.spec.seed == run.spec.seed and (theirs := broken(other.id))
    }
    return max(apart, key=apart.__getitem__) if apart else ALONE


def picture(run: Run, beside: Run | None, compared: Sequence[Run]) -> None:
    """The drops, and at their right what they came to."""
    run = store().run(run.id)
    drawn = [run] if beside is None else [run, beside]
    labels = variants.labels([r.spec for r in drawn])
    numbers = chart.timelines([(named(r), label, history(r)) for r, label in zip(drawn, labels, strict=True)])
    measured = [(result, drop) for result in results(compared) if (drop := broken(result.id))]
    ends = end_chart.drop_against_end(measured, run.group, beside.group if beside else "")
    left, right = st.columns([8, 3], gap="medium")
    with left:
        plot(
            lambda theme: chart.draw(numbers, theme), key="drops", label="Validation accuracy over training, every pruning a drop",
            revision="-".join(r.id for r in drawn),
        )  # fmt: skip
    with right:
        opened = plot(lambda theme: end_chart.draw(ends, theme), key="ends", label="Mean drop at a pruning against final test accuracy")
    figure.caption(" ".join(filter(None, (numbers.sentence, ends.sentence))))
    figure.foot(key="drops", table=numbers.table(), name=f"espalier-prunings-{run.id[:8]}", note=note(drawn))
    figure.foot(key="ends", table=ends.table(), name="espalier-instability", note=f"{ends.note}{left_out(compared)}")
    events(numbers, drawn)
    opening.follow(opened)
    if alive and run.state not in ALIVE:
        st.rerun()


def events(numbers: chart.Timelines, drawn: Sequence[Run]) -> None:
    """Every pruning in a row, for those who don't point: what went, what it hit hardest, when accuracy was back."""
    for timeline, run in zip(numbers.runs, drawn, strict=True):
        if not timeline.drops:
            continue
        address = opening.address((run.id,))
        rows = [
            (
                markup.Cell(f"Pruning {i}", href=address), words.epoch(d.epoch), words.accuracy(d.before), words.accuracy(d.after),
                f"{chart.lost(d.loss)} points", f"{d.removed:,} of {d.left:,}", chart.layer(d), chart.klass(d), chart.mended(d),
            )
            for i, d in enumerate(timeline.drops[:LISTED], 1)
        ]  # fmt: skip
        heading = timeline.label if len(drawn) > 1 else "Pruning by pruning"
        removed = f"{words.capital(timeline.curve.what)} removed"
        columns = ("", "Epoch", "Before", "After", "Drop", removed, "Hit hardest", "Class hit hardest", "Back after")
        st.html(f'<h3 class="espalier-heading">{figure.text(heading)}</h3>')
        st.html(markup.table(columns, rows, f"Prunings, {heading}", numbers=(1, 2, 3, 4, 5)))
        if len(timeline.drops) > LISTED:
            st.html(f'<p class="espalier-note">The first {LISTED} of {len(timeline.drops):,}; the table of the picture has them all.</p>')


def note(drawn: Sequence[Run]) -> str:
    spec = drawn[0].spec
    images = f"{spec.dataset_entry.validation:,} validation images"
    where = (
        f"{spec.model_entry.title} on {spec.dataset_entry.title}, {words.share(spec.sparsity)} of the {spec.resolved_granularity}s removed"
    )
    seeds = words.listed([f"seed {seed}" for seed in dict.fromkeys(r.spec.seed for r in drawn)])
    mending = "Recovery: until accuracy is first back at its value before the pruning; \N{MULTIPLICATION SIGN} not reached."
    return f"{where}, {spec.epochs} epochs, {seeds}; {images}. {mending}"


def left_out(compared: Sequence[Run]) -> str:
    return f" The newest {COMPARED} of them." if len(compared) == COMPARED else ""


for sheet in ("tables.css", "look.css"):
    st.html(style.ASSETS / sheet)
style.head(
    "What did each pruning break, and did it help?",
    "Every pruning of a trained network is a drop. The deeper, the more what went had mattered.",
)
try:
    runs = store().runs(states=SHOWN, limit=PICKED, protocols=STEPWISE)
    asked = st.query_params.get("run", "")
    if asked and asked not in {run.id for run in runs}:
        try:
            named_run = store().run(asked)
        except NoSuchRun:
            st.warning("The run of this address is not here. The newest one stands below.", icon=":material/info:")
        else:
            runs = [named_run, *runs]
    if not runs:
        empty("No run with pruning events yet. Start one in steps and its drops appear here.", "Prune a network", "prune.py")
        st.stop()
    with st.container(key="inst-view"):
        with st.container(key="inst-controls"):
            first, second = st.columns(2, gap="medium")
            with first:
                run = choose(runs)
            compared = pool(run.spec)[:COMPARED]
            if run.state == "finished" and run.id not in {other.id for other in compared}:
                compared = [run, *compared]
            with second:
                known = {other.id for other in compared}
                beside = choose_beside(run, compared, [other for other in runs if other.id not in known])
        alive = run.state in ALIVE
        st.fragment(picture, run_every=LOOK_SECONDS if alive else None)(run, beside, compared)
except StoreError as error:
    st.error(plain(str(error)))
