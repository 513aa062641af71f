"""Runs of several specs over seeds: what is finished is kept and not run again, unless its spec has changed; one table of test errors."""

import argparse
import json
import math
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

from scipy import stats

from prune_core import RunSpec, __version__, catalogue, run
from prune_core.settings import settings

RESULTS = Path(__file__).parent / "results"


class Study(NamedTuple):
    """Runs that differ in the seed alone. `published`: what papers say; `wanted`: percent of error that the mean is to stay under."""

    name: str
    fields: dict
    published: str = "-"
    wanted: float = math.inf
    seeds: int = 5

    def spec(self, seed: int) -> RunSpec:
        return RunSpec(dataset="mnist", seed=seed, **self.fields)


def carry_out(studies: Sequence[Study], record: str, heading: str) -> None:
    """Run what is not in results/RECORD.json yet, one thread a run, and write results/RECORD.md. `--only` names a study."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", choices=[s.name for s in studies])
    only = parser.parse_args().only
    RESULTS.mkdir(exist_ok=True)
    stored = RESULTS / f"{record}.json"
    known = json.loads(stored.read_text()) if stored.exists() else []
    rows = {(r["study"], r["seed"]): r for r in known}
    jobs = {(s.name, seed): s.spec(seed) for s in studies for seed in range(s.seeds)}
    wanted = {
        key: spec for key, spec in jobs.items() if only in (None, key[0]) and rows.get(key, {}).get("fingerprint") != spec.fingerprint
    }
    with ProcessPoolExecutor(settings().slot_count) as pool:
        for job in as_completed([pool.submit(measured, *key, spec) for key, spec in wanted.items()]):
            r = job.result()
            rows[r["study"], r["seed"]] = r
            print(f"{r['study']} seed {r['seed']}: error {r['error']:.2f} %, {r['seconds']:.0f} s", flush=True)
            stored.write_text(json.dumps([rows[k] for k in sorted(rows)], indent=1) + "\n")
    lines = [
        f"{heading} Test error in %, mean and 95 % t-interval over seeds. Espalier {__version__}, one CPU thread a run.", "",
        "| run | weights kept | test error % | each seed | published error % | target |", "| --- | --- | --- | --- | --- | --- |",
    ]  # fmt: skip
    lines += [row(s, found) for s in studies if (found := [r for r in rows.values() if r["study"] == s.name])]
    (RESULTS / f"{record}.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


def measured(name: str, seed: int, spec: RunSpec) -> dict:
    """One run, as a row of plain numbers."""
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
    mean = sum(errors) / len(errors) if errors else math.nan
    half = stats.sem(errors) * stats.t.ppf(0.975, len(errors) - 1) if len(errors) > 1 else math.nan
    chance = len(rows) - len(errors)
    of = f"{len(errors)} of {len(rows)} seeds" + (f"; {chance} stayed at chance" if chance else "")
    wanted = "-" if math.isinf(study.wanted) else f"at most {study.wanted}"
    each = ", ".join(f"{r['error']:.2f}" for r in sorted(rows, key=lambda r: r["seed"]))
    spec = study.spec(0)
    shared = f" ({catalogue.allocations[spec.allocation].title})" if spec.allocation else ""
    what = f"{spec.method}{shared}, {spec.model_entry.title}, {spec.epochs} epochs"
    return f"| {what} | {rows[0]['weights_kept']:,} of {rows[0]['weights']:,} | **{mean:.2f} ± {half:.2f}** ({of}) | {each} | {study.published} | {wanted} |"
