"""A figure as every page shows it: picture, sentence, note, table twin and files.

`show(draw, ...)` for Plotly; `beneath(...)` for what stands under a picture that the page drew in another way (masks).
"""

import csv
import html
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from prune_core.charts.theme import SEQUENTIAL, Theme

from .plot import ASSETS, plot

Table = Mapping[str, Sequence[Any]]
FILES = st.components.v2.component(
    "espalier.files",
    html='<div class="espalier-files"><button type="button" data-format="png">PNG</button>'
    '<button type="button" data-format="svg">SVG</button><span role="status" aria-live="polite"></span></div>',
    css=(ASSETS / "files.css").read_text(),
    js=(ASSETS / "files.js").read_text(),
    isolate_styles=False,
)
LONGEST_TABLE = 2000
FORMULA = tuple("=+-@\t\n\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}\N{FULLWIDTH COMMERCIAL AT}")


def show(
    draw: Callable[[Theme], go.Figure], *, key: str, label: str, sentence: str, table: Table, name: str, note: str = "", revision: str = ""
) -> str | None:
    """A Plotly figure with everything beneath it. Returns the id of the point that was just clicked, as `plot` does.

    draw: theme -> figure. key: unique on the page. label: for screen readers ("Validation accuracy over epochs").
    sentence: the caption, plain text. table: column -> values, the same numbers as the picture. name: file name without ending.
    note: a smaller line (data, seeds, conventions). revision: zoom is kept while it stays the same, the run's id say.
    """
    opened = plot(draw, key=key, label=label, revision=revision)
    beneath(key=key, sentence=sentence, table=table, name=name, note=note)
    return opened


def beneath(*, key: str, sentence: str, table: Table, name: str, note: str = "", scale: tuple[str, str, str] | None = None) -> None:
    """Caption, note and "Table and files" of a picture that stands above.

    key: the picture's. scale: of masks, as (dark end, bright end, what is counted), in front of the note.
    """
    caption(sentence)
    foot(key=key, table=table, name=name, note=note, scale=scale)


def foot(*, key: str, table: Table, name: str, note: str = "", scale: tuple[str, str, str] | None = None) -> None:
    """Note and "Table and files" alone, where the caption stands beside the picture."""
    ramp = "" if scale is None else scale_html(*scale)
    with st.container(horizontal=True, vertical_alignment="center", key=f"{key}-foot"):
        st.html(f'{ramp}<p class="espalier-note">{text(note)}</p>', width="stretch")
        files(key=key, table=table, name=name)


def caption(sentence: str) -> None:
    """A sentence in the caption's type. Plain text: nothing in it is interpreted."""
    st.html(f'<p class="espalier-caption">{text(sentence)}</p>')


def scale_html(low: str, high: str, tail: str) -> str:
    """The scale of masks as HTML: `low` at its dark end, `high` at its bright end, `tail` says what is counted."""
    return (
        f'<p class="espalier-scale"><span>{text(low)}</span><i style="background:linear-gradient(to right,{",".join(SEQUENTIAL)})"></i>'
        f"<span>{text(high)}</span><span>{text(tail)}</span></p>"
    )


def files(*, key: str, table: Table, name: str) -> None:
    """The "Table and files" button: table twin, CSV, PNG, SVG."""
    rows = max(map(len, table.values()), default=0)
    with st.popover("Table and files", type="tertiary", icon=":material/download:", key=f"{key}-files"):
        st.dataframe(
            {column: list(values[:LONGEST_TABLE]) for column, values in table.items()},
            column_config={column: st.column_config.NumberColumn(format="localized") for column in table if is_count(table[column])},
            hide_index=True, height=min(320, 37 + 35 * max(1, rows)), key=f"{key}-table", alt=f"The numbers of the picture, {rows:,} rows",
        )  # fmt: skip
        if rows > LONGEST_TABLE:
            st.caption(f"The first {LONGEST_TABLE:,} of {rows:,} rows; the CSV file has them all.")
        with st.container(horizontal=True, vertical_alignment="center", key=f"{key}-downloads"):
            st.download_button(
                "CSV", data=lambda: to_csv(table), file_name=f"{name}.csv", mime="text/csv", on_click="ignore", key=f"{key}-csv",
                help="The table as a file.",
            )  # fmt: skip
            FILES(key=f"{key}-pictures", data={"key": key, "name": name}, width="content")


def is_count(values: Sequence[Any]) -> bool:
    return any(isinstance(value, int) and abs(value) >= 1000 for value in values) and all(isinstance(value, int) for value in values)


def to_csv(table: Table) -> str:
    """A table as CSV. Text that a spreadsheet would take for a formula gets a quote in front."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([harmless(column) for column in table])
    writer.writerows([harmless(value) for value in row] for row in zip(*table.values(), strict=True))
    return out.getvalue()


def harmless(value: Any) -> Any:
    """Text that begins like a formula gets a quote in front; a carriage return would begin a row of its own, and is a line break."""
    if not isinstance(value, str):
        return value
    lines = value.replace("\r\n", "\n").replace("\r", "\n")
    return f"'{lines}" if lines.lstrip(" ").startswith(FORMULA) else lines


def text(words: str) -> str:
    """Plain text for st.html: escaped, and a number stays on one line with its unit."""
    return html.escape(words).replace(" %", "&nbsp;%")
