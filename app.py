"""The front door: Streamlit over pages/_shell.py, our own routes beside it, the gate around both, and a supervisor for the runs.

Started by `streamlit run app.py`.
"""

import asyncio
import ctypes
import importlib
import inspect
import logging
import pkgutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import cache
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from pages import parts
from pages.parts import gathered, sign_in
from pages.parts.gate import Gate, refusal_to_start
from pages.parts.routes import routes
from prune_core import charts
from prune_core.charts.theme import DARK, LIGHT, nothing
from prune_core.service import ensure_supervisor
from prune_core.settings import settings
from prune_core.store import Store, StoreError

ROOT = Path(__file__).parent
LOOK_SECONDS = 2.0
FIRST_NEEDED = ("pandas", "plotly.graph_objects", "safetensors.numpy", "scipy.special")
M_ARENA_MAX, M_TRIM_THRESHOLD = -8, -1  # of glibc's malloc.h
log = logging.getLogger("espalier")


@cache
def store() -> Store:
    """The store of this server, opened once."""
    return Store.open()


def keep_supervised() -> None:
    """Make sure that whatever is queued, running or owed by a sweep has a supervisor."""
    try:
        if store().is_busy():
            ensure_supervisor(store())
    except StoreError as error:
        log.warning("The queue could not be looked at: %s", error)


def share_freed_memory() -> None:
    """One heap for all threads, and what is free at its end goes back: glibc gives threads heaps of their own, and every open page is one."""
    if sys.platform == "linux":
        with suppress(AttributeError):  # another C library
            ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)
            ctypes.CDLL(None).mallopt(M_TRIM_THRESHOLD, 128 * 1024)


def warm() -> None:
    """Import what pages need, draw a figure, and read the runs of the network that has most, before the first page is asked for."""
    drawn_by = [f"{folder.__name__}.{module.name}" for folder in (charts, parts) for module in pkgutil.iter_modules(folder.__path__)]
    for name in (*FIRST_NEEDED, *drawn_by):
        importlib.import_module(name)
    for theme in (LIGHT, DARK):
        nothing(theme, 300, "Nothing yet.", "x", "y").to_json()
    try:
        for subject in list(gathered.subjects().values())[:1]:
            gathered.groups(subject.model, subject.dataset)
    except Exception:  # whatever is wrong with the runs, pages say so; the server starts
        log.warning("The runs could not be read before the first page was asked for.", exc_info=True)
    inspect.stack()  # Streamlit does so at its first element, a third of a second in which inspect gets to know every module


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[dict[str, object]]:
    """A supervisor at the start, and again whenever there is work and it has gone. Stopping the server leaves runs going."""

    async def watch() -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await asyncio.to_thread(keep_supervised)

    try:
        await asyncio.gather(asyncio.to_thread(lambda: ensure_supervisor(store())), asyncio.to_thread(warm))
    except StoreError as error:
        raise SystemExit(f"Espalier can't open its store. {error}") from None
    watcher = asyncio.create_task(watch())
    try:
        yield {}
    finally:
        watcher.cancel()


share_freed_memory()
guarded = bool(settings().password) or settings().open == "yes" or sign_in.is_configured()
if reason := refusal_to_start(st.get_option("server.address"), guarded):
    raise SystemExit(reason)

app = st.App(
    ROOT / "pages" / "_shell.py",
    lifespan=lifespan,
    routes=routes(ROOT / "assets", store),
    middleware=[
        Middleware(
            Gate,
            hosts=lambda: st.get_option("server.allowedHosts"),
            origins=lambda: st.get_option("server.corsAllowedOrigins"),
            password=settings().password,
            guarded=guarded,
        )
    ],
)
