"""Whole commands from a cold start, ours and theirs in turns: the usual way with torch.nn.utils.prune, and Synaptic-Flow's SNIP job where its code is here.

    SYNAPTIC_FLOW=/path/to/Synaptic-Flow python -m tests.bench.peers       # ten minutes; needs MNIST in ESPALIER_DATA

One thread each. Both read MNIST as torchvision keeps it; ours decodes it anew every time, into a fresh home. The peer's code is run as it is, by its own
command, in a folder of its own; nothing of it is part of this repository.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

from prune_core.settings import settings

from .measuring import Figure, keep, load

ROOT = Path(__file__).parents[2]
PAIRS = 5
PROFILE = "Of ours, by py-spy: importing torch 1.1 to 1.5 s, other imports 0.4, training 2.1, measuring on 86,000 images in between 0.8."
# Where torchvision's compiled operators do not fit torch, its import fails for want of two schemas that no data set needs.
SHIM = """
import torch
library = torch.library.Library("torchvision", "DEF")
try:
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
except RuntimeError:
    pass
"""
THEIR_SNIP = (
    "--model-class", "default", "--model", "fc", "--dataset", "mnist", "--experiment", "singleshot", "--pruner", "snip", "--compression", "1",
    "--prune-epochs", "1", "--post-epochs", "1",
)  # fmt: skip
OUR_SNIP = ("criterion=snip", "sparsity=0.9", "epochs=1", "optimizer=adam", "batch_size=64", "criterion_options.n_examples=100")
OUR_USUAL = ("protocol=iterative", "criterion=magnitude", "sparsity=0.9", "epochs=2", "protocol_options.rounds=1")


class CommandError(Exception):
    """A command ended with an error."""


class Took(NamedTuple):
    """Seconds of a command from its start to its end: by the clock, and of CPU."""

    wall: float
    cpu: float


def seconds(*command: str | Path, **environment: str) -> Took:
    """A whole command, in an empty folder that has MNIST, unpacked, under Data."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "Data").symlink_to(settings().data_folder.absolute())
        (Path(folder) / "shim").mkdir()
        (Path(folder) / "shim" / "sitecustomize.py").write_text(SHIM)
        env = {**os.environ, "OMP_NUM_THREADS": "1", "ESPALIER_HOME": f"{folder}/home", **environment}
        env = {name: value.replace("{shim}", f"{folder}/shim") for name, value in env.items()}
        began, before = time.perf_counter(), used()
        done = subprocess.run([sys.executable, *map(str, command)], cwd=folder, env=env, capture_output=True, text=True, check=False)
        took = Took(time.perf_counter() - began, used() - before)
    if done.returncode:
        raise CommandError(f"{' '.join(map(str, command))} failed:\n{done.stderr[-2000:]}")
    return took


def used() -> float:
    """CPU seconds of all processes that have ended here."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def theirs(*command: str | Path) -> Took:
    return seconds(*command, PYTHONPATH=os.pathsep.join(filter(None, ("{shim}", os.environ.get("PYTHONPATH")))))


def ours(*fields: str, home: str) -> Took:
    told = [word for field in ("model=lenet_300_100", "dataset=mnist", *fields) for word in ("--set", field)]
    env = {"ESPALIER_DATA": str(settings().data_folder.absolute()), "ESPALIER_HOME": home, "ESPALIER_SLOTS": str(os.cpu_count())}
    return seconds("-m", "prune_core", "run", *told, PYTHONPATH=str(ROOT), **env)


def unpacking() -> Figure:
    """What the first run of a data set takes more than later ones: the peers' data lie unpacked too."""
    more = []
    for _ in range(PAIRS):
        with tempfile.TemporaryDirectory() as home:
            first, second = (ours(*OUR_USUAL, home=home) for _ in range(2))
            more.append(first.wall - second.wall)
    return Figure("the first run of MNIST on a machine, which decodes it once, takes longer by", tuple(more), "s")


def beside(what: str, our_command: Callable[[], Took], their_command: Callable[[], Took], note: str) -> list[Figure]:
    """The two in turns, by the clock and by CPU: on a machine that others use the second says more."""
    pairs = [(our_command(), their_command()) for _ in range(PAIRS)]
    figures = []
    for kind in Took._fields:
        sides = [(getattr(a, kind), getattr(b, kind)) for a, b in pairs]
        mine, other = (median(side) for side in zip(*sides, strict=True))
        told = f"{mine:.3g} s beside {other:.3g} s. {note}"
        figures.append(Figure(f"{what}, {'wall' if kind == 'wall' else 'CPU'} time", tuple(a / b for a, b in sides), "x", 0.20, note=told))
    return figures


def main() -> None:
    before = load()
    with tempfile.TemporaryDirectory() as home:
        ours(*OUR_USUAL, home=home)
        figures = beside(
            "prune to 90 % by magnitude between two epochs: ours / torchvision, DataLoader, torch.nn.utils.prune",
            lambda: ours(*OUR_USUAL, home=home), lambda: theirs(Path(__file__).with_name("usual.py"), "Data"),
            f"LeNet-300-100 both; ours trains on 54,000 of the 60,000 images and measures on the rest too. {PROFILE}",
        )  # fmt: skip
        figures += peer(os.environ.get("SYNAPTIC_FLOW", ""), home)
    figures.append(unpacking())
    keep("peers", "Whole commands from a cold start, one thread each", figures, before)


def peer(place: str, home: str) -> list[Figure]:
    """The SNIP job of Synaptic-Flow's main.py beside ours; nothing where its code is not here or does not run."""
    main_py = Path(place).absolute() / "main.py"
    if not place or not main_py.exists():
        print("The peer is not here: set SYNAPTIC_FLOW to a folder with the code of ganguli-lab/Synaptic-Flow.", flush=True)
        return []
    try:
        return beside(
            "SNIP to 90 %, an epoch: ours / Synaptic-Flow's main.py", lambda: ours(*OUR_SNIP, home=home), lambda: theirs(main_py, *THEIR_SNIP),
            "Adam, batch 64, 100 scoring images both. Theirs: six layers of 100 (119,400 weights), 60,000 images. "
            "Ours: LeNet-300-100 (266,200 weights), 54,000 images. SynFlow is not here yet.",
        )  # fmt: skip
    except CommandError as error:
        print(f"The peer does not run here: {error}", flush=True)
        return []


if __name__ == "__main__":
    main()
