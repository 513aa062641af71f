"""The page-wide style: a few rules that the theme's settings cannot say. `apply()` once in the shell, before the page runs."""

import html

import streamlit as st

from prune_core.charts.theme import DARK, LIGHT, Theme

from .plot import ASSETS

PAGE = (ASSETS / "page.css").read_text()


def apply() -> None:
    """Put our rules into the page, with the colours of the theme that the visitor sees."""
    theme = current()
    st.html(f"<style>{variables(theme)}\n{PAGE}</style>")


def current() -> Theme:
    """The theme that the visitor's browser shows."""
    return DARK if st.context.theme.type == "dark" else LIGHT


def variables(theme: Theme) -> str:
    values = {
        "soft": theme.soft, "before": theme.before, "leaf": theme.leaf, "line": theme.line,
        "on-leaf": "#151811" if theme.dark else "#FFFFFF", "ring": "rgba(255,255,255,.09)" if theme.dark else "transparent",
    }  # fmt: skip
    return ":root {" + " ".join(f"--espalier-{name}: {value};" for name, value in values.items()) + "}"


def head(question: str, lead: str) -> None:
    """The top of a page: its question as the title and one grey line beneath."""
    st.title(question, anchor=False)
    st.html(f'<p class="espalier-lead">{html.escape(lead)}</p>')
