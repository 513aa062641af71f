"""Which architecture did pruning find, and were its weights worth anything? A small conv net on 10,000 real Fashion-MNIST images.

    ESPALIER_HOME=/some/folder python -m tests.bench.architectures        # about two hours on two cores; needs Fashion-MNIST in ESPALIER_DATA

One channel at a time goes, by Fisher's delta and by delta over cost, to four sizes; beside each the same architecture from scratch, plainly narrower
networks, scaled copies of one profile, and what network slimming and sparse structure selection find. The runs stay in the store of ESPALIER_HOME:
finished ones are not run again, and its pages show them.
"""

import itertools
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import plotly.graph_objects as go

from prune_core import RunSpec, __version__
from prune_core.charts.theme import LIGHT
from prune_core.charts.trade_off_drawing import draw as draw_trade_off
from prune_core.charts.trade_off_folding import trade_off
from prune_core.charts.widths import Member, Pick, widths
from prune_core.charts.widths_drawing import draw as draw_widths
from prune_core.counting import kept
from prune_core.families import scaled_copy, width_multiplier
from prune_core.results import grouped, results
from prune_core.statistics import interval, paired
from prune_core.store import Run, Store, overview
from prune_core.twins import twins

from .drawing import pictures
from .stored import finished

RESULTS = Path(__file__).parent / "results"
SEEDS = range(3)
LEVELS = (0.35, 0.5, 0.65, 0.8)
DENSE, EVERY, STEPS = 13, 30, 100  # epochs before the first removal, the last of them not whole; steps between removals; steps of an epoch
NETWORK: dict[str, Any] = {"model": "small_conv", "dataset": "fashion_mnist", "dataset_options": {"images": 10_000}}
VALUES = {"delta": "Fisher's delta", "delta_over_cost": "delta over cost"}
PULLED = {"slimming": {"penalty": 1e-3}, "structure_selection": {"strength": 1e-3}}
PRUNED = {value: f"{name}, pruned and tuned" for value, name in VALUES.items()}
COPIES = "Copies of delta's profile"
COMPARED = [f"{name}, {way}" for name in VALUES.values() for way in ("pruned and tuned", "Scratch-E", "Scratch-B")] + [
    "Width multiplier",
    COPIES,
]
PUBLISHED = "pruned architecture from scratch <= simple reduced networks < pruned and tuned, and scaled copies close to the first"
ASKED = (0.5, 0.8)  # of network slimming and sparse structure selection
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
        yield Family(PRUNED[value], runs)
    for value, runs in pruned.items():
        beside = [twins(store.history(run.id)) for run in runs]
        for name in ("scratch_e", "scratch_b"):
            title = beside[0]["scratch_e"].title if name == "scratch_e" else "Scratch-B"
            yield Family(f"{VALUES[value]}, {title}", finished(store, [b[name].spec for b in beside if name in b]))
    yield from smaller(store, pruned["delta"])
    for protocol in PULLED:
        yield Family(protocol, finished(store, [pulled(protocol, level, seed) for level in ASKED for seed in SEEDS]))


def smaller(store: Store, pruned: Sequence[Run]) -> Iterator[Family]:
    """Width multiplier and scaled copies with as many parameters as the first seed's pruned networks."""
    first = [run for run in pruned if run.spec.seed == SEEDS[0]]
    shrunk = [store.history(run.id).shrunk for run in first]
    network = dense(SEEDS[0]).model_entry
    sizes = [s.parameters[1] for s in shrunk if s]
    found = next(s for s, run in zip(shrunk, first, strict=True) if run.spec.sparsity == COPIED)
    assert found is not None
    left = {group.name: group.kept for group in found.groups}
    for name, profiles in (
        ("Width multiplier", [width_multiplier(network, most).profile for most in sizes]),
        (COPIES, [scaled_copy(network, left, most).profile for most in sizes]),
    ):
        yield Family(name, finished(store, [narrow(name, profile, seed) for profile in profiles for seed in SEEDS]))


def row(family: str, run: Run, store: Store) -> dict[str, Any]:
    """A run as a line of the record. before, after: validation accuracy before and after the last pruning."""
    history, s = store.history(run.id), run.summary
    assert s is not None
    last = history.prunings[-1] if history.prunings else None
    return {
        "family": family, "seed": run.spec.seed, "removed": run.spec.sparsity if history.prunings else None, "epochs": run.spec.epochs,
        "parameters": s.parameters, "macs": s.macs, "latency_128": s.latency_128, "error": 1 - (s.test_accuracy or 0.0), "validation": s.validation_accuracy,
        "before": last and last.before.accuracy, "after": last and last.after.accuracy, "at_chance": s.at_chance,
        "widths": {g.name: g.kept for g in history.shrunk.groups} if history.shrunk else None, "fingerprint": run.fingerprint,
    }  # fmt: skip


def size_of(rows: Sequence[dict[str, Any]], r: dict[str, Any]) -> float:
    """What a row is compared by: how much delta's pruning had removed at about as many parameters."""
    pruned = [p for p in rows if p["family"] == PRUNED["delta"]]
    means = {level: mean([p["parameters"] for p in pruned if p["removed"] == level]) for level in LEVELS}
    return r["removed"] or min(means, key=lambda level: abs(math.log(means[level] / r["parameters"])))


def by_size(rows: list[dict[str, Any]], family: str, level: float) -> list[dict[str, Any]]:
    return sorted((r for r in rows if r["family"] == family and size_of(rows, r) == level), key=lambda r: r["seed"])


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def told(rows: list[dict[str, Any]]) -> str:
    """Error and parameters of the runs of one family at one size."""
    if not rows:
        return "-"
    i = interval([r["error"] for r in rows])
    half = "" if i.high is None else f" ± {100 * (i.high - i.mean):.1f}"
    return f"**{100 * i.mean:.1f}**{half} ({mean([r['parameters'] for r in rows]):,.0f})"


def lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    families = list(dict.fromkeys(r["family"] for r in rows))
    dense = [r for r in rows if r["family"] == "dense"]
    yield (
        f"A small conv net (16-32-32 channels, {dense[0]['parameters']:,} parameters) on 10,000 images of Fashion-MNIST, {len(SEEDS)} seeds. "
        f"Espalier {__version__}, one CPU thread a run. Dense: {told(dense)} % test error."
    )
    yield ""
    yield "Test error in %, mean and 95 % t-interval over seeds, and in brackets the mean number of parameters, by the share of channels removed:"
    yield ""
    yield f"| family | {' | '.join(f'{100 * level:.0f} %' for level in LEVELS)} |"
    yield f"| --- | {' | '.join('---' for _ in LEVELS)} |"
    for family in families:
        if family != "dense":
            yield f"| {family} | {' | '.join(told(by_size(rows, family, level)) for level in LEVELS)} |"
    yield ""
    yield f"Published order of errors at equal parameters (Crowley et al. 2018, plotted only): {PUBLISHED}. Here:"
    yield ""
    for level in LEVELS:
        yield f"- at {100 * level:.0f} % removed: {order(rows, level)}"
    yield ""
    yield plainly(rows)
    yield ""
    yield from profiles(rows)
    yield ""
    yield from tuned(rows)


def plainly(rows: list[dict[str, Any]]) -> str:
    """What the orders come to: how often each end of the published one is found, and whether its middle is shown."""
    sizes, last, first, shown = len(LEVELS), 0, 0, 0
    for level in LEVELS:
        ranked = sorted(COMPARED, key=lambda f: mean([r["error"] for r in by_size(rows, f, level)]))
        last += set(ranked[-2:]) == set(PRUNED.values())
        first += all(name.endswith("Scratch-B") for name in ranked[:2])
        plain = {r["seed"]: r["error"] for r in by_size(rows, "Width multiplier", level)}
        found = {r["seed"]: r["error"] for r in by_size(rows, f"{VALUES['delta']}, Scratch-E", level)}
        shown += paired(plain, found).verdict() == "shown"
    return (
        f"Pruned and tuned stands last at {last} of {sizes} sizes, the architectures that were found, from scratch at equal compute, first at {first} of "
        f"{sizes}. At equal epochs a difference between them and a plainly narrower network is shown at {shown} of {sizes}: with three layers and three "
        'seeds the middle of the published order, that what pruning found beats plain networks, is not to be seen. "<": the paired difference is shown; '
        '"~": it is not.'
    )


def order(rows: list[dict[str, Any]], level: float) -> str:
    """Families from the best to the worst mean; "<" where the paired difference to the one before is shown, "~" where it is not."""
    found = {f: by_size(rows, f, level) for f in COMPARED}
    ranked = sorted((f for f in found if found[f]), key=lambda f: mean([r["error"] for r in found[f]]))
    said = ranked[0]
    for one, other in itertools.pairwise(ranked):
        d = paired({r["seed"]: r["error"] for r in found[other]}, {r["seed"]: r["error"] for r in found[one]})
        said += f" {'<' if d.verdict() == 'shown' else '~'} {other}"
    return said


def profiles(rows: list[dict[str, Any]]) -> Iterator[str]:
    """The widths that both ways of choosing leave at the smallest size."""
    yield f"Channels left of each layer at {100 * LEVELS[-1]:.0f} % removed, by seed ([drawn](architectures_widths.png)):"
    yield ""
    yield "| chosen by | conv1 of 16 | conv2 of 32 | conv3 of 32 | share of each layer, mean |"
    yield "| --- | --- | --- | --- | --- |"
    whole = (16, 32, 32)
    for value, name in PRUNED.items():
        found = by_size(rows, name, LEVELS[-1])
        columns = list(zip(*(r["widths"].values() for r in found), strict=True))
        shares = ", ".join(f"{100 * mean(c) / n:.0f} %" for c, n in zip(columns, whole, strict=True))
        yield f"| {VALUES[value]} | {' | '.join(', '.join(map(str, c)) for c in columns)} | {shares} |"
    yield ""
    yield (
        "Cost-awareness was reported to alternate thick and thin layers. With three layers all that can be seen is whether the middle one, which is dear "
        f"on both sides, gets thinner than by delta alone: {middle(rows)}. What can be seen instead: {slope(rows)}."
    )


def middle(rows: list[dict[str, Any]]) -> str:
    thin = {value: mean([r["widths"]["conv2"] for r in by_size(rows, name, LEVELS[-1])]) for value, name in PRUNED.items()}
    d = paired(*({r["seed"]: float(r["widths"]["conv2"]) for r in by_size(rows, name, LEVELS[-1])} for name in PRUNED.values()))
    shown = {"shown": "a difference beyond chance"}.get(d.verdict(margin=0.5), "no difference beyond chance")
    return f"{thin['delta']:.1f} channels by delta and {thin['delta_over_cost']:.1f} by delta over cost, {shown} over {len(SEEDS)} seeds"


def slope(rows: list[dict[str, Any]]) -> str:
    """Whether the share that stays falls or rises from layer to layer, for both ways of choosing."""
    said = []
    for value, name in PRUNED.items():
        columns = zip(*(r["widths"].values() for r in by_size(rows, name, LEVELS[-1])), strict=True)
        shares = [mean(c) / n for c, n in zip(columns, (16, 32, 32), strict=True)]
        way = "falls" if shares == sorted(shares, reverse=True) else "rises" if shares == sorted(shares) else "goes up and down"
        said.append(f"by {VALUES[value]} the share that stays {way} with depth")
    return f"{' and '.join(said)} (a channel at 28 × 28 places is dear)"


def tuned(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Network slimming and sparse structure selection: what was asked, what was reached, and accuracy on the way."""
    yield "Network slimming and sparse structure selection, validation accuracy in %, means over seeds:"
    yield ""
    yield "| way | asked to remove | channels left | before pruning | after pruning | after fine-tuning |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for name in PULLED:
        for level in ASKED:
            found = by_size(rows, name, level)
            left = ", ".join(str(sum(r["widths"].values())) for r in found)
            values = (100 * mean([r[field] for r in found]) for field in ("before", "after", "validation"))
            yield f"| {name} | {100 * level:.0f} % of 80 | {left} | {' | '.join(f'{v:.1f}' for v in values)} |"
    yield ""
    yield (
        "Published pattern: slimming loses accuracy at the pruning and has it back after fine-tuning (VGG-19 on CIFAR-10 at 70 %: 93.53 dense, 93.60 "
        "fine-tuned, as Liu et al. 2019 have it, from memory); structure selection removes what its penalty has made exactly 0 and needs no fine-tuning "
        "(Huang & Wang 2018). Here a budget is asked for, so structure selection has to cut factors that are not 0 where the penalty made fewer of them 0."
    )


def drawn(store: Store) -> dict[str, go.Figure]:
    """All families on one trade-off, and the widths that both ways of choosing leave."""
    whole = dense(SEEDS[0])
    copies = {r.spec.network for r in store.runs(states=["finished"], limit=None) if r.spec.whole.network == whole.network}
    groups = grouped(r for name in copies for r in results(overview.outcomes(store, name, whole.data)))
    mine = [g for g in groups if g.spec.protocol != "dense" or g.spec.epochs == DENSE]
    numbers = trade_off(mine, "parameters", front=True)
    chart = draw_trade_off(numbers, LIGHT, 720).update_layout(
        paper_bgcolor=LIGHT.paper, margin={"t": 70, "r": 230},
        title={"text": "<b>Small conv net, 10,000 images of Fashion-MNIST: everything that is as small</b>", "x": 0.02, "font": {"size": 17}},
    )  # fmt: skip
    picks = []
    for value, name in VALUES.items():
        runs = finished(store, [one_at_a_time(value, LEVELS[-1], seed) for seed in SEEDS])
        histories = [store.history(r.id) for r in runs]
        members = tuple(Member(r.id, r.spec.seed, h.prunings, h.removals) for r, h in zip(runs, histories, strict=True))
        picks.append(Pick(name, runs[0].spec, members))
    profile = draw_widths(widths(picks, "channels"), LIGHT).update_layout(paper_bgcolor=LIGHT.paper)
    return {"architectures": chart, "architectures_widths": profile}


def main() -> None:
    store = Store.open()
    rows = [row(family.name, run, store) for family in families(store) for run in family.runs]
    (RESULTS / "architectures.json").write_text(json.dumps(rows, indent=1) + "\n")
    pictures(drawn(store), RESULTS)
    said = "\n".join(lines(rows))
    (RESULTS / "architectures.md").write_text(said + "\n")
    print(said)


if __name__ == "__main__":
    main()
