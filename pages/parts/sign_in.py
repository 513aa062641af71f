"""Signing in by OpenID Connect, where whoever runs the server has set it up."""

import streamlit as st


def is_configured() -> bool:
    """Whether .streamlit/secrets.toml has an [auth] section."""
    return bool(st.secrets.load_if_toml_exists()) and "auth" in st.secrets


def ask() -> None:
    """Stop here for visitors who have not signed in, with the one button that helps."""
    if is_configured() and not st.user.is_logged_in:
        st.title("Espalier", anchor=False)
        st.button("Sign in", type="primary", on_click=st.login, key="sign-in")
        st.stop()
