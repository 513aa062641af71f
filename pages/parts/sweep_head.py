"""A sweep over its runs: how far it is, how long it still takes, and what one can do with it as a whole."""

import streamlit as st

from prune_core import catalogue
from prune_core.charts import words
from prune_core.charts.trade_off_folding import trade_off
from prune_core.estimate import Speeds, estimate, seconds_left
from prune_core.service import slots
from prune_core.store import Run, Sweep
from prune_core.sweeps import makespan

from . import figure, gathered
from .plain import plain
from .stored import store
from .times import left, when


def head(sweep: Sweep, waiting: list[Run]) -> None:
    """Name, bar, and the row of actions. waiting: its runs that are queued or running."""
    with st.container(key="sweep", gap="small"):
        st.subheader(plain(sweep.name), anchor=False)
        with st.container(horizontal=True, vertical_alignment="bottom", key="sweep-progress"):
            st.progress(sweep.over / max(1, sweep.runs), text=plain(line(sweep, waiting, store().speeds())))
            open_ = sweep.under_way and sweep.own and not sweep.cancelled
            if open_ and st.button("Cancel all", icon=":material/stop:", key="sweep-cancel"):
                confirm(sweep)
        if note := misses(sweep):
            figure.caption(note)
        with st.container(horizontal=True, vertical_alignment="center", key="sweep-actions"):
            where = trade_off_address(sweep) if sweep.counts.get("finished") else {}
            if where and st.button("See on Trade-off", type="primary", icon=":material/stacked_line_chart:", key="sweep-trade-off"):
                st.switch_page("trade_off.py", query_params={**where, **own_series(sweep)})
            if st.button("All runs", icon=":material/arrow_back:", type="tertiary", key="sweep-leave"):
                st.query_params.pop("sweep", None)
                st.rerun()


def line(sweep: Sweep, waiting: list[Run], speeds: Speeds) -> str:
    """How far it is: "12 of 36 runs over · 2 running · 3 min left"."""
    said = [f"{sweep.over:,} of {sweep.runs:,} runs over"]
    if sweep.cancelled:
        said.append("cancelled")
    if running := sweep.counts.get("running", 0):
        said.append(f"{running:,} {'stopping' if sweep.cancelled else 'running'}")
    if sweep.under_way and not sweep.cancelled:
        said.append(f"about {left(time_left(sweep, waiting, speeds))}")
    if not sweep.under_way:
        said = [f"{'Cancelled' if sweep.cancelled else 'Complete'} · {outcome(sweep)} · begun {when(sweep.created, st.context.timezone)}"]
    return " · ".join(said)


def outcome(sweep: Sweep) -> str:
    told = [f"{n:,} {state}" for state, n in sweep.counts.items() if n]
    return words.listed(told)


def time_left(sweep: Sweep, waiting: list[Run], speeds: Speeds) -> float:
    """Seconds until all of it is over, if nothing else runs; what is not queued yet takes as long as what is on average."""
    whole: dict[str, float] = {}
    for run in waiting:
        if run.group not in whole:
            whole[run.group] = estimate(run.spec, speeds).seconds
    times = [
        seconds_left(run.spec, run.progress, (), speeds) if run.state == "running" and run.progress else whole[run.group]
        for run in sorted(waiting, key=lambda run: run.state == "queued")
    ]
    each = sum(whole[run.group] for run in waiting) / len(waiting) if waiting else 1.0
    return makespan([*times, *[each] * sweep.waiting], slots())


def misses(sweep: Sweep) -> str:
    """What of it will not be there, and why; empty where all is well."""
    said = []
    if failed := sweep.counts.get("failed", 0):
        said.append(f"{words.capital(words.counted(failed))} {'run' if failed == 1 else 'runs'} failed; the filter Failed shows which.")
    for why, n in ({} if sweep.cancelled else sweep.dropped).items():
        said.append(f"{words.capital(words.counted(n))} {'run' if n == 1 else 'runs'} will not follow: {why[:1].lower()}{why[1:]}")
    return " ".join(said)


def trade_off_address(sweep: Sweep) -> dict[str, str]:
    """What the page Trade-off is told to show the runs of a sweep; nothing for one without a network of the catalogue."""
    models, datasets = sweep.definition.get("models") or [""], sweep.definition.get("datasets") or [""]
    title, data = catalogue.network_title(models[0]), catalogue.data_title(datasets[0])
    return {} if title is None or data is None else {"to_what": f"{title} on {data}"}


def own_series(sweep: Sweep) -> dict[str, list[str]]:
    """Which series to pick on Trade-off: those with a run of the sweep, where there are others too."""
    model, dataset = (sweep.definition[each][0] for each in ("models", "datasets"))
    ours = {run.id for run in store().runs(states=["finished"], sweep=sweep.id, limit=None)}
    drawn = trade_off(gathered.groups(model, dataset)).series
    labels = [s.label for s in drawn if any(dot.run in ours for point in s.points for dot in point.dots)]
    return {"to_only": labels} if labels and len(labels) < len(drawn) else {}


@st.dialog("Cancel the whole sweep?")
def confirm(sweep: Sweep) -> None:
    """Asks before anything is stopped."""
    open_ = sweep.runs - sweep.over
    st.text(sweep.name)
    figure.caption(
        f"{words.capital(words.counted(open_))} {'run that is' if open_ == 1 else 'runs that are'} not over will be cancelled; what has finished stays."
    )
    with st.container(horizontal=True):
        if st.button("Cancel all", type="primary", key="sweep-cancel-yes"):
            store().cancel_sweep(sweep.id)
            st.rerun()
        if st.button("Go on", key="sweep-cancel-no"):
            st.rerun()
