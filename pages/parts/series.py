"""The series of a trade-off as a table beneath it: how each is drawn, what finding it took, and links to every run for those who don't point."""

import html

import streamlit as st

from prune_core import markup
from prune_core.charts import words
from prune_core.charts.theme import LIGHT
from prune_core.charts.trade_off import Series, TradeOff
from prune_core.charts.trade_off_drawing import look

from .opening import MOST, address

COLUMNS = ("Series", "Training it took", "Amounts removed", "Seeds at each")


def legend(numbers: TradeOff) -> None:
    """A row a series, then the runs behind every point."""
    rows = [row(s) for s in (*numbers.series, *numbers.dense)]
    st.html(markup.table(COLUMNS, rows, "Series, and what finding each took"))
    lists = "".join(runs_of(s) for s in (*numbers.series, *numbers.dense))
    st.html(f'<details class="espalier-more"><summary>The runs behind each point</summary>{lists}</details>')


def row(series: Series) -> tuple[markup.Cell | str, ...]:
    amounts = "the full network" if series.family is None else f"{len(series.points):,}"
    counts = sorted({len(p.dots) for p in series.points})
    seeds = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return markup.Cell(series.label, before=markup.swatch(series.family, look(series, LIGHT).dash)), series.cost.words, amounts, seeds


def runs_of(series: Series) -> str:
    """Links to the runs of every point of a series."""
    lines = []
    for p in series.points:
        each = " ".join(link((d.run,), f"seed {d.seed}") for d in p.dots[:MOST])
        more = f" and {len(p.dots) - MOST:,} more" if len(p.dots) > MOST else ""
        together = link(p.runs, "compare") if len(p.runs) > 1 else ""
        lines.append(f"<li><span>{html.escape(words.share(p.asked))} removed:</span> {each}{more} {together}</li>")
    return f"<p>{html.escape(series.label)}</p><ul>{''.join(lines)}</ul>"


def link(runs: tuple[str, ...], said: str) -> str:
    return f'<a href="{html.escape(address(runs))}" target="_self">{html.escape(said)}</a>'
