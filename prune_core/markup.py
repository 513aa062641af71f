"""HTML made of plain values. Everything that comes in is text and gets escaped; markup is only what these functions write themselves."""

import html
import re
from collections.abc import Sequence
from typing import NamedTuple

from .charts.theme import DARK, LIGHT

DASHES = {"solid": "", "dot": "2 3", "dash": "6 3", "longdash": "9 3", "dashdot": "6 3 2 3", "longdashdot": "9 3 2 3"}


class Cell(NamedTuple):
    """A cell of a table: its text, where it leads (an address inside these pages), HTML of ours in front of it, whether it is a number."""

    text: str
    href: str = ""
    before: str = ""
    number: bool = False


def text(words: str) -> str:
    """Escaped text in which a number stays on one line with its unit."""
    return html.escape(words).replace(" %", "&nbsp;%")


def table(head: Sequence[str], rows: Sequence[Sequence[str | Cell]], label: str, numbers: Sequence[int] = ()) -> str:
    """A table that scrolls inside itself. head: column titles. label: what it is, for screen readers. numbers: columns set to the right."""
    titles = "".join(f'<th scope="col"{number(i in numbers)}>{text(title)}</th>' for i, title in enumerate(head))
    body = "".join(
        "<tr>" + "".join(cell(c if isinstance(c, Cell) else Cell(c), i == 0, i in numbers) for i, c in enumerate(row)) + "</tr>"
        for row in rows
    )
    return (
        f'<div class="espalier-table" role="region" tabindex="0" aria-label="{html.escape(label)}">'
        f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def cell(found: Cell, first: bool, numeric: bool) -> str:
    words = text(found.text)
    inner = f'<a href="{html.escape(found.href)}" target="_self">{words}</a>' if found.href else words
    kind = 'th scope="row"' if first else "td"
    return f"<{kind}{number(numeric or found.number)}>{found.before}{inner}</{kind.partition(' ')[0]}>"


def number(yes: bool) -> str:
    return ' class="number"' if yes else ""


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """Names and what they stand for, side by side."""
    return '<dl class="espalier-facts">' + "".join(f"<dt>{text(name)}</dt><dd>{text(said)}</dd>" for name, said in pairs) + "</dl>"


def swatch(family: str | None, dash: str) -> str:
    """A short piece of a criterion's line as it stands in the picture, in the colours of both themes."""
    lengths = [int(n) for n in re.findall("[0-9]+", DASHES.get(dash, dash))]
    stops, at = [], 0
    for i, length in enumerate(lengths):
        stops.append(f"{'transparent' if i % 2 else 'currentColor'} {at}px {at + length}px")
        at += length
    ink = f"repeating-linear-gradient(to right,{','.join(stops)})" if stops else "currentColor"
    colour = f"light-dark({LIGHT.style(family).colour},{DARK.style(family).colour})"
    return f'<i class="espalier-swatch" style="color:{colour};background:{ink}"></i>'
