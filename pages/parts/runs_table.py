"""Runs as a table: words for people, numbers that sort."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from prune_core.charts import words
from prune_core.store import Run

from .run_words import ALIVE
from .times import when

SELECTED = "runs-selected"
COLUMNS: dict[str, Any] = {
    "Run": st.column_config.TextColumn(width=366),
    "Seed": st.column_config.NumberColumn(width=52, help="Runs that differ by their seed alone are one experiment, tried again."),
    "State": st.column_config.TextColumn(width=72),
    "Test accuracy": st.column_config.NumberColumn(format="%.1f %%", width=100, help="On the test images, once, at the end."),
    "Removed": st.column_config.NumberColumn(format="%.4g %%", width=72, help="Sparsity: the share that the run was asked to remove."),
    "Weights kept": st.column_config.NumberColumn(format="localized", width=98, help="Prunable weights that are left."),
    "Time": st.column_config.TextColumn(width=60, alignment="right"),
    "Started": st.column_config.TextColumn(width=130, alignment="right"),
}


def select(runs: Sequence[Run]) -> list[Run]:
    """The table; returns the runs that are selected in it.

    Its key names the rows: a selection must never slide to another run when one comes or goes. It is carried over by id instead.
    """
    before: list[str] = st.session_state.get(SELECTED, [])
    kept = [row for row, run in enumerate(runs) if run.id in before]
    rows = st.dataframe(
        table(runs, st.context.timezone),
        column_config=COLUMNS,
        hide_index=True,
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": kept}},
        height=min(460, 38 + 35 * len(runs)),
        placeholder="",
        alt="Runs",
        key=f"runs-{hash(tuple(run.id for run in runs))}",
    )["selection"]["rows"]
    selected = [runs[row] for row in rows if row < len(runs)]
    st.session_state[SELECTED] = [run.id for run in selected]
    return selected


def table(runs: Sequence[Run], zone: str | None) -> dict[str, list[Any]]:
    """Columns of what the runs are and came to; None where there is nothing to say yet. `zone`: the visitor's."""
    return {
        "Run": [run.title.removesuffix(f" · seed {run.spec.seed}") for run in runs],
        "Seed": [run.spec.seed for run in runs],
        "State": [state(run) for run in runs],
        "Test accuracy": [percent(run.summary and run.summary.test_accuracy) for run in runs],
        "Removed": [100 * run.spec.sparsity if "sparsity" in run.spec.protocol_entry.uses else None for run in runs],
        "Weights kept": [run.summary.weights_kept if run.summary else None for run in runs],
        "Time": [words.duration(run.summary.seconds) if run.summary else "" for run in runs],
        "Started": [when(run.started or run.created, zone) for run in runs],
    }


def percent(fraction: float | None) -> float | None:
    return None if fraction is None else 100 * fraction


def state(run: Run) -> str:
    """The state in a word or two."""
    if run.state == "running" and run.cancel_requested:
        return "Cancelling"
    if run.state == "running" and run.progress and run.progress.total:
        return f"Running {100 * run.progress.done // run.progress.total} %"
    at_chance = run.state == "finished" and run.summary is not None and run.summary.at_chance
    return "At chance" if at_chance else "Example" if run.example else run.state.capitalize()


def are_over(runs: Sequence[Run]) -> bool:
    return all(run.state not in ALIVE for run in runs)
