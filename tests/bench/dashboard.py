"""The dashboard as a visitor feels it: clicks, sliders, live pages, and what open pages cost the server.

    python -m tests.bench.dashboard            # four minutes; needs MNIST in ESPALIER_DATA and a Chromium

A real server with a warm supervisor, a real browser on the same machine. Writes results/dashboard.md.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from playwright.sync_api import Page, sync_playwright
from sqlalchemy import select

from prune_core import RunSpec
from prune_core.service import submit
from prune_core.store import Run
from prune_core.store.tables import EVENTS
from tests.browser.conftest import FLAGS, Server, Visitor, idle

from .measuring import Figure, keep, load, until

TIMES = 5
WATCHED = 30.0
GRID = """() => { const all = [...document.querySelectorAll('*')].flatMap(e => e.shadowRoot ? [...e.shadowRoot.querySelectorAll('canvas')] : []);
  return all.concat([...document.querySelectorAll('.espalier-viewer canvas')]).length >= 100 }"""
SLIDER = """input => { const began = performance.now(); input.value = +input.value + (+input.value > (+input.max + +input.min) / 2 ? -1 : 1) * STEP;
  input.dispatchEvent(new Event('input', { bubbles: true }));
  return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began)))) }"""
# The largest epoch on the live curve, with the moment at which it was first seen there, at every frame.
WATCH = """() => { window.seen = []; let last = -1; const look = () => { const plot = document.querySelector('.js-plotly-plot');
  const epochs = (plot?.data ?? []).flatMap(trace => Array.from(trace.x ?? [])).filter(Number.isFinite); const now = Math.max(-1, ...epochs);
  if (now > last) { last = now; window.seen.push([now, Date.now()]); } requestAnimationFrame(look); }; look(); }"""


def grid(visitor: Visitor, seed: int) -> float:
    """Seconds from the click on Look to a hundred painted masks: a scoring run in a worker lies between."""
    tab = visitor.open(f"/saliency?sal_data=MNIST&sal_seed={seed}")
    look = tab.get_by_role("button", name="Look", exact=True)
    look.wait_for()
    idle(tab)
    began = time.perf_counter()
    look.click()
    tab.wait_for_function(GRID, polling=20)
    seconds = time.perf_counter() - began
    tab.close()
    return seconds


def live(visitor: Visitor, seed: int) -> float:
    """Seconds from the click on Start run to the first picture of the live run."""
    tab = visitor.open(f"/prune?dataset=mnist&epochs=20&seed={seed}")
    start = tab.get_by_role("button", name="Start run", exact=True)
    start.wait_for()
    idle(tab)
    began = time.perf_counter()
    start.click()
    tab.wait_for_url("**/run?run=*")
    tab.locator(".js-plotly-plot .main-svg").first.wait_for()
    seconds = time.perf_counter() - began
    tab.get_by_role("button", name="Cancel run").click()
    tab.get_by_text("Cancelled").first.wait_for()
    tab.close()
    return seconds


def moves(tab: Page, slider: str, step: int) -> tuple[float, ...]:
    """Milliseconds from a move of a slider to the frame after the redrawn picture, for as many moves; the first few draw everything once."""
    found = tab.locator(slider).first
    found.wait_for()
    idle(tab)
    return tuple(found.evaluate(SLIDER.replace("STEP", str(step))) for _ in range(20))[5:]


def training(server: Server, seed: int) -> Run:
    """A long run that is under way."""
    run = submit(server.store, RunSpec(dataset="mnist", epochs=400, seed=seed))
    until(lambda: len(server.store.events(run.id)) >= 5, "the run to train")
    return run


def latency(server: Server, visitor: Visitor) -> tuple[float, ...]:
    """Seconds from a measurement being in the store to its point on an open page."""
    run = training(server, 900)
    tab = visitor.open(f"/run?run={run.id}")
    tab.locator(".js-plotly-plot .main-svg").first.wait_for()
    idle(tab)
    tab.evaluate(WATCH)
    tab.wait_for_timeout(1000 * WATCHED)
    seen: list[tuple[float, float]] = tab.evaluate("() => window.seen")
    server.store.request_cancel(run.id)
    tab.close()
    query = select(EVENTS.c.time, EVENTS.c.number).where(EVENTS.c.run == run.id, EVENTS.c.kind == "evaluated").order_by(EVENTS.c.number)
    with server.store.database.reading() as connection:
        stored = {number: moment.timestamp() for moment, number in connection.execute(query)}
    epochs = {e.epoch: stored[n] for n, e in server.store.events(run.id) if n in stored and e.part == "validation"}
    began = seen[0][1] / 1000
    shown = {epoch: next((at / 1000 for reached, at in seen if reached >= epoch), None) for epoch in epochs}
    return tuple(at - epochs[epoch] for epoch, at in shown.items() if at is not None and epochs[epoch] > began)


def cpu_of_a_page(server: Server, visitor: Visitor) -> tuple[float, ...]:
    """Per cent of a core that the web server takes for an open live page, beyond what it takes with none, five times five seconds."""
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    run = training(server, 901)
    bare = [process.cpu_percent(5) for _ in range(2)][1:]
    tab = visitor.open(f"/run?run={run.id}")
    tab.locator(".js-plotly-plot .main-svg").first.wait_for()
    idle(tab)
    process.cpu_percent()
    open_ = [waited(tab, process) for _ in range(TIMES)]
    server.store.request_cancel(run.id)
    tab.close()
    return tuple(each - bare[0] for each in open_)


def waited(tab: Page, process: psutil.Process) -> float:
    """The browser must be let run while the server is watched."""
    tab.wait_for_timeout(5000)
    return process.cpu_percent()


def memory(server: Server, visitor: Visitor) -> float:
    """Megabytes of the web process with five pages open, one of them live."""
    assert server.process is not None
    run = training(server, 902)
    tabs = [visitor.open(path) for path in (f"/run?run={run.id}", "/saliency", "/trade_off", "/widths", "/runs")]
    for tab in tabs:
        idle(tab)
    size = psutil.Process(server.process.pid).memory_info().rss / 1e6
    server.store.request_cancel(run.id)
    for tab in tabs:
        tab.close()
    return size


def repeated(measure: Callable[[int], float]) -> tuple[float, ...]:
    """The first time warms caches and is left out."""
    return tuple(measure(seed) for seed in range(100, 101 + TIMES))[1:]


def main() -> None:
    before = load()
    server = Server(Path(tempfile.mkdtemp(prefix="espalier-bench-")) / "home")
    try:
        with sync_playwright() as playwright:
            found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
            browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
            visitor = Visitor(browser.new_context(viewport={"width": 1280, "height": 800}), server.url)
            figures = [
                Figure("click on Start run to the first picture of the live run", repeated(lambda s: live(visitor, s)), "s", 1.5),
                Figure("click on Look to the whole grid, MNIST, ten classes", repeated(lambda s: grid(visitor, s)), "s", 4),
                Figure("slider to pixel, masks", moves(visitor.open("/saliency"), ".espalier-viewer input[type=range]", 3), "ms", 50),
                Figure("slider to pixel, widths", moves(visitor.open("/widths"), ".espalier-widths input[type=range]", 1), "ms", 50),
                Figure("measurement in the store to its point on an open page, asked every second", latency(server, visitor), "s", 1),
                Figure("CPU of the web server for an open live page", cpu_of_a_page(server, visitor), "%", 3),
                Figure("memory of the web server with five pages open", (memory(server, visitor),), "MB", 350),
            ]
            browser.close()
    finally:
        server.stop()
        shutil.rmtree(server.home.parent, ignore_errors=True)
    keep("dashboard", "As a visitor feels it: warm server, Chromium without a GPU on the same machine", figures, before)


if __name__ == "__main__":
    main()
