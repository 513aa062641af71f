"""Fisher pruning one feature map at a time as published, on WRN-40-2, and what the same sizes reach from scratch.

    ESPALIER_HOME=/some/folder python -m tests.bench.wide_resnet            # CPU: a quarter of the width, CIFAR-10 small; half an hour
    ESPALIER_HOME=/some/folder python -m tests.bench.wide_resnet --whole    # GPU: the published width on CIFAR-10; hours

The runs stay in the store of ESPALIER_HOME: finished ones are not run again. Writes wide_resnet.json and .md; they say which of both it was.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prune_core import RunSpec, __version__
from prune_core.counting import kept
from prune_core.store import Run, Store
from prune_core.twins import TwinName, twins

from .stored import finished

RESULTS = Path(__file__).parent / "results"
REDUCED: dict[str, Any] = {"model": "wrn_40_2", "model_options": {"width": 0.25}, "dataset": "cifar_10_small", "batch_size": 128}
WHOLE: dict[str, Any] = {"model": "wrn_40_2", "dataset": "cifar_10", "batch_size": 128}
REMOVALS = 200  # at the reduced width 336 middle channels can go, at the published 1,344
BESIDE: tuple[TwinName, ...] = ("dense", "scratch_e", "width_multiplier", "bottleneck")


def spec_of(whole: bool, seed: int) -> RunSpec:
    """Published: 100 steps between removals at 8e-4 after 200 epochs at 0.1. Reduced: 3 steps after 6 epochs."""
    base = WHOLE if whole else REDUCED
    channels = RunSpec(**base).model_entry.channels
    every, dense, rate = (100, 200, 8e-4) if whole else (3, 6, 0.01)
    removals = 1300 if whole else REMOVALS
    steps = -(-RunSpec(**base).dataset_entry.train // 128)
    epochs = dense + -(-(removals + 1) * every // steps)
    spec = RunSpec(
        **base, protocol="one_at_a_time", criterion="fisher", sparsity=removals / channels, epochs=epochs, seed=seed,
        protocol_options={"every": every, "finetune_lr": rate, "keep_min": 0, "looks": 10},
    )  # fmt: skip
    assert channels - kept(channels, spec.sparsity) == removals
    return spec


def told(store: Store, name: str, run: Run) -> dict[str, Any]:
    s, history = run.summary, store.history(run.id)
    assert s is not None
    return {
        "name": name, "seed": run.spec.seed, "title": run.title, "parameters": s.parameters, "macs": s.macs, "accuracy": s.test_accuracy,
        "latency": s.latency, "latency_128": s.latency_128, "epochs": run.spec.epochs, "fingerprint": run.fingerprint,
        "removals": [[r.group, r.channel] for r in history.removals],
        "validation": [[p.round, p.before.accuracy, p.after.accuracy] for p in history.prunings],
    }  # fmt: skip


def lines(rows: list[dict[str, Any]], whole: bool) -> Iterator[str]:
    how = (
        "at its published width on CIFAR-10"
        if whole
        else "REDUCED: at a quarter of its published width, on the 7,200 training images of CIFAR-10 small, "
        "3 steps between removals instead of 100; its accuracies are not the paper's"
    )
    yield f"WRN-40-2 {how}. One feature map at a time by Fisher's delta, at least 200 removals. Espalier {__version__}."
    yield ""
    yield "| network | seed | channels removed | parameters | multiply-adds | epochs | test accuracy % | 128 images, ms |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for r in rows:
        latency = "-" if r["latency_128"] is None else f"{1000 * r['latency_128']:.1f}"
        gone = f"{len(r['removals']):,}" if r["removals"] else "-"
        yield (
            f"| {r['name']} | {r['seed']} | {gone} | {r['parameters']:,} | {r['macs']:,} | {r['epochs']} | {100 * r['accuracy']:.2f} | {latency} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--seeds", type=int, default=1)
    asked = parser.parse_args()
    store, rows = Store.open(), list[dict[str, Any]]()
    for seed in range(asked.seeds):
        pruned = finished(store, [spec_of(asked.whole, seed)])[0]
        found = twins(store.history(pruned.id))
        rows.append(told(store, "pruned and tuned", pruned))
        beside = [name for name in BESIDE if name in found]
        rows += [told(store, found[n].title, run) for n, run in zip(beside, finished(store, [found[n].spec for n in beside]), strict=True)]
        (RESULTS / "wide_resnet.json").write_text(json.dumps(rows, indent=1) + "\n")
        (RESULTS / "wide_resnet.md").write_text("\n".join(lines(rows, asked.whole)) + "\n")
    print("\n".join(lines(rows, asked.whole)))


if __name__ == "__main__":
    main()
