"""Scratch: were the weights worth anything? A pruned run beside the same architecture from scratch and the dense network.

The address says which run: /scratch?run=ID. All seeds of a configuration stand together; the curves are of the run's own.
"""

from collections.abc import Mapping, Sequence
from itertools import count, islice
from typing import NamedTuple, NoReturn

import streamlit as st

from pages.parts import figure, opening, style, times
from pages.parts.empty import empty
from pages.parts.plain import plain
from pages.parts.run_words import ALIVE
from pages.parts.spec_form import to_fetch
from pages.parts.stored import store, told
from prune_core import RunSpec, SpecError, catalogue
from prune_core.charts import scratch as chart
from prune_core.charts import scratch_curves, variants, words
from prune_core.estimate import estimate
from prune_core.history import History
from prune_core.overrides import overrides
from prune_core.results import results
from prune_core.service import slots, submit_sweep
from prune_core.store import NoSuchRun, NoSuchSweep, Run, StoreError, Sweep
from prune_core.sweeps import TOLD_BY_EVENTS, Planned, makespan, plan_sweep
from prune_core.twins import Twin, TwinName, twins

PRUNING = tuple(e.name for e in catalogue.protocols.values() if "sparsity" in e.uses and "parent" not in e.uses)
TWINS: Mapping[str, tuple[TwinName, ...]] = {
    "Epochs": ("scratch_e", "equal_pipeline", "width_multiplier", "bottleneck", "dense", "dense_longer"),
    "Compute": ("scratch_b", "width_multiplier_b", "bottleneck_b", "dense", "dense_longer"),
}  # fmt: skip
COPIES: tuple[TwinName, ...] = ("copy_half", "copy_double")
CONTROLS: tuple[TwinName, ...] = ("random", "shuffled", "inverted")
EQUAL = (
    "Epochs: every network trains as many epochs as the dense one by itself. Compute: smaller networks train longer, until they have taken as many "
    "multiply-adds as the dense one did."
)
SEEDS = (1, 3, 5)
PICKED = 300
LOOK_SECONDS = 2.0
MINE = "scratch-sweeps"


class Shown(NamedTuple):
    """A finished pruned run and everything that stands beside it, all seeds of it. `found`: name of a twin -> its runs."""

    run: Run
    twins: dict[str, Twin]
    seeds: list[Run]
    found: dict[str, list[Run]]

    @property
    def runs(self) -> list[Run]:
        return [*self.seeds, *(run for runs in self.found.values() for run in runs)]


@st.cache_data(show_spinner=False, max_entries=64)
def over(run_id: str) -> History:
    """Events of a run that is over: they don't change any more."""
    return store().history(run_id)


def history(run: Run) -> History:
    return store().history(run.id) if run.state in ALIVE else over(run.id)


@st.cache_resource(show_spinner=False, max_entries=64)
def twins_of(run_id: str) -> dict[TwinName, Twin]:
    """Of a run that is over."""
    return twins(over(run_id))


def stand_beside(run: Run, wanted: Sequence[str]) -> Shown:
    """What is here of the run's seeds and their twins."""
    seeds = store().runs(group=run.group)
    made: dict[str, Twin] = {name: twin for name, twin in twins_of(run.id).items() if name in wanted}
    children = store().children(list({seed.fingerprint for seed in seeds}))
    found: dict[str, list[Run]] = {}
    for name, twin in made.items():
        if name in TOLD_BY_EVENTS:
            own = [twins_of(seed.id).get(name) for seed in seeds if seed.state == "finished"]
            found[name] = [there for each in own if each and (there := store().find(each.spec.fingerprint))]
        elif twin.spec.parent is None:
            found[name] = store().runs(group=twin.spec.group)
        else:
            like = alike(twin.spec)
            failed = store().runs(states=["failed", "cancelled"], group=twin.spec.group)
            found[name] = [*(child for child in children if alike(child.spec) == like), *failed]
    return Shown(run, made, seeds, found)


def alike(spec: RunSpec) -> RunSpec:
    """The spec without what differs between seeds."""
    return spec.resolved().model_copy(update={"seed": 0, "parent": None, "device": "auto"})


def newest() -> Run | None:
    """Of the newest pruned run that has a twin, else of the newest pruned run, the first seed."""
    parents = (store().find(twin.parent) for twin in store().runs(states=["finished"], protocols=["from_scratch"], limit=20) if twin.parent)
    found = next((run for run in parents if run and run.state == "finished"), None)
    pruned = store().runs(states=["finished"], protocols=PRUNING, limit=PICKED) if found is None else []
    found = found or next((run for run in pruned if run.summary and not run.summary.at_chance), next(iter(pruned), None))
    return found and min(store().runs(states=["finished"], group=found.group), key=lambda run: run.spec.seed)


def choose(asked: Run) -> None:
    """Another configuration to look at: one line each, its newest seed."""
    groups = {asked.group: asked}
    for run in store().runs(states=["finished"], protocols=PRUNING, limit=PICKED):
        groups.setdefault(run.group, run)
    ids = {run.id: run for run in groups.values()}
    st.session_state["scr-run"] = asked.id
    st.selectbox(
        "Pruned run", list(ids), format_func=lambda i: named(ids[i]), key="scr-run", on_change=follow,
        help="Finished runs that pruned a network, newest first; their seeds stand together.",
    )  # fmt: skip


def named(run: Run) -> str:
    usual = variants.is_usual(run.spec)
    parts = (
        run.name,
        run.spec.method,
        "" if usual else variants.rounds(run.spec),
        run.spec.model_entry.title,
        run.spec.dataset_entry.title,
    )
    return " · ".join(filter(None, (*parts, f"{run.spec.epochs} epochs", "example" if run.example else None)))


def follow() -> None:
    st.query_params["run"] = st.session_state["scr-run"]


def seeds_wanted(shown: Shown, n: int) -> list[int]:
    """`n` seeds, those that are here already first; a seed whose run failed is not tried again."""
    here = {run.spec.seed for run in shown.seeds if run.state == "finished" or run.state in ALIVE} - {shown.run.spec.seed}
    failed = {run.spec.seed for run in shown.seeds if run.state == "failed"} - here
    fresh = (seed for seed in count() if seed not in here | failed | {shown.run.spec.seed})
    return [shown.run.spec.seed, *sorted(here), *islice(fresh, n)][:n]


def sweeps_under_way(shown: Shown) -> list[Sweep]:
    """The sweeps that these runs belong to and that are not over, and those that this visitor has just started."""
    ids = dict.fromkeys(
        [*st.session_state.get(MINE, {}).get(shown.run.group, ()), *(r.sweep for r in shown.runs if r.sweep and r.state in ALIVE)]
    )
    found = []
    for sweep_id in ids:
        try:
            sweep = store().sweep(sweep_id)
        except NoSuchSweep:
            continue
        if sweep.under_way:
            found.append(sweep)
    return found


def is_alive(shown: Shown) -> bool:
    return any(run.state in ALIVE for run in shown.runs) or bool(sweeps_under_way(shown))


def start(shown: Shown, planned: Planned, specs: Sequence[RunSpec], wanted: Sequence[str], n: int) -> None:
    """The button that starts what is missing, and what that comes to, said before."""
    with st.container(horizontal=True, vertical_alignment="center", key="scr-start"):
        runs = f"{planned.to_run} run{'' if planned.to_run == 1 else 's'}"
        if planned.to_run and st.button(f"Start {runs}", type="primary", icon=":material/play_arrow:", key="scr-go"):
            sweep = submit_sweep(store(), specs, f"From scratch: {shown.run.title}"[:80], follow=wanted)
            st.session_state.setdefault(MINE, {}).setdefault(shown.run.group, []).append(sweep.id)
            st.query_params["run"] = shown.run.id
            st.rerun()
        st.html(f'<p class="espalier-note">{figure.text(prospects(shown, planned, n))}</p>', width="content")


def prospects(shown: Shown, planned: Planned, n: int) -> str:
    """How many runs that is, how many of them are here, and how long the rest takes."""
    seeds = "One seed of each" if n == 1 else f"{words.capital(words.counted(n))} seeds of each"
    total = n * (1 + len({twin.spec.fingerprint for twin in shown.twins.values()}))
    here = max(0, total - planned.to_run)
    if not planned.to_run:
        here = len({run.spec.seed for run in shown.seeds if run.state == "finished"})
        more = f" The picture shows all {words.counted(here)} that are here." if here > n else ""
        return f"{seeds}: all {total} runs are here.{more}"
    entry = shown.run.spec.dataset_entry
    needed = to_fetch(entry)
    fetch = f" {entry.title} is not here yet: {needed}." if needed else ""
    known = "" if planned.measured else ", by a first guess"
    already = f"; {here} of {total} {'is' if here == 1 else 'are'} here already" if here else ""
    return f"{seeds}: about {words.duration(max(1.0, planned.seconds))} on this machine{known}{already}.{fetch}"


def progress(under_way: Sequence[Sweep]) -> None:
    """How far it is, and the way to stop it."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="scr-progress"):
        total, finished = sum(s.runs for s in under_way), sum(s.over for s in under_way)
        left = times.left(seconds_left(under_way))
        st.progress(finished / total if total else 0.0, text=f"{finished} of {total} runs finished · {left}")
        if st.button("Cancel", icon=":material/stop:", key="scr-cancel"):
            for sweep in under_way:
                store().cancel_sweep(sweep.id)
            st.rerun()


def seconds_left(under_way: Sequence[Sweep]) -> float:
    """Until these sweeps are over, with nothing else to do; what waits for its parent takes as long as the others on average."""
    speeds, still = store().speeds(), list[float]()
    for sweep in under_way:
        members = store().runs(sweep=sweep.id, limit=None)
        whole = [estimate(run.spec, speeds).seconds for run in members]
        for run, seconds in zip(members, whole, strict=True):
            if run.state in ALIVE:
                p = run.progress
                still.append(seconds * (1 - p.done / p.total if p and p.total and run.state == "running" else 1))
        still += [sum(whole) / max(1, len(whole))] * sweep.waiting
    return makespan(still, slots())


def picture(shown: Shown) -> None:
    """Rows with the verdict, then the curves of the run's own seed."""
    numbers = chart.scratch(results(shown.seeds), shown.twins, {name: results(runs) for name, runs in shown.found.items()})
    run = shown.run
    opened = figure.show(
        lambda theme: chart.draw(numbers, theme), key="scr-rows", label="Final test accuracy, a row a kind of run, a dot a seed",
        sentence=numbers.sentence, table=numbers.table(), name=f"espalier-scratch-{run.id[:8]}", note=f"{where(run)} {numbers.note}",
    )  # fmt: skip
    behind(numbers)
    titles = {row.name: row.title for row in numbers.rows}
    beside = [(name, own(run, runs)) for name, runs in shown.found.items() if name in titles]
    found = [(chart.PRUNED, run), *((name, other) for name, other in beside if other)]
    lines = scratch_curves.scratch_curves([(name, titles[name], history(r)) for name, r in found], run.spec.seed)
    if len(lines.lines) > 1:
        st.subheader("On the way there", anchor=False)
        figure.show(
            lambda theme: scratch_curves.draw(lines, theme), key="scr-curves", label="Validation accuracy over training, a line a run",
            sentence=lines.sentence, table=lines.table(), name=f"espalier-scratch-curves-{run.id[:8]}",
            note=f"Seed {run.spec.seed}; {run.spec.dataset_entry.validation:,} validation images.", revision=run.id,
        )  # fmt: skip
    opening.follow(opened)


def behind(numbers: chart.Scratch) -> None:
    """Links to every run that is a dot, for those who don't point."""
    rows = []
    for row in numbers.rows:
        if row.runs:
            links = " ".join(f'<a href="{opening.address((run_id,))}" target="_self">seed {seed}</a>' for seed, run_id in row.runs.items())
            rows.append(f"<li><span>{figure.text(row.title)}:</span> {links}</li>")
    if rows:
        st.html(f'<details class="espalier-more"><summary>The runs behind each dot</summary><ul>{"".join(rows)}</ul></details>')


def own(run: Run, runs: Sequence[Run]) -> Run | None:
    """The furthest of the runs that has the same seed and starts from this run, or from none."""
    same = [r for r in runs if r.spec.seed == run.spec.seed and r.parent in (None, run.fingerprint)]
    return min(same, key=lambda r: ("finished", "running", "queued", "cancelled", "failed").index(r.state), default=None)


def where(run: Run) -> str:
    spec = run.spec
    return f"{spec.method}, {spec.model_entry.title} on {spec.dataset_entry.title}."


def watch(run_id: str, wanted: Sequence[str], n: int, alive: bool) -> None:
    """What changes while runs are under way."""
    try:
        shown = stand_beside(store().run(run_id), wanted)
    except NoSuchRun:
        st.rerun()
    under_way = sweeps_under_way(shown)
    if alive and not is_alive(shown):
        st.rerun()
    if under_way:
        progress(under_way)
    else:
        specs = [shown.run.spec.model_copy(update={"seed": seed}) for seed in seeds_wanted(shown, n)]
        start(shown, plan_sweep(store(), specs, wanted, slots=slots()), specs, wanted, n)
    picture(shown)


def cannot(words_of_it: str, button: str, page: str, **query: str) -> NoReturn:
    """This run can't be compared: why, and the one button that helps."""
    figure.caption(words_of_it)
    if st.button(button, type="primary", key="scr-way"):
        st.switch_page(page, query_params=query)
    st.stop()


def of_address() -> Run:
    """The run that the address names, the parent of a twin, or the newest that there is to say something about."""
    asked = st.query_params.get("run", "")
    if not asked:
        run = newest()
        if run is None:
            empty(
                "No pruned run has finished yet. Prune a network, and hold it against the same architecture from scratch.",
                "Prune a network",
                "prune.py",
            )
            st.stop()
        return run
    try:
        run = store().run(asked)
    except NoSuchRun:
        cannot("The run of this address is not here: it was deleted, or it belongs to another store.", "See all runs", "runs.py")
    if run.parent and run.spec.is_made_of_another and (parent := store().find(run.parent)):
        run = parent
    if run.state in ALIVE:
        cannot(
            f"{run.title} is still under way. Its masks can be trained from scratch when it has finished.",
            "Watch the run",
            "run.py",
            run=run.id,
        )
    if run.spec.protocol not in PRUNING:
        cannot(f"{run.title} pruned nothing, so there is nothing to train from scratch.", "Prune a network", "prune.py")
    if run.state != "finished":
        cannot(f"{run.title} has not finished, so there is no result to compare.", "See the run", "run.py", run=run.id)
    return run


st.html(style.ASSETS / "look.css")
style.head("Were the weights worth anything?", "A pruned network beside the same architecture trained from scratch, and the full network.")
try:
    run = of_address()
    with st.container(key="scr-view"):
        with st.container(key="scr-controls", horizontal=True, vertical_alignment="bottom"):
            choose(run)
            n = st.segmented_control(
                "Seeds to run", SEEDS, default=3, key="scr_seeds", bind="query-params", required=True,
                help="How many seeds of each there should be at least; a verdict needs three. All that are here are drawn.",
            )  # fmt: skip
            shrunk = over(run.id).shrunk is not None
            equal = st.segmented_control(
                "Equal", list(TWINS), default="Epochs", key="scr_equal", bind="query-params", required=True, help=EQUAL
            )
            copies = shrunk and st.toggle(
                "Copies at other sizes", key="scr_copies", bind="query-params",
                help="The architecture that pruning left, scaled to half and to twice its parameters, from scratch.",
            )  # fmt: skip
            controls = st.toggle(
                "Mask controls", key="scr_controls", bind="query-params",
                help="The first weights under another mask: random, shuffled in each layer, inverted.",
            )  # fmt: skip
        if not twins_of(run.id):
            cannot(
                "This run was made by an earlier version, which kept no checksum of its masks. Run again, it can be compared.",
                "Run again",
                "prune.py",
                **overrides(run.spec),
            )
        wanted = (*TWINS[equal or "Epochs"], *(COPIES if copies else ()), *(CONTROLS if controls else ()))
        alive = is_alive(stand_beside(run, wanted))
        st.fragment(told(watch), run_every=LOOK_SECONDS if alive else None)(run.id, wanted, n or 3, alive)
except (SpecError, StoreError) as error:
    st.error(plain(str(error)))
