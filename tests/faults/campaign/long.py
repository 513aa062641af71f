"""The long campaign: which injections are wanted, which are recorded, and the report of them."""

import json
import os
import platform
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from prune_core.settings import cores
from prune_core.version import __version__

from .drive import Injection, campaign
from .ground import prepare
from .table import BY_NAME, FAULTS


def go_on(count: int, least: int, seed: int, at_once: int, only: Sequence[str], fast: bool, record: Path, report: Path) -> None:
    """Inject what is wanted and not recorded yet; every injection is recorded as it ends."""
    names = [fault.name for fault in FAULTS if not only or any(word in fault.name for word in only)]
    shares = {name: BY_NAME[name].fast for name in names} if fast else wanted(names, count, least)
    record.parent.mkdir(parents=True, exist_ok=True)
    done = list(recorded(record))
    known = {(d.fault, d.seed) for d in done}
    left = [one for one in spread(shares, seed) if one not in known]
    with tempfile.TemporaryDirectory(prefix="espalier-faults-", ignore_cleanup_errors=True) as folder, record.open("a") as lines:
        ground = prepare(Path(folder) / "ground")
        for injection in campaign(ground, Path(folder), left, at_once=at_once, long=not fast):
            print(json.dumps(injection._asdict()), file=lines, flush=True)
            done.append(injection)
            if injection.outcome != "held":
                click.echo(
                    f"{injection.outcome}: {injection.fault}, seed {injection.seed} {injection.note} {'; '.join(injection.violations)}"
                )
            if sys.stderr.isatty():
                click.echo(f"\r{len(done)} of {len(known) + len(left)}", err=True, nl=False)
    report.write_text(table(done))


def wanted(names: list[str], count: int, least: int) -> dict[str, int]:
    """How many of each class: at least `least`, the rest in the proportions of the fast selection."""
    fast = sum(BY_NAME[name].fast for name in names)
    shares = {name: max(least, count * BY_NAME[name].fast // fast) for name in names}
    for name in sorted(names, key=lambda name: -shares[name]):
        shares[name] = max(least, shares[name] - max(0, sum(shares.values()) - count))
    shares[max(names, key=lambda name: shares[name])] += max(0, count - sum(shares.values()))
    return shares


def spread(shares: dict[str, int], seed: int) -> list[tuple[str, int]]:
    """So many injections of each class, one class after the other, with seeds from the first one on."""
    order = sorted((k / share, name, k) for name, share in shares.items() for k in range(share))
    return [(name, seed + k) for _, name, k in order]


def recorded(record: Path) -> Iterator[Injection]:
    """What was injected so far; a line that was cut off is injected again."""
    for line in record.read_text().splitlines() if record.exists() else ():
        try:
            found = json.loads(line)
            yield Injection(**{**found, "violations": tuple(found["violations"])})
        except (ValueError, TypeError):
            continue


def table(done: list[Injection]) -> str:
    """The report: injections and violations of each class, and the machine."""
    of = {name: [d for d in done if d.fault == name] for name in BY_NAME}
    lines = [
        "# Faults injected, invariants checked", "",
        f"`python -m tests.faults.campaign`, Espalier {__version__}, Python {platform.python_version()}, {platform.system()} {platform.release()}, "
        f"{os.cpu_count()} cores ({cores()} usable), {datetime.now(UTC):%Y-%m-%d}.", "",
        f"{sum(d.outcome != 'not here' for d in done):,} injections, {sum(d.outcome == 'violated' for d in done)} of them with a violation. Each is a real "
        "store with real runs on digits, hurt at a random moment; afterwards every invariant is checked (`tests/faults/campaign/invariants.py`).", "",
        "| fault | injections | with a violation | not possible here | median seconds |", "| --- | ---: | ---: | ---: | ---: |",
    ]  # fmt: skip
    for name, those in of.items():
        by = Counter(d.outcome for d in those)
        seconds = sorted(d.seconds for d in those)
        lines.append(
            f"| {name} | {by['held'] + by['violated']} | {by['violated']} | {by['not here']} | {seconds[len(seconds) // 2] if seconds else 0:.1f} |"
        )
    violated = [d for d in done if d.outcome == "violated"]
    if violated:
        lines += ["", "## Violations", "", *(f"- {d.fault}, seed {d.seed}: {'; '.join(d.violations)[:500]}" for d in violated)]
    return "\n".join(lines) + "\n"
