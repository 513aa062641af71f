"""Real MNIST beside the published values: default options, five seeds, test error with its 95 % t-interval.

    python -m tests.bench.published            # about 20 minutes on two cores; needs MNIST in ESPALIER_DATA
    python -m tests.bench.published --only snip_95

Finished seeds are kept in results/published.json and not run again, unless the spec has changed since. Writes results/published.md.
"""

import argparse
import json
import math
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

from scipy import stats

from prune_core import RunSpec, __version__, run
from prune_core.settings import settings

RESULTS = Path(__file__).parent / "results"
SEEDS = range(5)


class Study(NamedTuple):
    name: str
    fields: dict
    published: str
    wanted: float


STUDIES = (
    Study("dense", {"protocol": "dense", "epochs": 20}, "1.7 (SNIP, Table 1, reference)", math.inf),
    Study("snip_95", {"criterion": "snip", "sparsity": 0.95, "epochs": 20}, "1.6 (SNIP, Table 1)", 2.3),
    Study(
        "iterative_90", {"criterion": "magnitude", "protocol": "iterative", "sparsity": 0.9, "epochs": 20},
        "1.6 at 91.7 % (Han et al., quoted in SNIP, Table 1)", 2.2,
    ),
    Study("lenet_5_snip_98", {"model": "lenet_5", "criterion": "snip", "sparsity": 0.98, "epochs": 20, "lr": 0.1}, "0.8 (SNIP, Table 1)", 1.5),
)  # fmt: skip


def spec_of(study: Study, seed: int) -> RunSpec:
    return RunSpec(dataset="mnist", seed=seed, **study.fields)


def measured(name: str, seed: int) -> dict:
    """One run, as a row of plain numbers."""
    spec = spec_of(next(s for s in STUDIES if s.name == name), seed)
    versions: dict = {}
    for _, event in run(spec, threads=1):
        if event.kind == "started":
            versions = event.versions
    return {
        "study": name, "seed": seed, "fingerprint": spec.fingerprint, "error": 100 * (1 - event.test.accuracy), "at_chance": event.at_chance,
        "weights_kept": event.weights_kept, "weights": event.weights, "seconds": event.seconds, "weights_sha256": event.weights_sha256, "versions": versions,
    }  # fmt: skip


def row(study: Study, rows: list[dict]) -> str:
    errors = [r["error"] for r in rows if not r["at_chance"]]
    mean = sum(errors) / len(errors)
    half = stats.sem(errors) * stats.t.ppf(0.975, len(errors) - 1) if len(errors) > 1 else math.nan
    chance = len(rows) - len(errors)
    of = f"{len(errors)} of {len(rows)} seeds" + (f"; {chance} stayed at chance" if chance else "")
    wanted = "-" if math.isinf(study.wanted) else f"at most {study.wanted}"
    each = ", ".join(f"{r['error']:.2f}" for r in sorted(rows, key=lambda r: r["seed"]))
    spec = spec_of(study, 0)
    what = f"{spec.method}, {spec.model_entry.title}, {spec.epochs} epochs"
    return f"| {what} | {rows[0]['weights_kept']:,} of {rows[0]['weights']:,} | **{mean:.2f} ± {half:.2f}** ({of}) | {each} | {study.published} | {wanted} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=[s.name for s in STUDIES])
    only = parser.parse_args().only
    RESULTS.mkdir(exist_ok=True)
    stored = RESULTS / "published.json"
    known = json.loads(stored.read_text()) if stored.exists() else []
    rows = {(r["study"], r["seed"]): r for r in known}
    fresh = {
        k
        for k, r in rows.items()
        if (s := next((s for s in STUDIES if s.name == k[0]), None)) and spec_of(s, k[1]).fingerprint == r["fingerprint"]
    }
    wanted = [(s.name, seed) for s in STUDIES for seed in SEEDS if only in (None, s.name) and (s.name, seed) not in fresh]
    with ProcessPoolExecutor(settings().slot_count) as pool:
        for job in as_completed([pool.submit(measured, *w) for w in wanted]):
            r = job.result()
            rows[r["study"], r["seed"]] = r
            print(f"{r['study']} seed {r['seed']}: error {r['error']:.2f} %, {r['seconds']:.0f} s", flush=True)
            stored.write_text(json.dumps([rows[k] for k in sorted(rows)], indent=1) + "\n")
    lines = [
        f"MNIST, test error in %, mean and 95 % t-interval over seeds. Espalier {__version__}, one CPU thread a run.", "",
        "| run | weights kept | test error % | each seed | published error % | target |", "| --- | --- | --- | --- | --- | --- |",
    ]  # fmt: skip
    lines += [row(s, found) for s in STUDIES if (found := [r for r in rows.values() if r["study"] == s.name])]
    (RESULTS / "published.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
