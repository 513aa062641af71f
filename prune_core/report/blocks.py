"""Pieces of a report: figures with sentence and table, pictures of masks, numbers with their reference. All text is escaped here."""

import html
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from .. import markup
from ..charts.pixels import data_uri
from ..charts.theme import DARK, LIGHT, SEQUENTIAL, Theme

LONGEST_TABLE = 500
Table = Mapping[str, Sequence[Any]]


class Number(NamedTuple):
    """One of the few numbers on top: value with unit, what to compare it with."""

    label: str
    value: str
    reference: str = ""


def section(title: str, *pieces: str) -> str:
    """Pieces under a heading; nothing where there are none."""
    told = "".join(pieces)
    return f"<section><h2>{markup.text(title)}</h2>{told}</section>" if told else ""


def paragraph(words: str, kind: str = "") -> str:
    return f'<p class="{kind}">{markup.text(words)}</p>' if words else ""


def lines(words: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{markup.text(line)}</li>" for line in words) + "</ul>" if words else ""


def numbers(found: Sequence[Number]) -> str:
    cells = "".join(
        f"<div><dt>{markup.text(n.label)}</dt><dd><b>{markup.text(n.value)}</b> <span>{markup.text(n.reference)}</span></dd></div>"
        for n in found
    )
    return f'<dl class="numbers">{cells}</dl>'


def plot(draw: Callable[[Theme], go.Figure], key: str, label: str, sentence: str, table: Table, note: str = "") -> str:
    """A Plotly figure in both themes, drawn by the report's own script, with its sentence and its numbers."""
    light, dark = draw(LIGHT), draw(DARK)
    data = embedded({"light": light.to_json(), "dark": dark.to_json()})
    height = int(light.layout.height or 300)
    return (
        f'<figure><div class="plot" id="{html.escape(key)}" role="img" aria-label="{html.escape(label)}" style="min-height:{height}px">'
        f"<noscript>Without JavaScript this picture is not drawn; its numbers stand below.</noscript></div>"
        f'<script type="application/json" data-for="{html.escape(key)}">{data}</script>{beneath(sentence, table, note)}</figure>'
    )


def mask(counts: np.ndarray, largest: float, of: int, alt: str, sentence: str, table: Table, where: str) -> str:
    """A mask as a pixelated picture with its scale."""
    return (
        f'<figure class="mask"><img src="{data_uri(counts, largest)}" alt="{html.escape(alt)}">{scale(largest, of, where)}'
        f"{beneath(sentence, table)}</figure>"
    )


def masks(rows: Sequence[tuple[str, Sequence[np.ndarray], float]], columns: Sequence[str], sentence: str, table: Table, note: str) -> str:
    """Masks as a grid: rows of (label, pictures, largest count), a column a class; each row on its own scale, which its label says."""
    head = "".join(f'<th scope="col">{markup.text(name)}</th>' for name in columns)
    body = "".join(
        f'<tr><th scope="row">{markup.text(label)}</th>'
        + "".join(
            f'<td><img src="{data_uri(one, largest)}" alt="{html.escape(f"{name}, {label}")}"></td>'
            for name, one in zip(columns, pictures, strict=True)
        )
        + "</tr>"
        for label, pictures, largest in rows
    )
    drawn = f'<div class="grid"><table><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    return f"<figure>{drawn}{beneath(sentence, table, note)}</figure>"


def scale(largest: float, of: int, where: str) -> str:
    ends = f"of {of:,} weights {where} kept" if of > 1 else "removed or kept"
    ramp = ",".join(SEQUENTIAL)
    return (
        f'<p class="scale"><span>0</span><i style="background:linear-gradient(to right,{ramp})"></i>'
        f"<span>{largest:,.0f}</span><span>{markup.text(ends)}</span></p>"
    )


def beneath(sentence: str, table: Table, note: str = "") -> str:
    """Sentence, note, and the numbers of the picture, folded."""
    rows = list(zip(*table.values(), strict=True)) if table else []
    numeric = [i for i, values in enumerate(table.values()) if values and all(v is None or isinstance(v, int | float) for v in values)]
    shown = [["" if v is None else f"{v:,}" if isinstance(v, int) else str(v) for v in row] for row in rows[:LONGEST_TABLE]]
    more = f'<p class="note">The first {LONGEST_TABLE:,} of {len(rows):,} rows.</p>' if len(rows) > LONGEST_TABLE else ""
    all_rows = markup.table(list(table), shown, "The numbers of this picture", numeric)
    folded = f"<details><summary>The numbers of this picture</summary>{all_rows}{more}</details>"
    return f"<figcaption>{paragraph(sentence, 'sentence')}{paragraph(note, 'note')}</figcaption>{folded if rows else ''}"


def embedded(value: object) -> str:
    """JSON that may stand inside a script element: nothing in it can end the element or begin another."""
    told = json.dumps(value)
    for sign in ("<", ">", "&", "\u2028", "\u2029"):
        told = told.replace(sign, f"\\u{ord(sign):04x}")
    return told
