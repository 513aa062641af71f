"""A picture for an entry of the catalogue: drawn from the entry where that is possible, else from a run here that used it."""

from collections.abc import Callable

import streamlit as st

from prune_core import RunSpec, SpecError, catalogue
from prune_core.catalogue import Allocation, Criterion, DataSet, Entry, Model, Protocol
from prune_core.charts import architecture, layers, staircase, words
from prune_core.charts.saliency import Grid, saliency
from prune_core.spec import Parent
from prune_core.store import Run

from . import figure, masks
from .between_criteria import asks_untrained
from .histories import history_of
from .stored import store

REMOVED = 0.95
PRUNING = ("prune_at_init", "iterative")
SOMEBODY = Parent(fingerprint="0" * 64, group="0" * 64, event=0, mask_checksum="0" * 64)


def picture(entry: Entry) -> bool:
    """Draw it with its sentence; False where there is nothing to draw yet."""
    match entry:
        case Criterion():
            return scored(entry) or pruned(entry, lambda spec: spec.criterion == entry.name)
        case Allocation():
            return pruned(entry, lambda spec: spec.resolved().allocation == entry.name)
        case Protocol():
            return planned(entry)
        case Model():
            network(entry)
            return True
        case DataSet():
            return means(entry)
    return False


def network(entry: Model) -> None:
    numbers = architecture.architecture(entry)
    figure.show(
        lambda theme: architecture.draw(numbers, theme), key=f"method-{entry.name}", label=f"Prunable weights in each layer of {entry.title}",
        sentence=numbers.sentence, table=numbers.table(), name=f"espalier-{entry.name}", revision=entry.name,
    )  # fmt: skip


def example_of(protocol: Protocol) -> RunSpec | None:
    """A run to draw the plan of; None for a protocol that trains nothing."""
    if "training" not in protocol.uses:
        return None
    told = {"protocol": protocol.name, "dataset": "mnist", "epochs": 20, "sparsity": REMOVED}
    if protocol.name == "iterative":
        told |= {"criterion": "magnitude"}
    if "parent" in protocol.uses:
        told |= {"parent": SOMEBODY}
    try:
        return RunSpec.model_validate(told)
    except SpecError:
        return None


def planned(entry: Protocol) -> bool:
    """The plan of an example as a staircase, and its steps in words."""
    spec = example_of(entry)
    if spec is None:
        return False
    numbers = staircase.staircase(spec)
    figure.show(
        lambda theme: staircase.draw(numbers, theme), key=f"method-{entry.name}", label="Weights kept over the epochs of training, as planned",
        sentence=numbers.sentence, table=numbers.table(), name=f"espalier-{entry.name}", revision=entry.name,
        note=f"An example: {spec.title.rpartition(' · ')[0]}, {spec.epochs} epochs.",
    )  # fmt: skip
    rows = "".join(f'<span class="step">{line.steps}</span><span>{figure.text(line.words)}</span><span></span>' for line in numbers.lines)
    st.html(f'<div class="espalier-plan">{rows}</div>')
    return True


@st.cache_resource(show_spinner=False, max_entries=16)
def grid_of(run_id: str, name: str) -> Grid:
    """The masks that a criterion would choose, from a finished scoring run: it doesn't change any more."""
    history = store().history(run_id)
    files = {e.file: store().tensors(run_id, e.file) for e in history.scorings if e.file and e.criterion == name}
    return saliency(history, files, name)


def scorings(name: str) -> Run | None:
    """A finished scoring run of the criterion with the usual choices, on MNIST if there is one."""
    for dataset in ("mnist", "fashion_mnist", "digits"):
        spec = RunSpec(protocol="score", dataset=dataset, protocol_options={"criteria": (name,)})
        if (run := store().find(spec.fingerprint)) and run.state == "finished":
            return run
    return None


def scored(entry: Criterion) -> bool:
    """What it would keep of the first layer, class by class."""
    run = scorings(entry.name) if "weight" in entry.granularities and asks_untrained(entry) else None
    if run is None:
        return False
    grid = grid_of(run.id, entry.name)
    if grid.layout != "pixels":
        return False
    row, largest = grid.at(REMOVED), grid.largest(REMOVED)
    names = grid.classes if grid.means is not None else ["all images"]
    pictures = [
        masks.Picture(
            counts, f"{name}: weights kept at each input pixel, at most {counts.max():,} of {grid.of:,}", name if len(names) > 1 else ""
        )
        for name, counts in zip(names, row, strict=False)
    ]
    masks.grid(pictures, key=f"method-{entry.name}", largest=largest, across=5 if len(pictures) > 1 else 3)
    kept = words.of(grid.kept[[round(s, 4) for s in grid.sparsities].index(REMOVED)], grid.weights, "weights")
    shown = f"Shown 100 images of a single {grid.one}" if grid.means is not None else "Without looking at any image"
    figure.beneath(
        key=f"method-{entry.name}", sentence=f"{shown}, {entry.title} would keep these weights of the first layer, and {kept} in all.",
        table=grid.table((REMOVED,)), name=f"espalier-{entry.name}",
        note=f"{run.spec.model_entry.title} before training, {run.spec.dataset_entry.title}, seed {run.spec.seed}.",
        scale=("0", words.rough(largest / grid.of), f"of a pixel's {grid.of:,} weights kept"),
    )  # fmt: skip
    return True


def pruned(entry: Entry, used: Callable[[RunSpec], bool]) -> bool:
    """What was left of every layer in a run here that used the entry, one of the latest."""
    found = store().runs(states=["finished"], search=entry.title if isinstance(entry, Criterion) else "", limit=60)
    able = [r for r in found if r.spec.protocol in PRUNING and used(r.spec) and not (r.summary and r.summary.at_chance)]
    run = min(able, key=lambda r: abs(r.spec.sparsity - 0.9), default=None)
    if run is None:
        return False
    numbers = layers.layers(history_of(run))
    figure.show(
        lambda theme: layers.draw(numbers, theme), key=f"method-{entry.name}", label=f"{words.capital(numbers.what)} kept per layer",
        sentence=numbers.sentence, table=numbers.table(), name=f"espalier-{entry.name}", revision=run.id,
        note=f"From a run here: {run.spec.title}.",
    )  # fmt: skip
    return True


def means(entry: DataSet) -> bool:
    """What its classes look like on average."""
    model = network_for(entry)
    run = store().find(RunSpec(protocol="score", model=model, dataset=entry.name).fingerprint) if model else None
    if run is None or run.state != "finished":
        return False
    grid = grid_of(run.id, catalogue.criteria["snip"].name)
    if grid.means is None:
        return False
    pictures = [masks.Picture(image, f"Mean image of {name}", name) for name, image in zip(grid.classes, grid.means, strict=True)]
    masks.grid(pictures, key=f"method-{entry.name}", largest=255, across=5)
    figure.beneath(
        key=f"method-{entry.name}", sentence=f"The mean training image of each of its {len(entry.classes)} classes.",
        table={"Class": list(grid.classes), "Mean brightness (of 255)": [round(float(image.mean()), 2) for image in grid.means]},
        name=f"espalier-{entry.name}", scale=("0", "255", "brightness"),
    )  # fmt: skip
    return True


def network_for(entry: DataSet) -> str | None:
    """The name of a network that takes its images: the usual one if that does; None where none does."""
    for model in (RunSpec().model, *catalogue.models):
        try:
            return RunSpec(model=model, dataset=entry.name).model
        except SpecError:
            continue
    return None
