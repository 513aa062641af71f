"""Runs that start from the final weights of a whole network, on its own data or on others."""

import numpy as np
import pytest
from safetensors.numpy import load_file

from prune_core import RunSpec, SpecError, plan
from prune_core.engine.errors import RunError
from prune_core.engine.execute import execute
from prune_core.engine.files import Folder
from prune_core.history import History
from prune_core.overrides import overrides, read
from prune_core.parents import Inherited
from prune_core.steps import Inherit
from prune_core.twins import NO_MASKS, parent_at, twins

BASE = {"model": "small_conv", "sparsity": 0.3}
WHOLE = RunSpec(**BASE, protocol="dense", criterion=None, epochs=2)
ABLE = {
    "iterative": {"criterion": "l2_norm"}, "one_at_a_time": {"criterion": "fisher", "protocol_options": {"every": 1}},
    "slimming": {}, "structure_selection": {}, "prune_at_init": {"criterion": "l2_norm"},
}  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A finished dense run: its events, and what others take over from it."""
    files = Folder(tmp_path_factory.mktemp("trained"))
    history = History.of(e for _, e in execute(WHOLE, files=files))
    weights = load_file(files.path / "weights.safetensors")
    return history, Inherited(WHOLE, {}, {}, weights)


def starting(trained, **fields) -> RunSpec:
    history, _ = trained
    return RunSpec(**BASE | fields, parent=parent_at(history.spec, len(history.events) - 1, NO_MASKS))


def first_weights(spec: RunSpec, inherited: Inherited, tmp_path) -> dict[str, np.ndarray]:
    """The network before any training: of a run that is told to train for no epoch."""
    files = Folder(tmp_path)
    list(execute(spec, files=files, parents=lambda parent: inherited))
    return load_file(files.path / "weights.safetensors")


@pytest.mark.parametrize("protocol", ABLE)
def test_it_goes_on_from_the_weights_and_ends(trained, protocol):
    spec = starting(trained, protocol=protocol, epochs=3, **ABLE[protocol])
    steps = plan(spec)
    assert isinstance(steps[1], Inherit)
    assert steps[1].what == "start"
    events = [e for _, e in execute(spec, parents=lambda parent: trained[1])]
    assert events[-1].kind == "finished"
    first = next(e for e in events if e.kind == "evaluated") if protocol != "prune_at_init" else None
    assert first is None or first.quality.accuracy > 0.5  # it had learnt these digits before


def test_on_the_same_data_every_weight_is_taken_over_and_on_others_all_but_the_output_layer(trained, tmp_path):
    same = starting(trained, protocol="prune_at_init", criterion="l2_norm", sparsity=0.0, epochs=0)
    taken = first_weights(same, trained[1], tmp_path / "same")
    assert all(np.array_equal(taken[name], weights) for name, weights in trained[1].weights.items())
    other = starting(
        trained, protocol="prune_at_init", criterion="l2_norm", sparsity=0.0, epochs=0, dataset_options={"classes": [0, 1, 2, 3]}
    )
    taken = first_weights(other, trained[1], tmp_path / "other")
    assert taken["fc.weight"].shape[0] == 4
    assert all(np.array_equal(taken[name], weights) for name, weights in trained[1].weights.items() if not name.startswith("fc."))


def test_another_network_and_one_that_was_pruned_are_refused(trained):
    _, inherited = trained
    wider = starting(trained, protocol="iterative", criterion="l2_norm", epochs=1, model_options={"width": 0.5})
    with pytest.raises(RunError, match="it has network small_conv"):
        list(execute(wider, parents=lambda parent: inherited))
    pruned = inherited._replace(masks={"conv1.weight": np.zeros(18, np.uint8)}, shapes={"conv1.weight": (16, 1, 3, 3)})
    with pytest.raises(RunError, match="it was pruned"):
        list(execute(starting(trained, protocol="iterative", criterion="l2_norm", epochs=1), parents=lambda parent: pruned))


def test_a_dense_run_starts_from_nothing(trained):
    with pytest.raises(SpecError, match=r"Protocols that start from another run: .*iterative"):
        starting(trained, protocol="dense", criterion=None)


def test_its_address_says_it_all_and_its_twins_are_those_of_any_pruned_run(trained, tmp_path):
    spec = starting(trained, protocol="iterative", criterion="l2_norm", epochs=2, protocol_options={"rounds": 1})
    assert read(overrides(spec)) == spec
    history = History.of(e for _, e in execute(spec, files=Folder(tmp_path), parents=lambda parent: trained[1]))
    found = twins(history)
    assert {"scratch_e", "dense"} <= set(found)
    assert found["dense"].spec.parent is None
