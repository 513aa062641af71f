"""What a bench says: figures with their spread beside their target, the machine they are from, one table of all parts."""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import psutil

RESULTS = Path(__file__).parent / "results"
PATIENCE = 600.0
DIGITS = {"x": 2, "s": 3, "ms": 1, "µs": 0, "MB": 0, "%": 1}


class Figure(NamedTuple):
    """One thing that was measured. `values`: each measurement, or each pair's ratio, in `unit` ("x" for ratios).

    target: at most, or at least, so much; None where there is none. note: medians of both sides, what differs, why a target is missed.
    """

    what: str
    values: tuple[float, ...]
    unit: str
    target: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def verdict(self) -> str:
        if self.target is None:
            return "-"
        met = self.median >= self.target if self.at_least else self.median <= self.target
        return "met" if met else "**not met**"

    @property
    def row(self) -> str:
        def said(value: float) -> str:
            return f"{value:.2g}" if 0 < abs(value) < 0.1 and self.unit in ("x", "s") else f"{value:.{DIGITS[self.unit]}f}"

        unit = "" if self.unit == "x" else f" {self.unit}"
        wanted = "-" if self.target is None else f"at {'least' if self.at_least else 'most'} {self.target:g}{unit}"
        spread = f" ({said(min(self.values))} to {said(max(self.values))})" if len(self.values) > 1 else ""
        return f"| {self.what} | **{said(self.median)}{unit}**{spread} | {len(self.values)} | {wanted} | {self.verdict} | {self.note} |"


def side_by_side(
    what: str, ours: Callable[[], float], theirs: Callable[[], float], pairs: int, target: float | None, **more: object
) -> Figure:
    """Ours and theirs in turns (A B A B), as the ratio of each pair: what else the machine does falls on both."""
    found = [(ours(), theirs()) for _ in range(pairs)]
    medians = tuple(statistics.median(side) for side in zip(*found, strict=True))
    note = f"{medians[0]:.3g} s beside {medians[1]:.3g} s. {more.pop('note', '')}".strip()
    return Figure(what, tuple(a / b for a, b in found), "x", target, note=note, **more)  # type: ignore[arg-type]


def until(ask: Callable[[], object], what: str) -> None:
    """Wait until the answer counts as true, looking every few milliseconds; ten minutes at most."""
    end = time.monotonic() + PATIENCE
    while not ask():
        if time.monotonic() > end:
            raise SystemExit(f"Waited {PATIENCE:.0f} s in vain: {what}.")
        time.sleep(0.004)


def machine() -> str:
    """The machine in words."""
    names = [line.partition(":")[2].strip() for line in cpuinfo() if line.startswith("model name")]
    memory = psutil.virtual_memory().total / 2**30
    return f"{len(os.sched_getaffinity(0))} cores of {names[0] if names else platform.machine()}, {memory:.0f} GiB, Python {platform.python_version()}"


def cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def load() -> float:
    """Processes that wanted to run in the last minute."""
    return os.getloadavg()[0]


def keep(part: str, title: str, figures: Sequence[Figure], before: float) -> None:
    """Write what a part of the bench found, and the table of all parts anew. `before`: the load when it began."""
    RESULTS.mkdir(exist_ok=True)
    data = {
        "title": title, "at": f"{datetime.now(UTC):%Y-%m-%d}", "machine": machine(), "load": [round(before, 1), round(load(), 1)],
        "figures": [figure._asdict() for figure in figures],
    }  # fmt: skip
    (RESULTS / f"{part}.json").write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")
    text = "\n".join(section(data)[1:])
    (RESULTS / f"{part}.md").write_text(text + "\n")
    print(text, flush=True)


def section(data: dict) -> list[str]:
    rows = [Figure(**{**figure, "values": tuple(figure["values"])}).row for figure in data["figures"]]
    busy = f"{data['load'][0]:g} to {data['load'][1]:g}"
    return [
        f"## {data['title']}", f"{data['at']}, {data['machine']}; load average {busy}. Median (smallest to largest).", "",
        "| what | median | n | target | | |", "| --- | --- | --- | --- | --- | --- |", *rows, "",
    ]  # fmt: skip


def write_table(parts: Sequence[str]) -> None:
    """results/bench.md: every part that has been measured, in the given order."""
    found = [json.loads((RESULTS / f"{part}.json").read_text()) for part in parts if (RESULTS / f"{part}.json").exists()]
    lines = ["# Measured", "", "Made by `python -m tests.bench`; each part can be run by itself and the rest stays.", ""]
    (RESULTS / "bench.md").write_text("\n".join(lines + [line for data in found for line in section(data)]))
