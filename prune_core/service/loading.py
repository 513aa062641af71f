"""A stored run's network, back in Python."""

import json

import torch
from torch import nn

from ..engine.checkpoint import load_weights, unpacked_masks
from ..engine.network import Network
from ..store import Store, StoreError


def load(run_id: str, store: Store | None = None) -> nn.Module:
    """The final network of a stored run, masks applied, in eval mode on the CPU; physically smaller where the run took channels out.

    Its attribute `masks` has the mask of every pruned parameter: name -> bool tensor of its shape in the whole network, True where a weight is left.
    `channels` has the channels that stand after surgery: name of a group -> their places in the whole network; empty where there was none.
    Raises NoSuchRun, or StoreError for a run that has no final weights (not finished, or nothing was trained).
    """
    store = store or Store.open()
    run, history = store.run(run_id), store.history(run_id)
    if history.finished is None or history.finished.file is None:
        raise StoreError(f"run: '{run.title}' has no final weights; it is {run.state}.")
    network = Network(run.spec.model_entry, run.spec.model_options, torch.device("cpu"))
    weights = store.tensors(run_id, history.finished.file)
    file = history.prunings[-1].file if history.prunings else None
    if file is not None:
        network.apply_masks(unpacked_masks(store.tensors(run_id, file), json.loads(store.metadata(run_id, file)["shapes"])), None)
    if network.is_larger_than(weights):
        network.shrink()
    load_weights(network, {name: torch.from_numpy(array) for name, array in weights.items()})
    network.module.masks = network.masks  # type: ignore[assignment]  # a plain dict: buffers would change its state_dict
    network.module.channels = {n: f.nonzero().flatten().tolist() for n, f in (network.standing or {}).items()}  # type: ignore[assignment]
    return network.module.eval()
