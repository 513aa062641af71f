"""Espalier's library: describe a run, look at its plan, carry it out.

    from prune_core import RunSpec, plan, run, catalogue

    spec = RunSpec(model="lenet_300_100", dataset="mnist", criterion="snip", sparsity=0.95, epochs=20, seed=0)
    for step in plan(spec): print(step)          # steps as data: kind, arguments, in words
    for event in run(spec): print(event)         # blocking generator; nothing is stored

Importing this package does not import torch; `run`, `load` and `rebuild` do when they are called.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from . import catalogue
from .events import Numbered
from .planning import plan
from .spec import RunSpec
from .version import __version__
from .wording import SpecError

if TYPE_CHECKING:
    from torch import nn


def run(spec: RunSpec, *, folder: str | Path | None = None, threads: int | None = None) -> Iterator[Numbered]:
    """Carry a spec out here and now; yields numbered events, the last of kind `finished`. Stores nothing unless told where.

    folder: keep masks, scores, weights and checkpoints there; a run that was broken off goes on from the last checkpoint in it.
    threads: of torch's operators. Raises prune_core.engine.errors.RunError, in words, where the run can't go on.
    """
    from .engine.execute import execute
    from .engine.files import NOWHERE, Folder

    return execute(spec, files=NOWHERE if folder is None else Folder(Path(folder)), threads=threads)


def load(run_id: str) -> "nn.Module":
    """The network of a stored run, with its masks applied, in eval mode on the CPU. Raises StoreError for a run that has no weights."""
    from .service.loading import load as load_run

    return load_run(run_id)


def rebuild(path: str | Path) -> "nn.Module":
    """The network of a safetensors file that `export --as model` wrote, in eval mode on the CPU; needs no store."""
    from .engine.portable import rebuild as rebuild_from

    return rebuild_from(path)


__all__ = ["RunSpec", "SpecError", "__version__", "catalogue", "load", "plan", "rebuild", "run"]
