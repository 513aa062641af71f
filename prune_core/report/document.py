"""The whole file: sections in their order, style, script and Plotly inside, and nothing that any network would be asked for.

Plotly's library makes up nearly all of its 5 MB. It is inside so that every number can be hovered over, in any browser, without a network;
static pictures would be smaller and could not answer.
"""

import base64
import hashlib
import html
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import plotly

from .. import markup
from ..charts import words
from ..charts.curves import shared
from ..charts.theme import DARK, LIGHT
from ..version import __version__
from . import beside, blocks, sections
from .subject import Subject

ASSETS = Path(__file__).parents[2] / "assets"
MOST = 12


def report(runs: Sequence[Subject], now: datetime | None = None) -> str:
    """One HTML file about a run, or about two to twelve beside each other. Raises ValueError for none and for more."""
    if not 1 <= len(runs) <= MOST:
        raise ValueError(f"runs: a report is about 1 to {MOST}, got {len(runs)}.")
    written = f"Written {now or datetime.now(UTC):%d %B %Y, %H:%M} UTC by Espalier {__version__}.".replace("Written 0", "Written ")
    return page(*(about_one(runs[0]) if len(runs) == 1 else about_several(runs)), written)


def about_one(run: Subject) -> tuple[str, str]:
    """Title and body of a report about one run."""
    lead = [run.result.spec.title] if run.name else []
    failed = blocks.paragraph(run.message or "The run failed.", "warning") if run.result.state == "failed" else ""
    body = "".join(
        (
            head(run.title, " · ".join([*lead, state(run)])), blocks.paragraph(run.notes, "notes"), failed, blocks.numbers(sections.numbers(run)),
            "".join(sections.pictures(run, "run")),
            blocks.section("What is really smaller?", sections.truth(run)), blocks.section("What was done", sections.plan_of(run)),
            blocks.section("What this report does not show", blocks.lines(sections.not_shown(run))),
            blocks.section("How it was computed", sections.computed([run])), blocks.section("Every setting", sections.settings(run)),
            blocks.section("Where it comes from", sections.origin(run)),
        )
    )  # fmt: skip
    return run.title, body


def about_several(runs: Sequence[Subject]) -> tuple[str, str]:
    """Title and body of a report about several runs."""
    found = beside.comparison(runs)
    title = f"{words.capital(words.counted(len(runs)))} runs beside each other"
    drawn = not all(run.trains for run in runs)
    body = "".join(
        (
            head(title, " · ".join(shared([run.title for run in runs]))), beside.picture(found),
            blocks.section("What came out", beside.outcome(found)), blocks.section("What differs", beside.differences(found)),
            blocks.section("What each would keep", *("".join(sections.pictures(run, "run")) for run in runs if not run.trains)) if drawn else "",
            blocks.section("What this report does not show", blocks.lines(beside.not_shown(found, runs))),
            blocks.section("How it was computed", sections.computed(runs)), blocks.section("The runs in full", beside.names(found)),
        )
    )  # fmt: skip
    return title, body


def state(run: Subject) -> str:
    """How it stands, and since when."""
    moment = f" on {run.ended:%d %B %Y}".replace(" on 0", " on ") if run.ended else ""
    return words.capital("example" if run.result.example and run.result.state == "finished" else run.result.state) + moment


def head(title: str, lead: str) -> str:
    return f"<header><h1>{markup.text(title)}</h1>{blocks.paragraph(lead, 'lead')}</header>"


def page(title: str, body: str, written: str) -> str:
    """The file. Only our own two scripts may run in it, by their checksums, and nothing may be fetched: the browser sees to both."""
    scripts = [library(), (ASSETS / "report.js").read_text()] if 'class="plot"' in body else []
    allowed = " ".join(f"'sha256-{checksum(script)}'" for script in scripts) or "'none'"
    policy = f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="color-scheme" content="light dark">\n'
        f"<title>{html.escape(title)}</title>\n<style>{style()}</style></head>\n<body><main>{body}\n"
        f"<footer>{blocks.paragraph(written)}{blocks.paragraph('This file needs no network: pictures, numbers and drawing are inside.')}</footer></main>\n"
        + "".join(f"<script>{script}</script>\n" for script in scripts)
        + "</body></html>\n"
    )


def style() -> str:
    names = {"paper": "paper", "text": "text", "soft": "soft", "line": "grid", "leaf": "leaf", "hover": "hover", "fail": "fail"}
    colours = " ".join(f"--{name}: light-dark({getattr(LIGHT, field)}, {getattr(DARK, field)});" for name, field in names.items())
    return f":root {{ color-scheme: light dark; {colours} }}\n{(ASSETS / 'report.css').read_text()}"


@cache
def library() -> str:
    """Plotly's own script, out of the installed package."""
    return (Path(plotly.__file__).parent / "package_data" / "plotly.min.js").read_text()


def checksum(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
