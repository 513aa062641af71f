"""Nothing to show yet: what is missing, and the one button that helps."""

import streamlit as st

from . import figure


def empty(words: str, button: str, page: str) -> None:
    """A caption that says what is missing and why, and a button to the page that helps."""
    with st.container(key="empty", gap="medium"):
        figure.caption(words)
        if st.button(button, type="primary", key="empty-way"):
            st.switch_page(page)
