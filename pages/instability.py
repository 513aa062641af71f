"""Instability: what every pruning broke, how long it took to mend, and whether deeper drops went with a better end.

The address says which runs: /instability?run=ID&beside=ID, or beside=none.
"""

from collections.abc import Sequence
from typing import NamedTuple

import streamlit as st

from pages.parts import figure, gathered, opening, style
from pages.parts.empty import empty
from pages.parts.plain import plain
from pages.parts.plot import plot
from pages.parts.run_words import ALIVE
from pages.parts.stored import store, told
from prune_core import RunSpec, catalogue, markup
from prune_core.charts import drop_against_end as end_chart
from prune_core.charts import drops, variants, words
from prune_core.charts import instability as chart
from prune_core.charts.drop_against_end import footing
from prune_core.history import History
from prune_core.results import Result
from prune_core.store import NoSuchRun, Run, State, StoreError
from prune_core.store.prunings import prunings

SHOWN: tuple[State, ...] = ("running", "finished", "failed", "cancelled")
PICKED, COMPARED, FEWEST, LISTED = 200, 90, 5, 20
ALONE = "none"
LOOK_SECONDS = 2.0
STEPWISE = tuple(entry.name for entry in catalogue.protocols.values() if "sparsity" in entry.uses and entry.trains_first)


class Compared(NamedTuple):
    """Finished runs with their mean drops; `left_out`: how many more there are that were not read."""

    means: list[tuple[Result, drops.Instability]]
    left_out: int


@st.cache_data(show_spinner=False, max_entries=32)
def ended(run_id: str) -> History:
    """Events of a run that is over: they don't change any more."""
    return store().history(run_id)


@st.cache_resource(show_spinner=False, max_entries=4)
def means_of(home: str) -> dict[str, drops.Instability | None]:
    """Mean drops of runs that are over, as far as anybody has asked for them; None for those that pruned no trained network."""
    return {}


def broken(run_ids: Sequence[str]) -> dict[str, drops.Instability]:
    """Mean drop of finished runs, of those that pruned a trained network. Each run is read once a server."""
    known = means_of(str(store().home))
    new = [run_id for run_id in run_ids if run_id not in known]
    found = {run_id: drops.instability(drops.drops(History.of(events))) for run_id, events in prunings(store(), new).items()}
    known.update({run_id: found.get(run_id) for run_id in new})
    return {run_id: mean for run_id in run_ids if (mean := known[run_id]) is not None}


def history(run: Run) -> History:
    return store().history(run.id) if run.state in ALIVE else ended(run.id)


def pool(run: Run) -> Compared:
    """Finished runs that may be compared with this one, its own seed first; of many configurations a few seeds each."""
    same = footing(run.spec)
    groups = [g for g in gathered.groups(run.spec.network, run.spec.data) if g.spec.protocol in STEPWISE and footing(g.spec) == same]
    each = max(FEWEST, COMPARED // max(1, len(groups)))
    results, there = list[Result](), 0
    for group in groups:
        over = sorted(
            (r for r in group.results.values() if r.state == "finished"), key=lambda r: (r.id != run.id, r.seed != run.spec.seed, r.seed)
        )
        results += over[:each]
        there += len(over)
    means = broken([r.id for r in results])
    return Compared([(r, means[r.id]) for r in results if r.id in means], there - len(results))


def named(title: str, seed: int, spec: RunSpec, example: bool) -> str:
    """A run in a list, what tells it from its like first: "Largest first, five times · seed 0 · Magnitude ..."."""
    manner = words.capital(variants.manner(spec))
    name = title if title.rpartition(" · ")[0] != spec.title.rpartition(" · ")[0] else ""
    rest = (f"seed {seed}", spec.method, spec.model_entry.title, spec.dataset_entry.title)
    return " · ".join(filter(None, (name, manner, *rest, "example" if example else None)))


def name_of(run: Run) -> str:
    return named(run.title, run.spec.seed, run.spec, run.example)


def follow(name: str, key: str) -> None:
    """Write what was chosen into the address."""
    st.query_params[name] = st.session_state[key]


def telling_first(runs: Sequence[Run]) -> Run:
    """Where nothing is asked for: the newest finished run that there is another configuration to compare with, else the newest."""
    over = [run for run in runs if run.state == "finished" and run.summary and not run.summary.at_chance]
    groups: dict[str, set[str]] = {}
    for run in over:
        groups.setdefault(footing(run.spec), set()).add(run.group)
    return next((run for run in over if len(groups[footing(run.spec)]) > 1), next(iter(over), runs[0]))


def choose(runs: Sequence[Run]) -> Run:
    """The run of the address, or another of the list."""
    ids = {run.id: run for run in runs}
    asked = st.query_params.get("run", "")
    st.session_state["inst-run"] = asked if asked in ids else telling_first(runs).id
    chosen = st.selectbox(
        "Run", list(ids), format_func=lambda i: name_of(ids[i]), key="inst-run", on_change=follow, args=("run", "inst-run"),
        help="Runs that prune a network after training it, newest first.",
    )  # fmt: skip
    return ids[chosen]


def choose_beside(run: Run, compared: Compared, others: Sequence[Run]) -> Run | None:
    """The run to lay over it: of the address, else the comparable one of the same seed that differs most."""
    names = {result.id: named(result.title, result.seed, result.spec, result.example) for result, _ in compared.means}
    names = {run_id: name for run_id, name in (names | {other.id: name_of(other) for other in others}).items() if run_id != run.id}
    if not names:
        return None
    asked = st.query_params.get("beside", "")
    st.session_state["inst-beside"] = asked if asked in (ALONE, *names) else telling(run, compared)
    chosen = st.selectbox(
        "Beside", [ALONE, *names], format_func=lambda i: names.get(i, "Nothing"), key="inst-beside", on_change=follow,
        args=("beside", "inst-beside"), help="A second run over the first. Those that may be compared stand first.",
    )  # fmt: skip
    return None if chosen == ALONE else store().run(chosen)


def telling(run: Run, compared: Compared) -> str:
    """The comparable run of another configuration whose drops differ most from this one's: not at chance and of the same seed, if there is one."""
    mine = drops.instability(drops.drops(history(run)))
    apart = {
        result.id: (not result.at_chance, result.seed == run.spec.seed, abs(theirs.loss - mine.loss))
        for result, theirs in compared.means
        if mine and result.group != run.group
    }
    return max(apart, key=apart.__getitem__) if apart else ALONE


def picture(run: Run, beside: Run | None, compared: Compared) -> None:
    """The drops, and at their right what they came to."""
    try:
        run = store().run(run.id)
    except NoSuchRun:
        st.rerun()
    drawn = [run] if beside is None else [run, beside]
    labels = variants.labels([r.spec for r in drawn])
    numbers = chart.timelines([(name_of(r), label, history(r)) for r, label in zip(drawn, labels, strict=True)])
    ends = end_chart.drop_against_end(compared.means, run.group, beside.group if beside else "")
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


def left_out(compared: Compared) -> str:
    return f" Of every configuration the first seeds; {compared.left_out:,} runs are left out." if compared.left_out else ""


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
            compared = pool(run)
            with second:
                known = {result.id for result, _ in compared.means}
                beside = choose_beside(run, compared, [other for other in runs if other.id not in known])
        alive = run.state in ALIVE
        st.fragment(told(picture), run_every=LOOK_SECONDS if alive else None)(run, beside, compared)
except StoreError as error:
    st.error(plain(str(error)))
