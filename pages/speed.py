"""Speed: a pruned network beside the full one, and beside itself with zeros in their places, as they were measured. /speed?run=ID says which."""

import streamlit as st

from pages.parts import figure, style
from pages.parts.empty import empty
from pages.parts.histories import history_of
from pages.parts.opening import named
from pages.parts.plain import plain
from pages.parts.stored import store
from prune_core.charts import predicted, speedup, words
from prune_core.store import Run, StoreError

LISTED = 300


def measured() -> list[Run]:
    """Finished runs that measured how fast their network is: first those that made it smaller, then the largest."""
    runs = [run for run in store().runs(states=["finished"], limit=LISTED) if run.summary and run.summary.latency_128]
    return sorted(runs, key=lambda run: (run.spec.resolved_granularity != "channel", -(run.spec.model_entry.macs)))


def choose(runs: list[Run], asked: Run | None) -> Run:
    """The run that is shown: that of the address, or the first."""
    listed = {run.id: run for run in ([asked] if asked else []) + runs}
    st.session_state["spe-run"] = asked.id if asked else next(iter(listed))
    chosen = st.selectbox(
        "Run",
        list(listed),
        format_func=lambda i: f"{listed[i].title}{' · example' if listed[i].example else ''}",
        key="spe-run",
        on_change=other,
        width=560,
    )
    return listed.get(chosen) or next(iter(listed.values()))


def other() -> None:
    st.query_params.from_dict({"run": st.session_state["spe-run"]})


def note(numbers: speedup.Speedup, run: Run) -> str:
    rounds = min(t.rounds for row in numbers.rows for t in (row.one, row.many))
    device = run.environment.device if run.environment else "this machine"
    threads = f"{numbers.threads} {'thread' if numbers.threads == 1 else 'threads'}"
    memory = [row.memory for row in numbers.rows if row.memory]
    held = (
        f" A pass holds at least {words.listed([words.bytes_of(m) for m in memory])}, top to bottom."
        if len(memory) == len(numbers.rows)
        else ""
    )
    return (
        f"{run.title}. Medians of at least {rounds} warm passes on {device} with {threads}, all networks in turns; quartiles on hover. "
        f"No speed-up is shown here that was not measured.{held}"
    )


for sheet in ("look.css",):
    st.html(style.ASSETS / sheet)
style.head("Is it faster?", "Zeros are not speed. Only a network that was made smaller takes less time.")
try:
    with st.container(key="spe-view"):
        asked, runs = named("Another one stands below."), measured()
        if asked is None and not runs:
            empty(
                "No run has measured how fast its network is. Remove channels, and this is measured at the end.",
                "Prune channels",
                "prune.py",
            )
            st.stop()
        with st.container(horizontal=True, vertical_alignment="bottom", key="spe-controls"):
            run = choose(runs, asked)
        history = history_of(run)
        numbers = speedup.speedup(history)
        if not numbers.rows:
            figure.caption(
                f"{run.title} measured no times. Runs that remove channels do so at their end; for others choose “latency” under “Measurements”."
            )
            st.stop()
        figure.show(
            lambda theme: speedup.draw(numbers, theme), key="speed", label="Measured time for one image and for many, and size of the file, a row a network",
            sentence=numbers.sentence, table=numbers.table(), name=f"espalier-speed-{run.id[:8]}", note=note(numbers, run), revision=run.id,
        )  # fmt: skip
        model = predicted.predicted(history)
        if model.timings:
            st.html('<h3 class="espalier-heading">Did the model of what a channel costs hold?</h3>')
            figure.show(
                lambda theme: predicted.draw(model, theme), key="speed-model", label="Predicted time of a layer over its measured time",
                sentence=model.sentence, table=model.table(), name=f"espalier-runtime-{run.id[:8]}", revision=run.id,
                note=f"Each dot a layer at other widths, {model.images} images. Filled: the model was not fitted to it. On the dotted line it is right.",
            )  # fmt: skip
        with st.container(horizontal=True, vertical_alignment="center", key="spe-ways"):
            st.page_link("run.py", label="Open the run", icon=":material/show_chart:", query_params={"run": run.id})
            st.page_link("network.py", label="Layer by layer", icon=":material/account_tree:", query_params={"run": run.id})
except StoreError as error:
    st.error(plain(str(error)))
