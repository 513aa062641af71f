"""SNIP's Figure 1 and Figure 3 on real MNIST, at reduced length, beside the published values.

    ESPALIER_HOME=/some/folder python -m tests.bench.figures             # about 35 minutes on two cores; needs MNIST in ESPALIER_DATA
    ESPALIER_HOME=/some/folder python -m tests.bench.figures --only figure_3

The runs stay in the store of ESPALIER_HOME: finished ones are not run again, and Trade-off shows them. Writes results/figures.json and .md.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from prune_core import RunSpec, __version__
from prune_core.results import grouped, results
from prune_core.statistics import interval
from prune_core.steps import percent
from prune_core.store import Run, Store

from .stored import finished

RESULTS = Path(__file__).parent / "results"
BATCHES = {1: 1.94, 10: 1.72, 100: 1.64, 1_000: 1.56, 10_000: 1.40}
TABLE_1 = {"lenet_300_100": {0.0: 1.7, 0.95: 1.6, 0.98: 2.4}, "lenet_5": {0.0: 0.9, 0.98: 0.8, 0.99: 1.1}}


class Point(NamedTuple):
    """A place on a figure: what it is called, the published error in % if there is one, the fields of its runs."""

    figure: str
    name: str
    published: float | None
    fields: dict[str, Any]
    seeds: int


def points() -> Iterator[Point]:
    for model, sparsities, seeds, epochs in (
        ("lenet_300_100", (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99), 5, 10),
        ("lenet_5", (0.5, 0.9, 0.95, 0.98, 0.99), 3, 5),
    ):
        for sparsity in (0.0, *sparsities):
            fields: dict[str, Any] = {"model": model, "epochs": epochs}
            fields |= {"sparsity": sparsity, "criterion": "snip"} if sparsity else {"protocol": "dense", "criterion": None}
            name = f"{percent(sparsity)} removed" if sparsity else "reference, nothing removed"
            yield Point(f"figure_1_{model}", name, TABLE_1[model].get(sparsity), fields, seeds)
    for n, published in BATCHES.items():
        fields = {"sparsity": 0.9, "criterion": "snip", "epochs": 20, "criterion_options": {"n_examples": n}}
        yield Point("figure_3", f"scored on {n:,} {'image' if n == 1 else 'images'}", published, fields, 5)


def specs(point: Point) -> list[RunSpec]:
    return [RunSpec(dataset="mnist", seed=seed, **point.fields) for seed in range(point.seeds)]


HEADS = {
    "figure_1_lenet_300_100": "SNIP, Figure 1, LeNet-300-100: **10 epochs** (the paper does not state its length; Table 1's values are its own)",
    "figure_1_lenet_5": "SNIP, Figure 1, LeNet-5-Caffe: **5 epochs** (reduced in the same way)",
    "figure_3": "SNIP, Figure 3, LeNet-300-100, 90 % removed, 20 epochs: images that the scores are computed from",
}  # fmt: skip


def row(point: Point, runs: list[Run]) -> dict[str, Any]:
    """A line of the record. Errors in % of the 10,000 test images, of every seed; runs that stayed at chance are in no mean."""
    (group,) = grouped(results(runs))
    first = group.results[0]
    return {
        "figure": point.figure, "name": point.name, "published": point.published, "fields": point.fields, "seeds": group.words,
        "errors": [100 * (r.test_error or 0) for r in group.results.values()], "counted": [100 * e for e in group.values("test_error").values()],
        "weights_kept": first.weights_kept, "weights": first.weights, "environment": str(first.environment), "mixed": group.mixed,
    }  # fmt: skip


def lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    yield f"Real MNIST, test error in %, mean and 95 % t-interval over seeds. Espalier {__version__}, one CPU thread a run."
    for figure, head in HEADS.items():
        yield from ("", head, "", "| runs | weights kept | test error % | each seed | published % |", "| --- | --- | --- | --- | --- |")
        for r in (r for r in rows if r["figure"] == figure):
            mean = interval(r["counted"])
            spread = "" if mean.half is None else f" ± {mean.half:.2f}"
            each = ", ".join(f"{e:.2f}" for e in r["errors"])
            kept = f"{r['weights_kept']:,} of {r['weights']:,}"
            yield f"| {r['name']} | {kept} | **{mean.mean:.2f}{spread}** ({r['seeds']}) | {each} | {r['published'] or ''} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=sorted(HEADS))
    only, store = parser.parse_args().only, Store.open()
    chosen = [p for p in points() if only in (None, p.figure)]
    runs = {r.fingerprint: r for r in finished(store, (s for p in chosen for s in specs(p)))}
    stored = RESULTS / "figures.json"
    known = json.loads(stored.read_text()) if stored.exists() else []
    rows = [r for r in known if r["figure"] not in {p.figure for p in chosen}]
    rows += [row(p, [runs[s.fingerprint] for s in specs(p)]) for p in chosen]
    rows.sort(key=lambda r: list(HEADS).index(r["figure"]))
    stored.write_text(json.dumps(rows, indent=1) + "\n")
    (RESULTS / "figures.md").write_text("\n".join(lines(rows)) + "\n")
    print("\n".join(lines(rows)))


if __name__ == "__main__":
    main()
