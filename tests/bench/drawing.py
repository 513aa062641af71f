"""The recorded figures 1 and 3 of SNIP as pictures, drawn by the dashboard's own charts from results/figures.json.

    python -m tests.bench.drawing              # seconds; needs a Chromium (CHROMIUM, or one that Playwright installed)

Writes results/figure_1_lenet_300_100.png and its like. Every picture says how long the runs trained.
"""

import json
import os
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import plotly.graph_objects as go
from playwright.sync_api import sync_playwright

from prune_core import RunSpec
from prune_core.catalogue.published import published
from prune_core.charts.theme import LIGHT, faded, figure
from prune_core.charts.trade_off_drawing import draw
from prune_core.charts.trade_off_folding import trade_off
from prune_core.results import Environment, Result, grouped
from prune_core.statistics import interval
from tests.browser.conftest import FLAGS

RESULTS = Path(__file__).parent / "results"
WIDTH, HEIGHT = 900, 520
PAPER = "values printed in the paper, which does not state how long was trained."


def seeds_of(row: dict[str, Any]) -> list[Result]:
    """The runs of a line of the record, as the charts take them."""
    specs = [RunSpec(dataset="mnist", seed=seed, **row["fields"]) for seed in range(len(row["errors"]))]
    return [
        Result(
            id=spec.fingerprint, title=spec.title, spec=spec, group=spec.group, seed=spec.seed, state="finished",
            test_accuracy=1 - error / 100, validation_accuracy=None, weights_kept=row["weights_kept"], weights=row["weights"], effective=None,
            seconds=None, at_chance=error not in row["counted"], example=False, environment=Environment(), created=datetime.now(UTC),
        )
        for spec, error in zip(specs, row["errors"], strict=True)
    ]  # fmt: skip


def figure_1(rows: list[dict[str, Any]]) -> go.Figure:
    """Test error over the weights that are left, with Table 1's values of SNIP."""
    model = rows[0]["fields"]["model"]
    printed = [entry for entry in published(model, "mnist") if entry.method.startswith("SNIP")]
    numbers = trade_off(grouped(r for row in rows for r in seeds_of(row)), published=printed)
    return titled(draw(numbers, LIGHT, HEIGHT), f"SNIP, Figure 1: {numbers.network} on {numbers.data}", rows, "Rings")


def figure_3(rows: list[dict[str, Any]]) -> go.Figure:
    """Test error over the number of images that the scores are computed from."""
    images = [row["fields"]["criterion_options"]["n_examples"] for row in rows]
    means = [interval(row["counted"]) for row in rows]
    style = LIGHT.style("snip")
    halves = [mean.half or 0.0 for mean in means]
    fig = figure(
        LIGHT, HEIGHT, margin={"l": 62, "r": 24, "t": 70, "b": 64},
        xaxis={"type": "log", "title": {"text": "Training images that the scores are computed from, log scale"}, "tickvals": images,
               "ticktext": [f"{n:,}" for n in images]},
        yaxis={"title": {"text": "Test error (%)"}, "rangemode": "tozero"},
    )  # fmt: skip
    for row, n in zip(rows, images, strict=True):
        fig.add_scatter(x=[n] * len(row["errors"]), y=row["errors"], mode="markers", marker={"color": faded(style.colour, 0.5), "size": 6})
    fig.add_scatter(
        x=images, y=[mean.mean for mean in means], mode="lines+markers", line={"color": style.colour, "width": 2.25},
        marker={"size": 10, "color": style.colour}, error_y={"type": "data", "array": halves, "color": style.colour, "thickness": 1.5},
    )  # fmt: skip
    fig.add_scatter(
        x=images, y=[row["published"] for row in rows], mode="markers", marker={"symbol": "diamond-open", "size": 11, "color": LIGHT.text}
    )
    return titled(fig, "SNIP, Figure 3: LeNet-300-100 on MNIST, 90 % removed", rows, "Diamonds")


def titled(fig: go.Figure, title: str, rows: list[dict[str, Any]], marks: str) -> go.Figure:
    """The picture with what it is, how long was trained, and what the marks are, on itself."""
    epochs, seeds = rows[0]["fields"]["epochs"], len(rows[0]["errors"])
    said = f"<b>{title}</b><br><span style='font-size:13px'>Ours: {epochs} epochs, {seeds} seeds, means with 95 % intervals. {marks}: {PAPER}</span>"
    margin = fig.layout.margin.to_plotly_json() | {"t": 84}
    return fig.update_layout(title={"text": said, "x": 0.02, "y": 0.96, "font": {"size": 17}}, margin=margin, paper_bgcolor=LIGHT.paper)


def pictures(figures: Mapping[str, go.Figure], to: Path = RESULTS) -> None:
    """Write NAME.png of every figure, drawn by a real browser."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=FLAGS)
        tab = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=1.5)
        for name, fig in figures.items():
            page = Path(folder) / f"{name}.html"
            tab.set_viewport_size({"width": WIDTH, "height": int(fig.layout.height)})
            fig.write_html(page, config={"staticPlot": True}, default_width=f"{WIDTH}px")
            tab.goto(page.as_uri())
            tab.locator(".js-plotly-plot .main-svg").first.wait_for()
            tab.add_style_tag(content="body { margin: 0 }")
            tab.screenshot(path=to / f"{name}.png")
            print(to.name, f"{name}.png")
        browser.close()


def main() -> None:
    record: dict[str, list[dict[str, Any]]] = {}
    for row in json.loads((RESULTS / "figures.json").read_text()):
        record.setdefault(row["figure"], []).append(row)
    pictures({name: (figure_3 if name == "figure_3" else figure_1)(rows) for name, rows in record.items()})


if __name__ == "__main__":
    main()
