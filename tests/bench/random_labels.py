"""SNIP's Figure 4 on real MNIST: does a pruned network still learn random labels by heart? Training loss by epoch, true and random labels.

    ESPALIER_HOME=/some/folder python -m tests.bench.random_labels        # about an hour on two cores; needs MNIST in ESPALIER_DATA
    ESPALIER_HOME=/some/folder python -m tests.bench.random_labels --model lenet_300_100 --epochs 2 --to /some/folder

The runs stay in the store of ESPALIER_HOME: finished ones are not run again, and Compare shows their curves. Writes random_labels.json and .md,
and the picture, figure_4.png.
"""

import argparse
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import plotly.graph_objects as go

from prune_core import RunSpec, __version__, catalogue
from prune_core.charts.theme import LIGHT, Style, figure
from prune_core.store import Run, Store

from .drawing import pictures
from .stored import finished

RESULTS = Path(__file__).parent / "results"
EPOCHS = 56  # the figure's 30,000 steps of 100 images
SHOWN = 8  # epochs in the table


class Line(NamedTuple):
    """A curve of the figure. `family`: whose colour it has. `published`: what the paper shows of it; it prints no numbers."""

    name: str
    family: str
    fields: dict[str, Any]
    published: str


DENSE: dict[str, Any] = {"protocol": "dense", "criterion": None}
PRUNED: dict[str, Any] = {"criterion": "snip", "sparsity": 0.99}
RANDOM: dict[str, Any] = {"dataset_options": {"labels": "random"}}
LINES = (
    Line("true labels, dense", "random", {**DENSE, "weight_decay": 0.0}, "falls to 0"),
    Line("true labels, 99 % removed", "snip", {**PRUNED, "weight_decay": 0.0}, "falls nearly to 0"),
    Line("random labels, dense", "random", {**DENSE, **RANDOM, "weight_decay": 0.0}, "falls to 0: learnt by heart"),
    Line("random labels, dense, weight decay", "magnitude", {**DENSE, **RANDOM, "weight_decay": 5e-4}, "falls to nearly 0"),
    Line(
        "random labels, dense, one fall of the rate",
        "taylor",
        {**DENSE, **RANDOM, "weight_decay": 0.0, "lr_milestones": (25 / 30,)},
        "falls to 0: learnt by heart",
    ),
    Line("random labels, 99 % removed", "snip", {**PRUNED, **RANDOM, "weight_decay": 0.0}, "stays near ln 10 = 2.303"),
)


def spec_of(line: Line, model: str, epochs: int) -> RunSpec:
    return RunSpec(model=model, dataset="mnist", epochs=epochs, **line.fields)


def row(line: Line, run: Run, store: Store) -> dict[str, Any]:
    """A line of the record: losses and accuracies on the training images as they were trained on, epoch by epoch."""
    history = store.history(run.id)
    end = history.finished
    assert end is not None
    assert end.test is not None
    return {
        "name": line.name, "published": line.published, "spec": run.spec.resolved().model_dump(mode="json"), "fingerprint": run.fingerprint,
        "loss": [e.loss for e in history.epochs], "accuracy": [e.accuracy for e in history.epochs], "test_accuracy": end.test.accuracy,
        "weights_kept": end.weights_kept, "weights": end.weights, "at_chance": end.at_chance, "weights_sha256": end.weights_sha256,
        "environment": str(run.environment),
    }  # fmt: skip


def epochs_shown(n: int) -> list[int]:
    """First, last and some between, evenly."""
    return sorted({1, *(math.ceil(n * i / (SHOWN - 1)) for i in range(1, SHOWN))})


def lines(rows: list[dict[str, Any]], model: str, epochs: int) -> Iterator[str]:
    shown = epochs_shown(epochs)
    yield (
        f"SNIP, Figure 4, {catalogue.models[model].title} on real MNIST, {epochs} epochs, seed 0. Mean training loss of an epoch; "
        f"guessing gives ln 10 = {math.log(10):.3f}. Espalier {__version__}, one CPU thread a run."
    )
    yield ""
    yield (
        "Labels are drawn anew for all training images; scores are computed with true labels, as in the paper. The paper trains at a rate of 0.1, which falls "
        "to a tenth after 25,000 of 30,000 steps. Here it starts at 0.02, since at 0.1 the dense network diverges, and falls after half and three quarters of "
        "the epochs; one run keeps it up as long as the paper does."
    )
    yield ""
    yield f"| run | weights kept | {' | '.join(f'epoch {e}' for e in shown)} | training accuracy % | test accuracy % | published |"
    yield f"| --- | --- | {' | '.join('---' for _ in shown)} | --- | --- | --- |"
    for r in rows:
        losses = " | ".join(f"{r['loss'][e - 1]:.3f}" for e in shown)
        right = f"{100 * r['accuracy'][-1]:.1f} | {100 * r['test_accuracy']:.1f}"
        yield f"| {r['name']} | {r['weights_kept']:,} of {r['weights']:,} | {losses} | {right} | {r['published']} |"


def drawn(rows: list[dict[str, Any]], model: str, epochs: int) -> go.Figure:
    """Training loss over epochs, a line a run; true labels solid, random ones dashed."""
    fig = figure(
        LIGHT, 520, margin={"l": 62, "r": 270, "t": 84, "b": 64}, xaxis={"title": {"text": "Epoch"}, "range": [0, epochs + 0.5]},
        yaxis={"title": {"text": "Mean training loss of an epoch"}, "rangemode": "tozero"},
    )  # fmt: skip
    for r in rows:
        dash = "6px,4px" if r["spec"]["dataset_options"]["labels"] == "random" else "solid"
        fig.add_scatter(
            x=list(range(1, len(r["loss"]) + 1)), y=r["loss"], mode="lines", line={"color": look(r["name"]).colour, "width": 2.25, "dash": dash},
        )  # fmt: skip
    for y, r in spread([(r["loss"][-1], r) for r in rows]):
        fig.add_annotation(
            x=1,
            xref="paper",
            y=y,
            text=r["name"],
            showarrow=False,
            xanchor="left",
            xshift=6,
            font={"size": 13, "color": look(r["name"]).label},
        )
    fig.add_hline(math.log(10), line={"color": LIGHT.soft, "width": 1, "dash": "dot"})
    said = f"<b>SNIP, Figure 4: {catalogue.models[model].title} on MNIST, true and random labels</b><br><span style='font-size:13px'>"
    said += f"{epochs} epochs, seed 0. Dotted: guessing, ln 10. The paper prints no numbers.</span>"
    return fig.update_layout(title={"text": said, "x": 0.02, "y": 0.96, "font": {"size": 17}}, paper_bgcolor=LIGHT.paper)


def look(name: str) -> Style:
    return next(LIGHT.style(line.family) for line in LINES if line.name == name)


def spread(ends: list[tuple[float, dict[str, Any]]]) -> list[tuple[float, dict[str, Any]]]:
    """Where the names of lines stand: at their ends, apart from each other by a line of text."""
    apart, found = 0.14, list[tuple[float, dict[str, Any]]]()
    for y, row in sorted(ends, key=lambda end: end[0]):
        found.append((max(y, found[-1][0] + apart) if found else y, row))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=["lenet_5", "lenet_300_100"], default="lenet_5")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--to", type=Path, default=RESULTS)
    asked = parser.parse_args()
    store, specs = Store.open(), [spec_of(line, asked.model, asked.epochs) for line in LINES]
    runs = {r.fingerprint: r for r in finished(store, specs)}
    rows = [row(line, runs[spec.fingerprint], store) for line, spec in zip(LINES, specs, strict=True)]
    (asked.to / "random_labels.json").write_text(json.dumps(rows, indent=1) + "\n")
    pictures({"figure_4": drawn(rows, asked.model, asked.epochs)}, asked.to)
    told = "\n".join(lines(rows, asked.model, asked.epochs))
    (asked.to / "random_labels.md").write_text(told + "\n")
    print(told)


if __name__ == "__main__":
    main()
