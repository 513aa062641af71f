"""How long the server takes for each page over a store of ten thousand runs and a million events, and that opening pages changes nothing in it.

    ESPALIER_BIG=FOLDER python -m tests.bench.pages        # ten minutes; the store is made in FOLDER the first time, in a few minutes more

Asked over the server's own websocket, from the request until the script has run. "First": each page once after each of twenty starts, nothing cached.
"Again": twenty openings of each by new visitors, of another run each time. 95th percentiles.
"""

import hashlib
import os
import random
import statistics
import tempfile
import time
from itertools import islice
from pathlib import Path

import psutil
from sqlalchemy import select

from prune_core.store import Run, Store
from prune_core.store.tables import EVENTS, LEASE, METADATA
from tests.browser.conftest import Server
from tests.page_table import page_table
from tests.visit import visit

from .big_store import big_store, counts
from .measuring import Figure, keep, load

TIMES = 20
TARGET = 0.5
COMPARED = 4


def digest(store: Store) -> str:
    """A checksum of every row of every table; the lease of the supervisor, which changes by itself, is left out."""
    found = hashlib.sha256()
    with store.database.reading() as connection:
        for table in METADATA.sorted_tables:
            if table.name != LEASE.name:
                for row in connection.execute(select(table).order_by(*table.primary_key.columns)).yield_per(1000):
                    found.update(repr(tuple(row)).encode())
    return found.hexdigest()


def addresses(path: str, runs: list[Run]) -> dict[str, str]:
    """What a page that is of certain runs is told."""
    told = {"run": {"run": runs[0].id}, "scratch": {"run": runs[0].id}, "instability": {"run": runs[0].id}}
    return {**told, "compare": {"runs": ",".join(run.id for run in runs)}}.get(path, {})


def opened(server: Server, path: str, runs: list[Run]) -> tuple[float, float]:
    """Seconds of an opening by the clock, and of the server's CPU. An error on the page is an error."""
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    before = sum(process.cpu_times()[:2])
    answer = visit(server.port, path, addresses(path, runs))
    if answer.errors:
        raise SystemExit(f"/{path} shows an error: {answer.errors[0]}")
    return answer.seconds, sum(process.cpu_times()[:2]) - before


def percentile(values: list[float]) -> float:
    """The 95th, of twenty or more."""
    return statistics.quantiles(values, n=20, method="inclusive")[18]


def reads(store: Store, runs: list[Run]) -> tuple[float, ...]:
    """Milliseconds to read the last events of a run, as a live page does."""
    found = []
    for run in runs:
        last = len(store.events(run.id)) - 1
        began = time.perf_counter()
        store.events(run.id, after=last - 3)
        found.append(1000 * (time.perf_counter() - began))
    return tuple(found)


def main() -> None:
    before = load()
    store = big_store(Path(os.environ.get("ESPALIER_BIG") or Path(tempfile.gettempdir()) / "espalier-big"))
    n_runs, n_events = counts(store)
    untouched = digest(store)
    with store.database.reading() as connection:
        steps = connection.execute(select(EVENTS.c.run).where(EVENTS.c.kind == "pruned").distinct()).scalars().all()
    order = random.Random(0).sample(sorted(steps), TIMES * COMPARED)
    tries = [[store.run(run_id) for run_id in order[n::TIMES]] for n in range(TIMES)]
    pages = [entry for entry in page_table() if entry.path != "missing"]
    first: dict[str, list[tuple[float, float]]] = {page.path: [] for page in pages}
    again: dict[str, list[tuple[float, float]]] = {page.path: [] for page in pages}
    for n in range(TIMES):
        server = Server(store.home)
        try:
            turned = pages[n % len(pages) :] + pages[: n % len(pages)]
            for page in turned:
                first[page.path].append(opened(server, page.path, tries[n]))
            if n == TIMES - 1:
                for page in pages:
                    again[page.path] = [opened(server, page.path, tries[i]) for i in range(TIMES)]
        finally:
            server.stop()
    figures = []
    for page in pages:
        for when, found in (("first", first[page.path]), ("again", again[page.path])):
            seconds, cpu = (list(each) for each in zip(*found, strict=True))
            note = f"p50 {statistics.median(seconds):.3f} s; CPU p50 {statistics.median(cpu):.2f} s, p95 {percentile(cpu):.2f} s"
            figures.append(Figure(f"{page.title}, {when}: p95 of {len(seconds)}", (percentile(seconds),), "s", TARGET, note=note))
    figures.append(Figure("new events of a run", reads(store, [run for group in tries for run in islice(group, 1)]), "ms", 5))
    same = digest(store) == untouched
    figures.append(Figure("rows changed by opening every page forty times", (0.0 if same else 1.0,), "x", 0, note="checksum of all tables"))
    keep("pages", f"Every page over {n_runs:,} runs and {n_events:,} events, at the server", figures, before)


if __name__ == "__main__":
    main()
