"""Compare: two to twelve runs beside each other. The address says which: /compare?runs=ID,ID."""

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote, urlsplit

import streamlit as st

from pages.parts import figure, style
from pages.parts.empty import empty
from pages.parts.histories import history_of
from pages.parts.plain import plain
from pages.parts.report_button import report_button
from pages.parts.run_words import ALIVE
from pages.parts.stored import store, told
from prune_core import markup
from prune_core.charts import compare as chart
from prune_core.charts import words
from prune_core.charts.curves import Scale, shared
from prune_core.markup import Cell
from prune_core.results import result
from prune_core.store import NoSuchRun, Run

MOST = len(chart.LETTERS)
LOOK_SECONDS = 2.0
SCALES: dict[str, Scale] = {"Accuracy": "accuracy", "Error, log scale": "error"}
NOT_HERE = "deleted, or of another store"


class Asked(NamedTuple):
    """The runs of the address that are here, in its order, and what was wrong with the rest of it, in sentences."""

    runs: list[Run]
    remarks: list[str]


def asked(address: str) -> Asked:
    """The runs that the address names."""
    named = [name.strip() for name in address.split(",") if name.strip()]
    ids = list(dict.fromkeys(named))
    runs, gone = [], 0
    for run_id in ids[: 10 * MOST]:
        try:
            runs.append(store().run(run_id))
        except NoSuchRun:
            gone += 1
    remarks = []
    if gone:
        remarks.append(
            f"{words.capital(words.counted(gone))} of the {len(ids)} runs in this address {'is' if gone == 1 else 'are'} not here: {NOT_HERE}."
        )
    if len(ids) < len(named):
        remarks.append("A run that the address names twice is shown once.")
    if len(runs) > MOST:
        remarks.append(f"The address names {len(runs)} runs; the first twelve are shown.")
    return Asked(runs[:MOST], remarks)


def view() -> None:
    """Everything that changes while one of the runs goes on."""
    try:
        runs = [store().run(run_id) for run_id in ids]
    except NoSuchRun:
        st.rerun()
    if alive and all(run.state not in ALIVE for run in runs):
        st.rerun()
    found = chart.comparison([(result(run), history_of(run)) for run in runs])
    if found.drawn:
        figure.show(
            lambda theme: chart.draw(found, theme, scale=scale),
            key="compare-curves",
            label="Validation accuracy of the compared runs over epochs of training",
            sentence=found.sentence,
            table=found.table(),
            name="espalier-compare",
            note=note(found),
            revision=",".join([*ids, scale]),
        )
    else:
        figure.caption(found.sentence)
    if found.mixed:
        st.warning(plain(found.mixed), icon=":material/device_hub:")
    st.subheader("What came out", anchor=False)
    st.html(f'<p class="espalier-lead">{markup.text(found.outcome)}</p>')
    st.html(outcome_table(found, runs))
    st.subheader("What differs", anchor=False)
    st.html(f'<p class="espalier-lead">{markup.text(found.differences)}</p>')
    if found.differing:
        st.html(difference_table(found))


def note(found: chart.Comparison) -> str:
    """How to read the picture."""
    drops = "Drops at prunings are drawn from before to after." if any("after" in m for s in found.curves.series for m in s.moments) else ""
    undrawn = [s.letter for s in found.sides if not s.measured]
    without = (
        f"{words.listed(undrawn)} {'has' if len(undrawn) == 1 else 'have'} measured nothing and {'has' if len(undrawn) == 1 else 'have'} no curve."
        if undrawn
        else ""
    )
    return " ".join(filter(None, ("Measured on the validation images.", drops, without, found.caution)))


def outcome_table(found: chart.Comparison, runs: Sequence[Run]) -> str:
    """A row a run: what it is, and its final figures."""
    effective = any(s.result.effective is not None for s in found.sides)
    head = ["Run", "Test accuracy", "Validation", "Weights kept", *(["On a path"] if effective else []), "Epochs", "Time", "State"]
    rows: list[list[str | Cell]] = [
        [
            Cell(
                side.label,
                f"run?run={side.result.id}",
                f"<b>{side.letter}</b>{markup.swatch(side.family, side.dash) if side.measured else ''}",
            ),
            side.right,
            worded(side.result.validation_accuracy),
            kept(side),
            *([f"{side.result.effective:,}" if side.result.effective is not None else chart.ABSENT] if effective else []),
            words.epoch(side.epoch) if side.epoch is not None else chart.ABSENT,
            words.duration(side.result.seconds) if side.result.seconds is not None else chart.ABSENT,
            "Example" if run.example and run.state == "finished" else run.state.capitalize(),
        ]
        for side, run in zip(found.sides, runs, strict=True)
    ]
    return markup.table(head, rows, "Final figures of the runs", range(1, len(head) - 1))


def worded(accuracy: float | None) -> str:
    return chart.ABSENT if accuracy is None else words.accuracy(accuracy)


def kept(side: chart.Side) -> str:
    r = side.result
    return chart.ABSENT if r.weights_kept is None or not r.weights else f"{r.weights_kept:,} · {words.share(r.weights_kept / r.weights)}"


def difference_table(found: chart.Comparison) -> str:
    """A row a setting that differs, a column a run."""
    return markup.table(
        ["Setting", *(s.letter for s in found.sides)],
        [[d.title, *d.values] for d in found.differing],
        "Settings that differ between the runs",
    )


def actions() -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="compare-actions"):
        report_button(here.runs, key="compare-report")
        if st.button("Choose other runs", icon=":material/table_rows:", key="compare-others"):
            st.switch_page("runs.py")
        with st.popover("Link to this view", icon=":material/link:", key="compare-link"):
            url = urlsplit(st.context.url or "")
            base = f"{url.scheme}://{url.netloc}{url.path}" if url.netloc else "compare"
            view_state = "" if scale == "accuracy" else f"&cmp_scale={quote(shown or '')}"
            st.code(f"{base}?runs={','.join(ids)}{view_state}", language=None, wrap_lines=True)
            st.html('<p class="espalier-note">Opens the same runs in the same order for everyone who reaches this server.</p>')


st.html(style.ASSETS / "tables.css")
here = asked(st.query_params.get("runs", ""))
ids = [run.id for run in here.runs]
lead = " · ".join([f"{words.capital(words.counted(len(ids)))} runs", *shared([run.title for run in here.runs])])
style.head("How do these runs differ?", lead if len(ids) > 1 else "Two to twelve runs beside each other.")
for remark in here.remarks:
    st.html(f'<p class="espalier-note">{markup.text(remark)}</p>')
if len(ids) < 2:
    alone = "One run alone differs from nothing. Select two or more in the list, then Compare."
    empty(
        alone if ids else "The address of this page names no run that is here. Select two or more in the list, then Compare.",
        "Choose runs",
        "runs.py",
    )
    st.stop()
shown = st.segmented_control(
    "Show", tuple(SCALES), default="Accuracy", key="cmp_scale", bind="query-params", required=True, label_visibility="collapsed",
    help="The error on a log scale sets runs apart that are all good.",
)  # fmt: skip
scale = SCALES[shown or "Accuracy"]
alive = any(run.state in ALIVE for run in here.runs)
st.fragment(told(view), run_every=LOOK_SECONDS if alive else None)()
actions()
