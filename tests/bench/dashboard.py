"""The dashboard as a visitor feels it: click to saliency grid, click to live run, slider to pixel, submit to first training step.

    python -m tests.bench.dashboard            # about a minute; needs MNIST in ESPALIER_DATA and a Chromium

A real server with a warm supervisor, a real browser on the same machine; medians with range. Writes results/dashboard.md.
"""

import os
import platform
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from prune_core import RunSpec
from prune_core.service import submit
from tests.browser.conftest import FLAGS, Server, Visitor, idle, until

RESULTS = Path(__file__).parent / "results" / "dashboard.md"
TIMES = 5
GRID = """() => { const all = [...document.querySelectorAll('*')].flatMap(e => e.shadowRoot ? [...e.shadowRoot.querySelectorAll('canvas')] : []);
  return all.concat([...document.querySelectorAll('.espalier-viewer canvas')]).length >= 100 }"""
SLIDER = """input => { const began = performance.now(); input.value = +input.value - 3; input.dispatchEvent(new Event('input'));
  return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began)))) }"""


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


def moves(tab: Page) -> list[float]:
    """Seconds from a move of the slider to the frame after the redrawn masks, for as many moves."""
    slider = tab.locator(".espalier-viewer input[type=range]").first
    slider.wait_for()
    tab.wait_for_function(GRID)
    return [slider.evaluate(SLIDER) / 1000 for _ in range(15)]


def first_step(server: Server, seed: int) -> float:
    """Seconds from submitting to the first progress of training, by the events' own clock: submit, claim, fork, data, scores, pruning, step."""
    store, began = server.store, time.perf_counter()
    run = submit(store, RunSpec(dataset="mnist", epochs=20, seed=seed))
    until(lambda: len(store.events(run.id)) >= 4, "the first measurement")
    seconds = time.perf_counter() - began
    store.request_cancel(run.id)
    until(lambda: store.run(run.id).state == "cancelled", "the run to be cancelled")
    return seconds


def line(what: str, times: list[float], target: str) -> str:
    return f"| {what} | **{statistics.median(times):.3f}** ({min(times):.3f} to {max(times):.3f}) | {len(times)} | {target} |"


def repeated(measure: Callable[[int], float]) -> list[float]:
    """The first time warms caches and is left out."""
    return [measure(seed) for seed in range(100, 101 + TIMES)][1:]


def main() -> None:
    server = Server(Path(tempfile.mkdtemp(prefix="espalier-bench-")) / "home")
    try:
        with sync_playwright() as playwright:
            found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
            browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
            visitor = Visitor(browser.new_context(viewport={"width": 1280, "height": 800}), server.url)
            rows = [
                line("click on Look to the whole grid, MNIST, ten classes", repeated(lambda s: grid(visitor, s)), "4"),
                line("click on Start run to the first picture of the live run", repeated(lambda s: live(visitor, s)), "1.5"),
                line("slider to pixel", moves(visitor.open("/saliency")), "0.05"),
                line("submit to the first measurement after scoring and pruning", repeated(lambda s: first_step(server, s)), "-"),
            ]
            browser.close()
    finally:
        server.stop()
        shutil.rmtree(server.home.parent, ignore_errors=True)
    table = ["| what | median seconds (range) | n | target: at most |", "| --- | --- | --- | --- |", *rows]
    text = (
        "\n".join([f"Warm server, {os.cpu_count()} cores, {platform.machine()}, Chromium without a GPU on the same machine.", "", *table])
        + "\n"
    )
    RESULTS.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
