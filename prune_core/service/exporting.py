"""A finished run's network as files for others: safetensors that build it again, ONNX that was checked, and a card that says what it is."""

import warnings
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..engine.dataset import open_data
from ..engine.portable import described, packed
from ..history import History
from ..settings import settings
from ..steps import percent
from ..store import Run, Store, StoreError
from ..version import __version__
from .loading import load

IMAGES = 32
CLOSE = 1e-4  # the largest difference of onnxruntime's outputs, as a part of the largest
WEIGHTS, ONNX, CARD, SPEC = "model.safetensors", "model.onnx", "MODEL_CARD.md", "spec.json"


class Checked(NamedTuple):
    """An ONNX file, and how far onnxruntime's outputs are from torch's on so many images, as a part of the largest output."""

    data: bytes
    difference: float
    images: int
    real: bool


def export(run_id: str, target: Path, store: Store | None = None) -> Path:
    """Write the network of a finished run into a zip. Raises StoreError in words, also where onnxruntime does not compute the same."""
    store = store or Store.open()
    run, history, module = store.run(run_id), store.history(run_id), load(run_id, store)
    widths = {name: len(places) for name, places in module.channels.items()}  # type: ignore[union-attr, operator]
    images, real = some_images(run)
    checked = to_onnx(module, images, real)
    if not checked.difference <= CLOSE:
        raise StoreError(
            f"run: onnxruntime computes '{run.title}' otherwise than torch: outputs differ by {checked.difference:.2g} of the largest."
        )
    weights = packed(module, described(run.spec.resolved(), widths))
    files = {
        WEIGHTS: weights, ONNX: checked.data, SPEC: run.spec.resolved().model_dump_json(indent=1).encode(),
        CARD: card(run, history, module, checked, {WEIGHTS: len(weights), ONNX: len(checked.data)}).encode(),
    }  # fmt: skip
    beside = target.with_name(f"{target.name}.part")
    with zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    beside.replace(target)
    return target


def some_images(run: Run) -> tuple[Tensor, bool]:
    """Standardised test images of the run's data set where it is here, else random ones; and which of both."""
    entry = run.spec.dataset_entry
    if entry.missing(settings().data_folder):
        return torch.randn(IMAGES, *entry.shape, generator=torch.Generator().manual_seed(0)), False
    return open_data(entry, torch.device("cpu"), lambda _: None, run.spec.data_options.classes)["test"].chunk(0, IMAGES)[0], True


@torch.no_grad()
def to_onnx(module: nn.Module, images: Tensor, real: bool) -> Checked:
    """Export with any number of images, and compare with torch's outputs on these."""
    import onnxruntime

    batch = torch.export.Dim("batch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's own exporter about itself
        program = torch.onnx.export(
            module, (images[:2],), input_names=["images"], output_names=["logits"], dynamo=True, dynamic_shapes=({0: batch},), verbose=False
        )
    assert program is not None
    data: bytes = program.model_proto.SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    theirs, ours = session.run(None, {"images": images.numpy()})[0], module(images).numpy()
    return Checked(data, float(np.abs(theirs - ours).max() / np.abs(ours).max()), len(images), real)


def card(run: Run, history: History, module: nn.Module, checked: Checked, sizes: dict[str, int]) -> str:
    """What the network is, what it came to and how to use it, in Markdown."""
    spec, end, data = run.spec.resolved(), history.finished, run.spec.dataset_entry
    assert end is not None
    lines = [
        f"# {spec.method}: {spec.model_entry.title} on {data.title}",
        "",
        *facts(run, history, module, sizes),
        "",
        "## How it was made",
        "",
    ]
    lines += [f"{i}. {step.words}." for i, step in enumerate(history.started.plan if history.started else (), 1)][:40]
    lines += [
        "",
        f"The whole specification stands in {SPEC}; Espalier {__version__}, {run.environment}.",
        "",
        "## How to use it",
        "",
        "```python",
    ]
    lines += [
        "import prune_core                                   # Espalier's library, without its pages", f'network = prune_core.rebuild("{WEIGHTS}")',
        "logits = network(images)                            # (B, classes)", "", "import onnxruntime",
        f'session = onnxruntime.InferenceSession("{ONNX}")', 'logits = session.run(None, {"images": images})[0]', "```", "",
        f"Images: float32, (B, {', '.join(map(str, data.shape))}), pixels from 0 to 1, less {numbers(data.mean)}, over {numbers(data.std)}. "
        f"Classes in order: {', '.join(data.classes)}.", "",
        f"ONNX was checked with onnxruntime on {checked.images} {'test' if checked.real else 'random'} images: outputs differ by "
        f"{checked.difference:.1e} of the largest.", "", f"Data: {data.title}, {data.licence}.", "",
    ]  # fmt: skip
    return "\n".join(lines)


def facts(run: Run, history: History, module: nn.Module, sizes: dict[str, int]) -> list[str]:
    """Sizes, speed and accuracy, each with what it was before; a speed only where it was measured."""
    end, entry, cut = history.finished, run.spec.model_entry, history.shrunk
    assert end is not None
    rows = [("Parameters", f"{sum(p.numel() for p in module.parameters()):,}", f"{entry.parameters:,}")]
    rows += [("Weights that are not 0", f"{end.weights_kept:,}", f"{end.weights:,}")]
    rows += [("Multiply-adds an image", f"{cut.macs[1] if cut else entry.macs:,}", f"{entry.macs:,}")]
    rows += [(f"Bytes of {name}", f"{n:,}", "") for name, n in sizes.items()]
    rows += times(history)
    told = ["| | this network | the whole one |", "| --- | --- | --- |", *(f"| {' | '.join(row)} |" for row in rows), ""]
    if end.test:
        told += [f"Test accuracy {percent(round(end.test.accuracy, 4))} ({end.test.n:,} images), measured once, on the final network."]
    if cut:
        told += [
            f"Channels were taken out. Its outputs differ from those of the masked network by {cut.difference:.1e} of the largest in double precision."
        ]
    elif history.prunings:
        told += [
            "Removed weights are zeros in their places: the network is as large as the whole one, and as fast. Zeros do not make dense kernels faster."
        ]
    return told


def times(history: History) -> list[tuple[str, str, str]]:
    """Median seconds of a forward pass, as they were measured."""
    measured: dict[str, Any] = next((e.values for e in reversed(history.measurements) if e.what == "latency"), {})
    whole, device = measured.get("whole", {}), history.started.device if history.started else ""
    return [
        (f"Milliseconds for {n} image{'s' if n > 1 else ''}, {device}", milliseconds(measured, n), milliseconds(whole, n) if whole else "")
        for n in (1, 128)
        if f"batch_{n}" in measured
    ]


def milliseconds(told: dict[str, Any], n: int) -> str:
    found = told[f"batch_{n}"]
    return f"{1000 * found['median']:.3g} ({1000 * found['low']:.3g} to {1000 * found['high']:.3g})"


def numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{v:g}" for v in values)
