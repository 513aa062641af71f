"""Do the widths that pruning finds agree between seeds? VGG-16 pruned to 40 % of its channels by network slimming, five seeds, on real photographs.

    ESPALIER_HOME=/some/folder python -m tests.bench.consistent_structure        # about half an hour on two cores; needs CIFAR-10 small in ESPALIER_DATA

The runs stay in the store of ESPALIER_HOME: finished ones are not run again. Writes consistent_structure.json, .md and .png.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from prune_core import RunSpec, __version__
from prune_core.charts.theme import LIGHT
from prune_core.charts.widths import Member, Pick, Widths, widths
from prune_core.charts.widths_drawing import draw
from prune_core.store import Run, Store

from .drawing import pictures
from .stored import finished

RESULTS = Path(__file__).parent / "results"
SEEDS = {"network slimming": range(5), "random": range(3)}
WAYS: dict[str, dict[str, Any]] = {
    "network slimming": {"protocol": "slimming", "protocol_options": {"penalty": 1e-3, "finetune_lr": 0.01}},
    "random": {"protocol": "prune_at_init", "criterion": "random", "granularity": "channel"},
}


def spec_of(way: str, seed: int) -> RunSpec:
    return RunSpec(
        model="vgg_16", model_options={"width": 0.25}, dataset="cifar_10_small", sparsity=0.6, epochs=6, seed=seed, **WAYS[way],
    )  # fmt: skip


def folded(store: Store, way: str, runs: Sequence[Run]) -> Widths:
    members = [Member(r.id, r.spec.seed, store.history(r.id).prunings) for r in runs]
    return widths([Pick(way, runs[0].spec, tuple(members))], "channels")


def row(way: str, numbers: Widths, runs: Sequence[Run]) -> dict[str, Any]:
    """Channels of every layer by seed; how far they agree: mean coefficient of variation, and rank correlation between seeds of what share stays."""
    profile = numbers.profiles[0]
    last = profile.moments[-1].kept
    return {
        "way": way, "layers": [r.title for r in numbers.rows], "units": [r.units for r in numbers.rows], "mean": [k.mean for k in last],
        "low": [k.low for k in last], "high": [k.high for k in last], "cv": [k.cv for k in last],
        "accuracy": [r.summary.test_accuracy for r in runs if r.summary], "sentence": numbers.sentence,
        "fingerprints": [r.fingerprint for r in runs],
    }  # fmt: skip


def correlations(store: Store, runs: Sequence[Run]) -> list[float]:
    """Spearman's rank correlation of the shares that layers keep, for every pair of seeds."""
    shares = [[layer.kept / layer.units for layer in store.history(r.id).prunings[-1].layers] for r in runs]
    return [float(stats.spearmanr(shares[i], shares[j]).statistic) for i in range(len(shares)) for j in range(i)]


def lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    n = len(SEEDS["network slimming"])
    yield (
        f"VGG-16 at a quarter of its channels on CIFAR-10 small, pruned to 40 % of its channels, {n} seeds, 6 epochs. Espalier {__version__}, "
        "one CPU thread a run. Random channels are the control, with three seeds: what agrees there is chance."
    )
    yield ""
    yield "| way | test accuracy % | variation of a layer's width, mean | rank correlation between seeds, mean (lowest) |"
    yield "| --- | --- | --- | --- |"
    for r in rows:
        accuracy = f"{100 * np.mean(r['accuracy']):.1f}"
        yield (
            f"| {r['way']} | {accuracy} | {100 * np.mean([c for c in r['cv'] if c is not None]):.1f} % | "
            f"{np.mean(r['correlations']):.2f} ({min(r['correlations']):.2f}) |"
        )
    for r in rows:
        yield ""
        yield f"{r['way']}: {r['sentence']}"
        yield ""
        yield f"| layer | {' | '.join(r['layers'])} |"
        yield f"| --- | {' | '.join('---' for _ in r['layers'])} |"
        yield f"| of | {' | '.join(map(str, r['units']))} |"
        yield f"| kept, mean | {' | '.join(f'{m:.1f}' for m in r['mean'])} |"
        yield f"| kept, lowest to highest | {' | '.join(f'{a} to {b}' for a, b in zip(r['low'], r['high'], strict=True))} |"


def main() -> None:
    store = Store.open()
    rows, drawn = [], {}
    for way in WAYS:
        runs = finished(store, [spec_of(way, seed) for seed in SEEDS[way]])
        numbers = folded(store, way, runs)
        rows.append(row(way, numbers, runs) | {"correlations": correlations(store, runs)})
        if way == "network slimming":
            drawn["consistent_structure"] = draw(numbers, LIGHT).update_layout(paper_bgcolor=LIGHT.paper)
    (RESULTS / "consistent_structure.json").write_text(json.dumps(rows, indent=1) + "\n")
    pictures(drawn, RESULTS)
    told = "\n".join(lines(rows))
    (RESULTS / "consistent_structure.md").write_text(told + "\n")
    print(told)


if __name__ == "__main__":
    main()
