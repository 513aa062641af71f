"""Injects faults, several at a time, each in a home of its own, and says what came of each."""

import shutil
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from random import Random
from typing import NamedTuple

from .ground import Ground
from .invariants import INVARIANTS
from .scene import Missed, NotHere, Scene
from .table import BY_NAME

TRIES = 12


class Injection(NamedTuple):
    """One fault and what came of it. `outcome`: held, violated, or not here (the machine can't have it, and why)."""

    fault: str
    seed: int
    outcome: str
    violations: tuple[str, ...]
    seconds: float
    note: str = ""


def inject(ground: Ground, place: Path, name: str, seed: int, long: bool) -> Injection:
    """Inject one fault and check every invariant. The same seed chooses the same moment, as far as a moment can be chosen."""
    began = time.monotonic()
    for again in range(TRIES):
        home = place / f"{name.replace(': ', '-').replace(' ', '-').replace(',', '').replace(chr(39), '')}-{seed}-{again}"
        scene = Scene(ground, home, Random(f"{name} {seed} {again}"), long)
        violations: list[str] = []
        outcome = ""
        try:
            BY_NAME[name].inject(scene)
            scene.settle()
            for holds in INVARIANTS:
                violations += [f"{holds.__name__}: {found}" for found in holds(scene)]
            violations += [f"found: {found}" for found in scene.found]
        except Missed:
            continue
        except NotHere as reason:
            outcome, scene.note = "not here", str(reason)
        except Exception as error:
            violations += [f"{type(error).__name__}: {error}", *(f"found: {found}" for found in scene.found)]
        finally:
            scene.end()
            if not violations:
                shutil.rmtree(home, ignore_errors=True)
        return Injection(
            name, seed, outcome or ("violated" if violations else "held"), tuple(violations), time.monotonic() - began, scene.note
        )
    return Injection(name, seed, "violated", (f"the moment was missed {TRIES} times",), time.monotonic() - began)


def campaign(ground: Ground, place: Path, wanted: Iterable[tuple[str, int]], *, at_once: int, long: bool) -> Iterator[Injection]:
    """Inject the faults (class and seed), so many at once; yields them as they end."""
    with ThreadPoolExecutor(at_once) as pool:
        waiting = [pool.submit(inject, ground, place, name, seed, long) for name, seed in wanted]
        for done in as_completed(waiting):
            yield done.result()
