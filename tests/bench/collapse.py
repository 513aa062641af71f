"""At which sparsity does a criterion leave a whole layer of VGG-16 without weights? Scorings of the untrained network at full width, layer by layer.

    ESPALIER_HOME=/some/folder python -m tests.bench.collapse          # about half an hour on two cores; needs the small CIFAR-10 in ESPALIER_DATA

SynFlow prunes in its hundred rounds, anew for every sparsity. The runs stay in the store of ESPALIER_HOME, where Saliency shows them.
Writes collapse.json, collapse.md and collapse.png.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from textwrap import wrap
from typing import Any

from prune_core import RunSpec, __version__
from prune_core.charts import frontier
from prune_core.charts.theme import LIGHT
from prune_core.store import Store

from .drawing import pictures
from .stored import finished

RESULTS = Path(__file__).parent / "results"
ASKED = (0.9, 0.99, 0.999)
BETWEEN, BEYOND = (0.95, 0.98, 0.995, 0.998), (0.9995, 0.9998, 0.9999)
SEEDS = 3
LETTERS = 120  # of a line of the picture


def spec(seed: int, sparsities: Iterable[float]) -> RunSpec:
    asked = {
        "criteria": ["synflow", "random", "magnitude", "snip", "grasp"],
        "classes": "all",
        "rounds": "own",
        "sparsities": sorted(sparsities),
    }
    return RunSpec(model="vgg_16", dataset="cifar_10_small", protocol="score", seed=seed, protocol_options=asked)


DRAWN = (spec(0, (*ASKED, *BETWEEN)), spec(0, BEYOND))
SPECS = (*DRAWN, *(spec(seed, ASKED) for seed in range(1, SEEDS)))


def rows(store: Store, run_id: str, seed: int) -> Iterator[dict[str, Any]]:
    """A line of the record for each criterion and sparsity: what is left of every layer."""
    for event in store.history(run_id).scorings:
        for sparsity, kept in zip(event.sparsities, event.kept, strict=True):
            lost = [name for name, k in zip(event.layers, kept, strict=True) if k == 0]
            least = min(zip(kept, event.layers, strict=True))
            yield {
                "criterion": event.criterion, "rounds": event.scorings, "seed": seed, "sparsity": sparsity, "kept": sum(kept),
                "lost": lost, "fewest": list(least), "layers": dict(zip(event.layers, kept, strict=True)), "seconds": event.seconds,
            }  # fmt: skip


def lines(found: list[dict[str, Any]]) -> Iterator[str]:
    weights = sum(layer.weights for layer in SPECS[0].model_entry.layers)
    yield (
        f"VGG-16 at full width ({weights:,} weights), untrained, scored on the small CIFAR-10; {SEEDS} seeds. Layers that keep no weight at all, and the "
        f"fewest weights that any layer keeps, seed by seed. Espalier {__version__}."
    )
    yield from ("", "| criterion | removed | kept | layers lost | fewest left in a layer |", "| --- | --- | --- | --- | --- |")
    for criterion, rounds in {(r["criterion"], r["rounds"]): None for r in found}:
        for sparsity in ASKED:
            of = [r for r in found if (r["criterion"], r["sparsity"]) == (criterion, sparsity)]
            lost = "; ".join(f"{len(r['lost'])} ({', '.join(r['lost'])})" if r["lost"] else "none" for r in of)
            fewest = "; ".join(f"{r['fewest'][0]:,} ({r['fewest'][1]})" for r in of)
            kept = ", ".join(sorted({f"{r['kept']:,}" for r in of}))
            yield f"| {criterion}{f', {rounds} rounds' if rounds > 1 else ''} | {100 * sparsity:g} % | {kept} | {lost} | {fewest} |"


def main() -> None:
    store = Store.open()
    runs = finished(store, SPECS)
    found = [row for run in runs for row in rows(store, run.id, run.spec.seed)]
    (RESULTS / "collapse.json").write_text(json.dumps(found, indent=1) + "\n")
    (RESULTS / "collapse.md").write_text("\n".join(lines(found)) + "\n")
    numbers = frontier.frontier([store.history(run.id) for run in runs[: len(DRAWN)]])
    heading = f"{numbers.network}, untrained: how far each criterion prunes before a layer keeps nothing"
    sentence = "<br>".join(wrap(numbers.sentence, LETTERS))
    said = f"<b>{heading}</b><br><span style='font-size:13px'>{sentence}</span>"
    fig = frontier.draw(numbers, LIGHT, 420)
    margin = fig.layout.margin.to_plotly_json() | {"t": 104}
    title = {"text": said, "x": 0.02, "y": 0.95, "font": {"size": 17}}
    pictures({"collapse": fig.update_layout(title=title, margin=margin, paper_bgcolor=LIGHT.paper)})
    print("\n".join(lines(found)))


if __name__ == "__main__":
    main()
