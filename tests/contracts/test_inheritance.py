"""What a run takes over from another one through the store: found, checked, or refused in words."""

from functools import partial

import pytest
from test_store import SUPERVISOR

from prune_core import RunSpec
from prune_core.engine.errors import RunError
from prune_core.engine.execute import execute
from prune_core.parents import NoParent
from prune_core.store import Store, queue
from prune_core.store.inheritance import inherited
from prune_core.store.lease import take
from prune_core.twins import parent_of, train_longer, twins

SPEC = RunSpec(sparsity=0.9, epochs=1)


@pytest.fixture
def store(tmp_path):
    store = Store.open(tmp_path)
    assert take(store, SUPERVISOR, None)
    return store


def carried_out(store, spec):
    run = store.submit(spec)
    queue.claim(store, SUPERVISOR, 1)
    attempt = store.attempt(run.id, 1)
    for numbered in execute(spec, files=attempt.files, parents=partial(inherited, store)):
        attempt.append(numbered)
    return store.run(run.id)


def test_a_twin_finds_its_parent_by_what_it_is_and_not_by_its_id(store):
    first = carried_out(store, SPEC)
    twin = twins(store.history(first.id))["scratch_e"].spec
    carried_out(store, SPEC)
    store.delete(first.id)
    assert carried_out(store, twin).summary.weights_kept == 26_620


def test_weights_and_masks_come_from_the_files_of_the_parent(store):
    run = carried_out(store, SPEC)
    history = store.history(run.id)
    longer = inherited(store, train_longer(history, 1).parent)
    assert longer.spec == run.spec
    assert (longer.weights["fc1.weight"] != 0).sum() == history.finished.layers[0].kept
    assert inherited(store, parent_of(history)).weights == {}


def test_a_parent_that_is_not_here_is_named_in_words(store):
    parent = parent_of(store.history(carried_out(store, SPEC).id))
    for run in store.runs():
        store.delete(run.id)
    with pytest.raises(NoParent, match="not finished in this store"):
        inherited(store, parent)


def test_masks_that_are_not_those_the_run_was_made_for_are_refused(store):
    parent = parent_of(store.history(carried_out(store, SPEC).id))
    with pytest.raises(NoParent, match="not those that this run was made for"):
        inherited(store, parent.model_copy(update={"mask_checksum": "0" * 64}))
    with pytest.raises(NoParent, match=r"event 0 .* is no pruning"):
        inherited(store, parent.model_copy(update={"event": 0}))


def test_a_damaged_file_of_the_parent_is_a_reason_in_words(store):
    run = carried_out(store, SPEC)
    history = store.history(run.id)
    store.path(run.id, history.prunings[-1].file).write_bytes(b"no masks")
    with pytest.raises(NoParent, match="can't be read"):
        inherited(store, parent_of(history))


def test_weights_that_did_not_travel_are_missed_in_words(store, tmp_path):
    run = carried_out(store, SPEC)
    store.export_runs([run.id], tmp_path / "light.zip", kinds=("masks",))
    elsewhere = Store.open(tmp_path / "elsewhere")
    elsewhere.import_runs(tmp_path / "light.zip")
    history = elsewhere.history(run.id)
    with pytest.raises(RunError, match=r"final weights .* are not here"):
        list(execute(train_longer(history, 1), parents=partial(inherited, elsewhere)))
    *_, last = execute(twins(history)["scratch_e"].spec, parents=partial(inherited, elsewhere))
    assert last.event.weights_kept == 26_620
