"""The store of this server, opened once."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import streamlit as st

from prune_core.store import Store, StoreError

from .plain import plain

P = ParamSpec("P")


@st.cache_resource(show_spinner=False)
def store() -> Store:
    """The store, shared by all sessions. Raises StoreError, in words, where it can't be opened."""
    return Store.open()


def told(part: Callable[P, None]) -> Callable[P, None]:
    """The part of a page that is drawn again by itself: what is wrong with the store is said in its place, since nobody around it hears of it."""

    @wraps(part)
    def tell(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            part(*args, **kwargs)
        except StoreError as error:
            st.error(plain(str(error)), icon=":material/error:")

    return tell
