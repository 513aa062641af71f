"""Files of runs: durable, known by their checksum, never unpickled; what is damaged is named and set aside."""

import pickle

import numpy as np
import pytest
from safetensors.numpy import save

from prune_core.spec import RunSpec
from prune_core.store import Store, StoreError, queue
from prune_core.store.files import tidy
from prune_core.store.lease import Lease, take

SUPERVISOR = Lease("0" * 36, "here", 1, "then")


@pytest.fixture
def store(tmp_path):
    store = Store.open(tmp_path / "home")
    assert take(store, SUPERVISOR, None)
    return store


@pytest.fixture
def attempt(store):
    store.submit(RunSpec())
    claimed = queue.claim(store, SUPERVISOR, 1)
    assert claimed is not None
    return store.attempt(claimed.run.id, 1)


def values(attempt):
    return [int(tensors["at"][0]) for tensors, _ in attempt.files.checkpoints()]


def checkpoint(attempt, *numbers):
    for number in numbers:
        attempt.files.save_checkpoint(number, {"at": np.array([number])}, {"k": str(number)})


def on_disk(store, attempt, kind="checkpoint"):
    return sorted(p for p in store.folder(attempt.run_id).iterdir() if p.name.startswith(kind))


def test_arrays_and_metadata_come_back_bit_for_bit(store, attempt):
    sent = {
        "a": np.array([[1.5, np.nan], [-0.0, np.inf]], np.float32),
        "b": np.array([255], np.uint8),
        "empty": np.zeros((0, 3), np.float64),
    }
    attempt.files.save("masks-0007.safetensors", sent, {"shapes": "{}"})
    found = store.tensors(attempt.run_id, "masks-0007.safetensors")
    assert {n: (t.dtype, t.shape, t.tobytes()) for n, t in found.items()} == {n: (t.dtype, t.shape, t.tobytes()) for n, t in sent.items()}
    assert store.metadata(attempt.run_id, "masks-0007.safetensors") == {"shapes": "{}"}
    assert [(f.name, f.kind) for f in store.files(attempt.run_id)] == [("masks-0007.safetensors", "masks")]


def test_the_same_name_again_replaces_the_file(store, attempt):
    for value in (1, 2, 2):
        attempt.files.save("weights.safetensors", {"w": np.array([value])}, {})
    assert store.tensors(attempt.run_id, "weights.safetensors")["w"] == [2]
    assert len(on_disk(store, attempt, "weights")) == 1


def test_the_last_two_checkpoints_are_kept_newest_first(store, attempt):
    checkpoint(attempt, 1, 1, 2, 5)
    assert values(attempt) == [5, 2]
    assert len(on_disk(store, attempt)) == 2


def test_a_later_attempt_finds_the_checkpoints_and_clears_what_was_half_written(store, attempt):
    checkpoint(attempt, 1, 2)
    half = store.folder(attempt.run_id) / "checkpoint-000003-0123456789abcdef.safetensors.deadbeef.part"
    half.write_bytes(b"half")
    queue.requeue(store, attempt.run_id, 1, "killed")
    queue.claim(store, SUPERVISOR, 1)
    later = store.attempt(attempt.run_id, 2)
    later.begin("h", 1, "b")
    assert not half.exists()
    assert values(later) == [2, 1]


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-4]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-1] + b"\xff"),
        lambda path: path.write_bytes(pickle.dumps({"at": 1})),
        lambda path: path.unlink(),
    ],
    ids=["truncated", "empty", "bit flipped", "a pickle", "gone"],
)
def test_a_damaged_checkpoint_is_set_aside_and_the_older_one_used(store, attempt, damage):
    checkpoint(attempt, 1, 2)
    newest = on_disk(store, attempt)[-1]
    was_there = newest.exists()
    damage(newest)
    left = newest.exists()
    assert values(attempt) == [1]
    assert was_there
    assert not newest.exists()
    assert newest.with_name(newest.name + ".damaged").exists() == left
    assert values(attempt) == [1]
    checkpoint(attempt, 3)
    assert values(attempt) == [3, 1]


def test_a_checkpoint_exchanged_with_another_runs_is_not_used(store, attempt):
    checkpoint(attempt, 1, 2)
    store.submit(RunSpec(seed=1))
    other = store.attempt(queue.claim(store, SUPERVISOR, 1).run.id, 1)
    checkpoint(other, 8, 9)
    on_disk(store, attempt)[-1].write_bytes(on_disk(store, other)[-1].read_bytes())
    assert values(attempt) == [1]
    assert values(other) == [9, 8]


def test_a_damaged_file_is_named_and_stays_where_it_is(store, attempt):
    attempt.files.save("weights.safetensors", {"w": np.ones(4)}, {})
    path = store.path(attempt.run_id, "weights.safetensors")
    path.write_bytes(path.read_bytes()[:-1])
    for ask in (store.path, store.tensors):
        with pytest.raises(StoreError, match=r"weights.* is damaged"):
            ask(attempt.run_id, "weights.safetensors")
    assert path.exists()


@pytest.mark.parametrize(
    "name",
    [
        "../x.safetensors",
        "..\\x.safetensors",
        "/etc/passwd",
        "C:\\x",
        "a\0.safetensors",
        "..%2fx",
        "weights.pt",
        "x" * 4096,
        "",
        ".safetensors",
        "run.log",
    ],
)
def test_names_lead_nowhere(store, attempt, name):
    attempt.files.save("weights.safetensors", {}, {})
    with pytest.raises(StoreError, match="no file of that name"):
        store.path(attempt.run_id, name)
    with pytest.raises(StoreError, match="is no name for a file"):
        attempt.files.save(name, {}, {})
    assert [p.name for p in store.home.parent.iterdir()] == ["home"]


def test_a_link_in_the_folder_is_not_what_was_written(store, attempt, tmp_path_factory):
    secret = tmp_path_factory.mktemp("elsewhere") / "secret"
    secret.write_bytes(save({"s": np.ones(1)}))
    attempt.files.save("weights.safetensors", {"w": np.ones(4)}, {})
    path = store.path(attempt.run_id, "weights.safetensors")
    path.unlink()
    path.symlink_to(secret)
    with pytest.raises(StoreError, match="is damaged"):
        store.path(attempt.run_id, "weights.safetensors")


def test_a_folder_that_is_gone_is_an_error_in_words(store, attempt):
    import shutil

    attempt.files.save("weights.safetensors", {}, {})
    checkpoint(attempt, 1)
    shutil.rmtree(store.folder(attempt.run_id))
    with pytest.raises(StoreError, match="can't be read"):
        store.tensors(attempt.run_id, "weights.safetensors")
    assert values(attempt) == []
    checkpoint(attempt, 2)
    assert values(attempt) == [2]


def test_the_log_is_the_last_64_kb_of_what_workers_wrote(store, attempt):
    assert store.log(attempt.run_id) == ""
    store.folder(attempt.run_id).mkdir(exist_ok=True)
    store.log_path(attempt.run_id).write_bytes(b"old\n" * 40_000 + b"\xff last")
    assert len(store.log(attempt.run_id)) == 64 * 1024
    assert store.log(attempt.run_id).endswith("\ufffd last")


def test_what_can_not_be_cleared_away_now_is_told_and_cleared_away_later(store, attempt):
    attempt.files.save("masks-0000.safetensors", {"a": np.zeros(1)}, {})
    half = store.folder(attempt.run_id) / "weights-0123456789abcdef.safetensors.part"
    half.mkdir()  # which unlink refuses, as it does a file in a folder that is read-only for a moment
    assert not tidy(store, attempt.run_id)
    half.rmdir()
    half.write_bytes(b"half")
    assert tidy(store, attempt.run_id)
    assert not half.exists()
    assert store.tensors(attempt.run_id, "masks-0000.safetensors")
