"""The examples that ship with Espalier, made from real runs: every page of a new store has something true to show.

    ESPALIER_HOME=/some/folder python -m tests.bench.examples            # about 20 minutes on two cores; needs MNIST and Fashion-MNIST
    ESPALIER_HOME=/some/folder python -m tests.bench.examples --only widths

Finished runs in the store of ESPALIER_HOME are not run again. Writes assets/examples/*.zip.
"""

import argparse
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, NamedTuple

from pages.parts import between_criteria
from prune_core import RunSpec, catalogue
from prune_core.catalogue.networks.options import INITIALISATIONS
from prune_core.charts.saliency import LOOKED_AT
from prune_core.store import Run, Store
from prune_core.store.bundles import EXAMPLES, KINDS
from prune_core.twins import TwinName, twins

from . import architectures, shrinking
from .stored import finished

SHOWN = ("dense", "Fisher's delta, pruned and tuned", "Fisher's delta, Scratch-E", "Fisher's delta, Scratch-B", "Width multiplier")
BESIDE: tuple[TwinName, ...] = ("equal_pipeline", "width_multiplier", "dense", "dense_longer")
DUEL = 0.65  # removed in the runs of the example that everything was held beside
LARGEST = 10_000_000  # bytes of all examples together
LIGHT = ("masks",)
SEEDS = range(3)


def mnist(**fields: Any) -> RunSpec:
    return RunSpec(dataset="mnist", **fields)


def scores(**fields: Any) -> RunSpec:
    return RunSpec(protocol="score", criterion=None, **fields)


def snip() -> Iterator[RunSpec]:
    yield mnist(criterion="snip", sparsity=0.95, epochs=20)


def in_steps() -> Iterator[RunSpec]:
    yield mnist(criterion="magnitude", protocol="iterative", sparsity=0.97, epochs=20)


def sweep() -> Iterator[RunSpec]:
    for criterion, sparsity, seed in product(("snip", "magnitude", "random"), (0.8, 0.9, 0.95, 0.98, 0.99), SEEDS):
        yield mnist(criterion=criterion, sparsity=sparsity, epochs=10, seed=seed)
    for seed in SEEDS:
        yield mnist(protocol="dense", criterion=None, epochs=10, seed=seed)


def widths() -> Iterator[RunSpec]:
    for seed in SEEDS:
        yield RunSpec(
            model="small_conv", dataset="fashion_mnist", criterion="l2_norm", protocol="iterative", sparsity=0.6, epochs=4, seed=seed,
            protocol_options={"rounds": 4},
        )  # fmt: skip


def pruned() -> Iterator[RunSpec]:
    for seed in range(5):
        yield mnist(criterion="magnitude", protocol="iterative", sparsity=0.95, epochs=10, seed=seed)


def instability() -> Iterator[RunSpec]:
    for rounds, target, seed in product((1, 2, 4, 8), ("smallest", "random"), SEEDS):
        yield RunSpec(
            dataset="fashion_mnist", criterion="magnitude", protocol="iterative", sparsity=0.95, epochs=8, seed=seed,
            protocol_options={"rounds": rounds, "target": target},
        )  # fmt: skip


def compared() -> Iterator[RunSpec]:
    """What Saliency asks for with nothing chosen: all criteria together, and those of many rounds in their rounds."""
    together = tuple(name for name in catalogue.criteria if name in between_criteria.USUAL)
    patient = tuple(name for name, entry in catalogue.criteria.items() if entry.rounds > 1)
    for options in (
        {"criteria": together, "sparsities": between_criteria.SPARSITIES, "measure": ("agreement",)},
        {"criteria": patient, "sparsities": between_criteria.IN_ROUNDS, "rounds": "own"},
    ):
        yield scores(dataset="mnist", protocol_options={"classes": "all", **options})


def first_weights() -> Iterator[RunSpec]:
    options = {"classes": "all", "initialisations": tuple(INITIALISATIONS), "sparsities": (LOOKED_AT,)}
    yield scores(dataset="mnist", protocol_options=options)


def judged() -> Iterator[RunSpec]:
    for epochs in (0, 10):
        yield RunSpec(protocol="judge", criterion=None, dataset="mnist", epochs=epochs)
    yield RunSpec(
        protocol="judge", criterion=None, model="small_conv", dataset="fashion_mnist", epochs=4, protocol_options={"unit": "channel"}
    )


def half() -> Iterator[RunSpec]:
    """What Speed opens with."""
    yield shrinking.SPEC


def as_small(store: Store) -> list[Run]:
    """What pruning one channel at a time found, and everything that is as small; and for one amount the whole duel."""
    runs = [run for family in architectures.families(store) if family.name in SHOWN for run in family.runs]
    duel = [run for run in runs if run.spec.sparsity == DUEL and getattr(run.spec.protocol_options, "value", "") == "delta"]
    beside = [twins(store.history(run.id)) for run in duel]
    return [*runs, *finished(store, [b[name].spec for name in BESIDE for b in beside])]


class Example(NamedTuple):
    """A bundle. `kinds`: the files that travel with it; `twins`: those of each run that come along; `more`: runs that a study made."""

    name: str
    specs: Callable[[], Iterator[RunSpec]]
    kinds: tuple[str, ...] = KINDS
    twins: tuple[str, ...] = ()
    more: Callable[[Store], list[Run]] | None = None


EXAMPLES_MADE = (
    Example("snip-95-mnist", snip),
    Example("magnitude-in-steps-97-mnist", in_steps),
    Example("snip-scores-mnist", lambda: iter([scores(dataset="mnist")])),
    Example("snip-scores-mnist-shuffled-labels", lambda: iter([scores(dataset="mnist", protocol_options={"labels": "shuffled"})])),
    Example(
        "snip-scores-mnist-batch-sizes",
        lambda: iter([scores(dataset="mnist", protocol_options={"classes": "all", "batch_sizes": (1, 10, 100, 1_000, 10_000)})]),
    ),
    Example("snip-scores-fashion-mnist", lambda: iter([scores(dataset="fashion_mnist")])),
    Example("criteria-compared-mnist", compared, LIGHT),
    Example("first-weights-mnist", first_weights),
    Example("sweep-mnist", sweep, LIGHT),
    Example("widths-fashion-mnist", widths, LIGHT),
    Example("pruned-and-scratch-mnist", pruned, LIGHT, ("scratch_e", "equal_pipeline", "dense", "dense_longer")),
    Example("instability-fashion-mnist", instability, LIGHT),
    Example("judged-criteria", judged, LIGHT),
    Example("vgg-16-at-half", half, ()),
    Example("architectures-fashion-mnist", lambda: iter(()), LIGHT, more=as_small),
)


def made(example: Example, store: Store) -> list[str]:
    """The ids of the example's runs, the twins behind the runs that they belong to."""
    runs = finished(store, example.specs())
    found = [twins(store.history(run.id)) for run in runs]
    beside = finished(store, (family[name].spec for name in example.twins for family in found))
    more = example.more(store) if example.more else []
    return list(dict.fromkeys(run.id for run in (*runs, *beside, *more)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=[e.name for e in EXAMPLES_MADE])
    only, store = parser.parse_args().only, Store.open()
    written: set[str] = set()
    for example in EXAMPLES_MADE:
        if only in (None, example.name):
            ids = [run for run in made(example, store) if run not in written]
            written |= set(ids)
            store.export_runs(ids, EXAMPLES / f"{example.name}.zip", example.kinds)
    size = sum(path.stat().st_size for path in EXAMPLES.glob("*.zip"))
    print(f"{size:,} bytes in all")
    if size > LARGEST:
        raise SystemExit(f"The examples must stay below {LARGEST:,} bytes.")


if __name__ == "__main__":
    main()
