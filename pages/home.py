"""Home: one picture of a real scoring run, three ways in, and what is running."""

from datetime import UTC, datetime

import streamlit as st

from pages.parts import figure, masks, style, times
from pages.parts.plain import plain
from pages.parts.stored import store, told
from prune_core import RunSpec
from prune_core.charts import variants, words
from prune_core.charts.saliency import Grid, saliency
from prune_core.store import Run, StoreError
from prune_core.store.examples import examples

REMOVED = 0.95


def example() -> Run | None:
    """The scoring run to draw: the default one, else any example of one class each on a dense first layer."""
    default = store().find(RunSpec(protocol="score", dataset="mnist").fingerprint)
    if default and default.state == "finished":
        return default
    scored = (r for r in examples(store()) if r.spec.protocol == "score")
    return next((r for r in scored if getattr(r.spec.protocol_options, "classes", "") == "each"), None)


@st.cache_data(show_spinner=False, max_entries=4)
def grid_of(run_id: str) -> Grid:
    history = store().history(run_id)
    return saliency(history, {e.file: store().tensors(run_id, e.file) for e in history.scorings if e.file})


def plate(run: Run) -> None:
    """Ten masks, their scale and what they are."""
    grid = grid_of(run.id)
    row = grid.at(REMOVED)
    largest = grid.largest(REMOVED)
    images = next((n for n in getattr(run.spec.protocol_options, "batch_sizes", ()) or ()), 100)
    pictures = [
        masks.Picture(counts, f"{grid.one.capitalize()} {name}: weights kept at each input pixel, at most {counts.max():,} of {grid.of:,}")
        for name, counts in zip(grid.classes, row, strict=True)
    ]
    masks.grid(pictures, key="home", largest=largest, across=5)
    kept = grid.kept[[round(s, 4) for s in grid.sparsities].index(REMOVED)]
    figure.beneath(
        key="home",
        sentence=f"{words.capital(words.counted(len(grid.classes)))} times, {grid.criterion} looked once at {images:,} pictures "
        f"of a single {grid.one} and kept {words.of(kept, grid.weights, 'weights')}. What it was shown reappears in what it kept, before any training.",
        table=grid.table((REMOVED,)),
        name="espalier-home",
        note=f"{run.spec.model_entry.title}, {run.spec.dataset_entry.title}, seed {run.spec.seed}. {verdict(run, grid)}",
        scale=("0", words.rough(largest / grid.of), f"of a pixel's {grid.of:,} weights kept"),
    )


def verdict(run: Run, grid: Grid) -> str:
    """What the control with shuffled labels says of the picture; nothing where it is not in the store."""
    options = run.spec.protocol_options.model_dump() | {"labels": "shuffled"}
    control = store().find(RunSpec.model_validate(run.spec.model_dump() | {"protocol_options": options}).fingerprint)
    like = grid.resemblance(REMOVED)
    if control is None or control.state != "finished" or like is None or grid.labels == "shuffled":
        return ""
    other = grid_of(control.id).resemblance(REMOVED)
    if other is None or other.own_best < like.own_best - 1:
        return ""
    return "Shuffled labels give the same shapes: they show the pictures, not what a network learns."


def left(run: Run) -> str:
    """How long a running run still takes, judged by how far it came."""
    if run.state == "queued":
        return "waiting"
    p = run.progress
    if p is None or run.started is None or not p.done:
        return "just started"
    seconds = (datetime.now(UTC) - run.started).total_seconds()
    return times.left(seconds * (p.total - p.done) / p.done)


@st.fragment(run_every=2)
@told
def going_on() -> None:
    """What is running now; else the example run to open."""
    going, waiting = store().runs(states=["running"], limit=100), store().queue_length()
    runs = going or store().runs(states=["queued"], limit=1)
    with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center", key="home-now"):
        if runs:
            run, all_of_them = runs[-1], len(going) + waiting
            more = f"{all_of_them:,} under way: " if all_of_them > 1 else ""
            st.page_link(
                "run.py", label=f"{more}{plain(run.title)}, {left(run)}", icon=":material/motion_photos_on:", query_params={"run": run.id}
            )
        elif shown := finished_example():
            reached = shown.summary.test_accuracy if shown.summary else None
            right = f": {words.accuracy(reached)} right" if reached is not None else ""
            what = f"{plain(shown.spec.method)} on {shown.spec.dataset_entry.title}"
            st.page_link("run.py", label=f"Example: {what}{right}", icon=":material/show_chart:", query_params={"run": shown.id})


def finished_example() -> Run | None:
    """One that trains and removes weights, to open: the newest that does it the usual way, else the newest that removes anything."""
    found = [r for r in examples(store()) if "sparsity" in r.spec.protocol_entry.uses and not r.spec.is_made_of_another]
    return next((r for r in found if variants.is_usual(r.spec) and r.spec.resolved_granularity == "weight"), next(iter(found), None))


style.head(
    "What is left of a network when you prune it?",
    "Espalier prunes real neural networks while you watch, and shows what was kept, what it cost and why.",
)
run = None
try:
    run = example()
    if run:
        plate(run)
    else:
        st.html(
            '<p class="espalier-caption">No example is in this store yet. '
            "Look at what a criterion keeps, and the picture will stand here.</p>"
        )
except StoreError as error:
    st.error(plain(str(error)))
with st.container(horizontal=True, vertical_alignment="center", key="home-ways"):
    if st.button("Prune a network", type="primary", icon=":material/content_cut:", key="home-prune"):
        st.switch_page("prune.py")
    if st.button("Explore this picture" if run else "Look at a criterion", icon=":material/grid_on:", key="home-explore"):
        st.switch_page("saliency.py")
    if st.button("Compare finished runs", icon=":material/compare_arrows:", key="home-runs"):
        st.switch_page("trade_off.py")
    going_on()
