"""A store of ten thousand runs and a million events, made from real ones in a few minutes and kept for the next time.

    python -m tests.bench.big_store FOLDER

Some 430 settings with 15 seeds each, but 100 seeds where the network and the data are the favourite ones: 4,200 runs in one picture. Each run has the events
of a real run of its kind (same network, protocol and unit; on digits), with its own spec, sparsity, times and accuracies in them, and enters through the
store's own import.
"""

import random
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import func, select

from prune_core import RunSpec, SpecError, run
from prune_core.events import Cancelled, Epoch, Evaluated, Event, Failed, Finished, Pruned, Quality, Started
from prune_core.store import Store, bundles
from prune_core.store.tables import EVENTS, RUNS

RUNS_WANTED, EVENTS_WANTED = 10_000, 1_000_000
EPOCHS = 47
AT_ONCE = 250
FAVOURITE, ITS_SEEDS, SEEDS = ("lenet_300_100", "mnist"), 100, 15
END = datetime(2026, 1, 1, tzinfo=UTC)
OVER = {
    "model": ("lenet_300_100", "lenet_5", "small_conv"),
    "dataset": ("mnist", "fashion_mnist", "digits"),
    "criterion": ("snip", "magnitude", "random", "l2_norm"),
    "protocol": ("prune_at_init", "iterative"),
    "sparsity": (0.2, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98),
}  # fmt: skip


class Kind(NamedTuple):
    """What decides which events a run can have."""

    model: str
    protocol: str
    granularity: str

    @classmethod
    def of(cls, spec: RunSpec) -> "Kind":
        return cls(spec.model, spec.protocol, spec.resolved_granularity)


def settings() -> list[RunSpec]:
    """Everything that goes together of OVER, and the dense references."""
    specs = [RunSpec(protocol="dense", model=m, dataset=d, epochs=EPOCHS) for m, d in product(OVER["model"], OVER["dataset"])]
    for values in product(*OVER.values()):
        fields: dict[str, Any] = dict(zip(OVER, values, strict=True))
        if fields["protocol"] == "iterative":
            fields["protocol_options"] = {"rounds": 10}
        try:
            specs.append(RunSpec(epochs=EPOCHS, **fields))
        except SpecError:
            continue
    return specs


def real_events(specs: list[RunSpec]) -> dict[Kind, list[Event]]:
    """The events of one real run of each kind, on digits."""
    found: dict[Kind, list[Event]] = {}
    for spec in specs:
        if Kind.of(spec) not in found:
            found[Kind.of(spec)] = [e for _, e in run(RunSpec.model_validate(spec.model_dump() | {"dataset": "digits"}))]
            print(f"  {spec.method}, {spec.model_entry.title}: {len(found[Kind.of(spec)])} events", flush=True)
    return found


def told_of(spec: RunSpec, events: list[Event], chance: random.Random) -> Iterator[Event]:
    """The events as a run of this spec would have told them: its own spec and sparsity, accuracies a little better or worse."""
    better = chance.gauss(0, 0.01) - 0.05 * spec.sparsity**8

    def moved(quality: Quality) -> Quality:
        accuracy = min(1.0, max(0.0, quality.accuracy + better + chance.gauss(0, 0.002)))
        return replace(quality, accuracy=round(accuracy * quality.n) / quality.n)

    for event in events:
        match event:
            case Started():
                data = spec.dataset_entry
                yield replace(
                    event, spec=spec.resolved().model_dump(mode="json"), train=data.train, validation=data.validation, test=data.test
                )
            case Evaluated():
                yield replace(event, quality=moved(event.quality))
            case Epoch():
                yield replace(event, accuracy=min(1.0, max(0.0, event.accuracy + better)))
            case Pruned():
                yield replace(event, before=moved(event.before), after=moved(event.after), sparsity=min(event.sparsity, spec.sparsity))
            case Finished():
                left = event.weights - round(spec.sparsity * event.weights)
                test, validation = (q and moved(q) for q in (event.test, event.validation))
                yield replace(event, test=test, validation=validation, weights_kept=left, seconds=chance.uniform(5, 400), file=None)
            case _:
                yield event


def arrival(spec: RunSpec, events: list[Event], number: int) -> bundles.Arrival:
    """A run as an import would bring it: nine in ten finished, some failed or cancelled half way."""
    chance = random.Random(number)
    told = list(told_of(spec, events, chance))
    fate = chance.random()
    if fate < 0.08:
        told = told[: len(told) // 2]
        told.append(Failed(message="Stopped in epoch 3: the loss is no longer a number.") if fate < 0.04 else Cancelled(epoch=3.0))
    created = END - timedelta(minutes=13 * (RUNS_WANTED - number))
    lines = [bundles.Line.model_construct(number=n, time=created + timedelta(seconds=n), event=e) for n, e in enumerate(told)]
    named = chance.random() < 0.1
    piece = bundles.RunPiece(
        id=str(UUID(int=chance.getrandbits(128), version=4)), spec=spec.model_dump(mode="json"), name=f"Try {number}" if named else None,
        notes="Compare with the one before." if named else "", created=created, started=created, ended=created + timedelta(seconds=len(told)),
        events=bundles.EventsPiece(count=len(lines), bytes=1, sha256="0" * 64), files=(),
    )  # fmt: skip
    return bundles.Arrival(piece, spec, lines, [])


def counts(store: Store) -> tuple[int, int]:
    """Runs and events of the store."""
    with store.database.reading() as connection:
        return tuple(connection.scalar(select(func.count()).select_from(table)) or 0 for table in (RUNS, EVENTS))  # type: ignore[return-value]


def big_store(home: Path) -> Store:
    """The store in this folder, filled up to its ten thousand runs."""
    store = Store.open(home)
    there, _ = counts(store)
    if there >= RUNS_WANTED:
        return store
    specs = settings()
    print(f"{len(specs)} settings; real runs of each kind:", flush=True)
    events = real_events(specs)
    order = [
        spec.model_copy(update={"seed": n})
        for spec in specs
        for n in range(ITS_SEEDS if (spec.model, spec.dataset) == FAVOURITE else SEEDS)
    ]
    random.Random(0).shuffle(order)
    for first in range(there, RUNS_WANTED, AT_ONCE):
        arrivals = [arrival(order[n], events[Kind.of(order[n])], n) for n in range(first, min(RUNS_WANTED, first + AT_ONCE))]
        with store.database.writing() as connection:
            for each in arrivals:
                bundles.enter(connection, each, example=False)
        print(f"  {first + len(arrivals):,} runs", flush=True)
    return store


if __name__ == "__main__":
    runs, events = counts(big_store(Path(sys.argv[1])))
    print(f"{runs:,} runs, {events:,} events")
