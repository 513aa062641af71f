"""Which architecture did pruning find, and were its weights worth anything? A small conv net on 10,000 real Fashion-MNIST images.

    ESPALIER_HOME=/some/folder python -m tests.bench.architectures        # about two hours on two cores; needs Fashion-MNIST in ESPALIER_DATA

One channel at a time goes, by Fisher's delta and by delta over cost, to four sizes; beside each the same architecture from scratch, plainly narrower
networks, scaled copies of one profile, and what network slimming and sparse structure selection find. The runs stay in the store of ESPALIER_HOME:
finished ones are not run again, and its pages show them.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from prune_core import RunSpec
from prune_core.counting import kept
from prune_core.families import scaled_copy, width_multiplier
from prune_core.store import Run, Store
from prune_core.twins import twins

from .stored import finished

SEEDS = range(3)
LEVELS = (0.35, 0.5, 0.65, 0.8)
DENSE, EVERY, STEPS = 13, 30, 100  # epochs before the first removal, the last of them not whole; steps between removals; steps of an epoch
NETWORK: dict[str, Any] = {"model": "small_conv", "dataset": "fashion_mnist", "dataset_options": {"images": 10_000}}
VALUES = {"delta": "Fisher's delta", "delta_over_cost": "delta over cost"}
PULLED = {"slimming": {"penalty": 1e-3}, "structure_selection": {"strength": 1e-3}}
COPIED = 0.65  # the removed part of the profile that is copied at other sizes


class Family(NamedTuple):
    """A series of the comparison: what it is called, and its runs."""

    name: str
    runs: list[Run]


def dense(seed: int) -> RunSpec:
    return RunSpec(**NETWORK, protocol="dense", criterion=None, epochs=DENSE, seed=seed, protocol_options={"measure": ["latency"]})


def one_at_a_time(value: str, sparsity: float, seed: int) -> RunSpec:
    """Dense training, then EVERY steps before each removal and after the last."""
    channels = dense(seed).model_entry.channels
    stretches = channels - kept(channels, sparsity) + 1
    options = {"value": value, "every": EVERY, "finetune_lr": 0.01, "looks": 8}
    return RunSpec(
        **NETWORK, protocol="one_at_a_time", criterion="fisher", sparsity=sparsity, epochs=DENSE + stretches * EVERY // STEPS, seed=seed,
        protocol_options=options,
    )  # fmt: skip


def pulled(protocol: str, sparsity: float, seed: int) -> RunSpec:
    """The dense network's epochs with the penalty on, then a quarter as many for fine-tuning."""
    options = {**PULLED[protocol], "finetune": 0.2, "finetune_lr": 0.01}
    return RunSpec(**NETWORK, protocol=protocol, sparsity=sparsity, epochs=DENSE * 5 // 4, seed=seed, protocol_options=options)


def narrow(name: str, profile: tuple[int, ...], seed: int) -> RunSpec:
    return dense(seed).model_copy(
        update={"model_options": dense(seed).model_options.model_copy(update={"profile": profile, "family": name})}
    )


def families(store: Store) -> Iterator[Family]:
    """Everything, carried out where it is not here yet."""
    yield Family("dense", finished(store, map(dense, SEEDS)))
    pruned = {value: finished(store, [one_at_a_time(value, level, seed) for level in LEVELS for seed in SEEDS]) for value in VALUES}
    for value, runs in pruned.items():
        yield Family(f"{VALUES[value]}, pruned and tuned", runs)
    for value, runs in pruned.items():
        beside = [twins(store.history(run.id)) for run in runs]
        for name in ("scratch_e", "scratch_b"):
            title = beside[0]["scratch_e"].title if name == "scratch_e" else "Scratch-B"
            yield Family(f"{VALUES[value]}, {title}", finished(store, [b[name].spec for b in beside if name in b]))
    yield from smaller(store, pruned["delta"])
    for protocol in PULLED:
        yield Family(protocol, finished(store, [pulled(protocol, level, seed) for level in LEVELS for seed in SEEDS]))


def smaller(store: Store, pruned: Sequence[Run]) -> Iterator[Family]:
    """Width multiplier and scaled copies with as many parameters as the first seed's pruned networks."""
    first = [run for run in pruned if run.spec.seed == SEEDS[0]]
    shrunk = [store.history(run.id).shrunk for run in first]
    network = dense(SEEDS[0]).model_entry
    sizes = [s.parameters[1] for s in shrunk if s]
    found = next(s for s, run in zip(shrunk, first, strict=True) if run.spec.sparsity == COPIED)
    assert found is not None
    widths = {group.name: group.kept for group in found.groups}
    for name, profiles in (
        ("Width multiplier", [width_multiplier(network, most).profile for most in sizes]),
        ("Copies of delta's profile", [scaled_copy(network, widths, most).profile for most in sizes]),
    ):
        yield Family(name, finished(store, [narrow(name, profile, seed) for profile in profiles for seed in SEEDS]))


def main() -> None:
    store = Store.open()
    for family in families(store):
        print(family.name, len(family.runs), flush=True)


if __name__ == "__main__":
    main()
