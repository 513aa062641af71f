"""A stored run comes back as a network: the same weights, the same masks, the same accuracy."""

import numpy as np
import pytest
import torch

import prune_core
from prune_core import RunSpec
from prune_core.engine.dataset import open_data
from prune_core.engine.execute import execute
from prune_core.service.loading import load
from prune_core.store import NoSuchRun, Store, StoreError, queue
from prune_core.store.lease import Lease, take

SUPERVISOR = Lease("0" * 36, "here", 1, "then")
SPECS = {
    "weights": RunSpec(epochs=1, sparsity=0.95),
    "channels": RunSpec(model="small_conv", criterion="l2_norm", sparsity=0.5, epochs=1),
    "dense": RunSpec(protocol="dense", epochs=1),
}


@pytest.fixture
def store(tmp_path):
    store = Store.open(tmp_path)
    assert take(store, SUPERVISOR, None)
    return store


def carried_out(store, spec):
    run = store.submit(spec)
    claimed = queue.claim(store, SUPERVISOR, 1)
    attempt = store.attempt(run.id, claimed.attempt)
    for numbered in execute(spec, files=attempt.files):
        attempt.append(numbered)
    return run.id


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_the_network_comes_back_as_it_was_measured(store, spec):
    run_id = carried_out(store, spec)
    module, end = load(run_id, store), store.history(run_id).finished
    test = open_data(spec.dataset_entry, torch.device("cpu"), print)["test"]
    with torch.inference_mode():
        right = (module(test.chunk(0, len(test))[0]).argmax(1) == test.labels).sum()
    assert int(right) == round(end.test.accuracy * end.test.n)
    kept = {layer.name: layer.kept for layer in end.layers if layer.kept < layer.units}
    assert {name: int(mask.sum()) for name, mask in module.masks.items() if not name.startswith("bn")} == kept
    for name, mask in module.masks.items():
        weights = module.get_parameter(name).detach().numpy()
        if spec.resolved_granularity == "channel":  # the removed ones are no longer there
            assert weights.size == int(mask.sum())
        else:
            assert np.all(weights[~mask.numpy()] == 0)
    assert not module.training


def test_a_run_without_final_weights_says_so(store):
    run = store.submit(RunSpec(), name="waiting")
    with pytest.raises(StoreError, match="'waiting' has no final weights; it is queued"):
        load(run.id, store)


def test_the_library_loads_from_the_store_of_the_settings():
    with pytest.raises(NoSuchRun):
        prune_core.load("no such run")
