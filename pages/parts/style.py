"""The page-wide style: a few rules that the theme's settings can't say. `apply()` once in the shell, before the page runs."""

import html

import streamlit as st

from prune_core.charts.theme import DARK, LIGHT

from .plot import ASSETS

PAGE = (ASSETS / "page.css").read_text()
COLOURS = {
    "text": (LIGHT.text, DARK.text),
    "soft": (LIGHT.soft, DARK.soft),
    "before": (LIGHT.before, DARK.before),
    "leaf": (LIGHT.leaf, DARK.leaf),
    "line": (LIGHT.line, DARK.line),
    "on-leaf": ("#FFFFFF", DARK.paper),
    "ring": ("transparent", "rgba(255, 255, 255, 0.09)"),
}


def apply() -> None:
    """Put our rules into the page. Their colours follow the visitor's theme, also when it is switched."""
    variables = " ".join(f"--espalier-{name}: light-dark({light}, {dark});" for name, (light, dark) in COLOURS.items())
    st.html(f"<style>body {{ {variables} }}\n{PAGE}</style>")


def head(question: str, lead: str) -> None:
    """The top of a page: its question as the title and one grey line beneath."""
    st.title(question, anchor=False)
    st.html(f'<p class="espalier-lead">{html.escape(lead)}</p>')
