"""The store of this server, opened once."""

import streamlit as st

from prune_core.store import Store


@st.cache_resource(show_spinner=False)
def store() -> Store:
    """The store, shared by all sessions. Raises StoreError, in words, where it can't be opened."""
    return Store.open()
