"""Bundles: what goes out comes back the same; what was tampered with comes in not at all."""

import hashlib
import json
import pickle
import re
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from test_store import SUPERVISOR, finished, said

from prune_core.events import Numbered, Started, to_json
from prune_core.spec import RunSpec
from prune_core.store import Store, StoreError, bundles, queue
from prune_core.store.lease import take


@pytest.fixture(autouse=True)
def no_examples(tmp_path, monkeypatch):
    monkeypatch.setattr(bundles, "EXAMPLES", tmp_path / "none")


@pytest.fixture
def store(tmp_path):
    store = Store.open(tmp_path / "from")
    assert take(store, SUPERVISOR, None)
    return store


@pytest.fixture
def other(tmp_path):
    return Store.open(tmp_path / "to")


@pytest.fixture
def run(store):
    run = store.submit(RunSpec(sparsity=0.5), name="=cmd()", notes="<script>")
    queue.claim(store, SUPERVISOR, 1)
    attempt = store.attempt(run.id, 1)
    attempt.append(said(0))
    attempt.files.save_checkpoint(1, {"c": np.ones(2)}, {})
    attempt.files.save("weights.safetensors", {"w": np.arange(4.0)}, {"k": "v"})
    attempt.append(Numbered(1, finished()))
    return store.run(run.id)


@pytest.fixture
def bundle(store, run, tmp_path):
    store.export_runs([run.id], tmp_path / "bundle.zip")
    return tmp_path / "bundle.zip"


def mine(store):
    return [r for r in store.runs() if not r.example]


def test_a_run_comes_back_with_its_id_events_and_files(store, other, run, bundle):
    (came,) = other.import_runs(bundle)
    kept = ("id", "spec", "name", "notes", "state", "created", "started", "ended", "summary", "fingerprint", "group")
    assert {f: getattr(came, f) for f in kept} == {f: getattr(run, f) for f in kept}
    assert other.events(run.id) == store.events(run.id)
    assert [f.name for f in other.files(run.id)] == ["weights.safetensors"]
    assert other.tensors(run.id, "weights.safetensors")["w"].tolist() == [0, 1, 2, 3]
    assert other.metadata(run.id, "weights.safetensors") == {"k": "v"}
    assert not came.example


def test_a_run_that_is_already_here_is_left_alone(store, run, bundle):
    store.rename(run.id, "renamed since")
    assert store.import_runs(bundle) == []
    assert store.run(run.id).name == "renamed since"


def test_several_runs_travel_together(store, other, run, tmp_path):
    second = store.submit(RunSpec(seed=5))
    queue.claim(store, SUPERVISOR, 1)
    store.attempt(second.id, 1).fail("no")
    store.export_runs([run.id, second.id, run.id], tmp_path / "two.zip")
    assert {(r.id, r.state, r.message) for r in other.import_runs(tmp_path / "two.zip")} == {
        (run.id, "finished", None),
        (second.id, "failed", "no"),
    }


def test_files_of_a_kind_can_be_left_out(store, other, run, tmp_path):
    store.export_runs([run.id], tmp_path / "light.zip", kinds=("masks",))
    other.import_runs(tmp_path / "light.zip")
    assert other.events(run.id) == store.events(run.id)
    assert other.files(run.id) == []


def test_what_is_not_over_stays_at_home(store, tmp_path):
    queued = store.submit(RunSpec(), name="waiting")
    with pytest.raises(StoreError, match="'waiting' is queued"):
        store.export_runs([queued.id], tmp_path / "x.zip")
    assert not (tmp_path / "x.zip").exists()


def test_no_path_of_this_machine_leaves_it(bundle, tmp_path):
    with zipfile.ZipFile(bundle) as archive:
        assert not any(str(tmp_path).encode() in archive.read(name) for name in archive.namelist())


def test_a_new_store_begins_with_the_examples(store, bundle, tmp_path, monkeypatch):
    (tmp_path / "examples").mkdir()
    bundle.rename(tmp_path / "examples" / "one.zip")
    (tmp_path / "examples" / "broken.zip").write_bytes(b"PK nothing")
    monkeypatch.setattr(bundles, "EXAMPLES", tmp_path / "examples")
    new = Store.open(tmp_path / "new")
    (example,) = new.runs()
    assert example.example
    assert new.tensors(example.id, "weights.safetensors")["w"].tolist() == [0, 1, 2, 3]
    assert new.speeds() == {}
    new.delete(example.id)
    assert Store.open(tmp_path / "new").runs() == []


def rewritten(bundle, change):
    """The bundle with its members changed: `change` gets name -> bytes and the manifest, which is written back afterwards."""
    with zipfile.ZipFile(bundle) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(members[bundles.MANIFEST])
    change(members, manifest, manifest["runs"][0])
    if bundles.MANIFEST in members:
        members[bundles.MANIFEST] = json.dumps(manifest).encode()
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def put(members, run, name, data, kind="file"):
    """A further file, with a manifest that is true of it."""
    members[f"runs/{run['id']}/{name}"] = data
    run["files"].append({"name": name, "kind": kind, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()})


def events(members, run, text):
    members[f"runs/{run['id']}/events.jsonl"] = text
    run["events"] |= {"bytes": len(text), "sha256": hashlib.sha256(text).hexdigest(), "count": text.count(b"\n")}


def lines(members, run):
    return members[f"runs/{run['id']}/events.jsonl"].splitlines(keepends=True)


def first(started):
    return b'{"number":0,"time":"2026-01-01T00:00:00Z","event":%s}\n' % to_json(started).encode()


STARTED = Started(
    spec=RunSpec(sparsity=0.25).resolved().model_dump(mode="json"), plan=(), parameters=(), versions={}, device="cpu", threads=1,
    train=1, validation=1, test=1,
)  # fmt: skip
AFTER = re.compile(rb'"time":"[^"]*"')
HUGE_HEADER = json.dumps({"w": {"dtype": "F32", "shape": [2**63 - 1], "data_offsets": [0, 4]}}).encode()
ATTACKS = {
    "a member that leads out": lambda m, b, r: put(m, r, "../../evil.safetensors", b"x"),
    "an absolute member": lambda m, b, r: put(m, r, "/tmp/evil.safetensors", b"x"),
    "a drive letter": lambda m, b, r: put(m, r, "c:\\evil.safetensors", b"x"),
    "an id that leads out": lambda m, b, r: r.update(id="../../evil"),
    "a member that nobody named": lambda m, b, r: m.update({"../evil": b"x"}),
    "the manifest is gone": lambda m, b, r: m.pop(bundles.MANIFEST),
    "the manifest is no object": lambda m, b, r: m.update({bundles.MANIFEST: b"[]"}) or b.clear(),
    "another format": lambda m, b, r: b.update(format=2),
    "an unknown field": lambda m, b, r: r.update(path="/etc"),
    "a pickle": lambda m, b, r: put(m, r, "evil.safetensors", pickle.dumps({"w": 1})),
    "a pickle under its own name": lambda m, b, r: put(m, r, "evil.pkl", pickle.dumps({"w": 1})),
    "a header of 2^63 numbers": lambda m, b, r: put(
        m, r, "evil.safetensors", len(HUGE_HEADER).to_bytes(8, "little") + HUGE_HEADER + b"0000"
    ),
    "a header that is longer than the file": lambda m, b, r: put(m, r, "evil.safetensors", (2**62).to_bytes(8, "little") + b"{}"),
    "a checkpoint": lambda m, b, r: put(m, r, "checkpoint-000001.safetensors", b"x", kind="checkpoint"),
    "another checksum": lambda m, b, r: r["files"][0].update(sha256="0" * 64),
    "a size that lies": lambda m, b, r: r["files"][0].update(bytes=3),
    "a file twice": lambda m, b, r: r["files"].append(r["files"][0]),
    "a run twice": lambda m, b, r: b["runs"].append(r),
    "an unknown criterion": lambda m, b, r: r["spec"].update(criterion="os.system"),
    "a name of 81 characters": lambda m, b, r: r.update(name="x" * 81),
    "events that are damaged": lambda m, b, r: m.update({f"runs/{r['id']}/events.jsonl": b"{}"}),
    "events with a gap": lambda m, b, r: events(m, r, lines(m, r)[1]),
    "events out of order": lambda m, b, r: events(m, r, b"".join(reversed(lines(m, r)))),
    "no ending": lambda m, b, r: events(m, r, lines(m, r)[0]),
    "two endings": lambda m, b, r: events(m, r, lines(m, r)[1].replace(b'"number":1', b'"number":0') + lines(m, r)[1]),
    "an event that is none": lambda m, b, r: events(m, r, b'{"number":0,"time":"2026-01-01T00:00:00Z","event":{"kind":"evil"}}\n'),
    "an event of a megabyte": lambda m, b, r: events(m, r, lines(m, r)[0].replace(b'"x"', b'"' + b"x" * 2**20 + b'"') + lines(m, r)[1]),
    "a date before all dates": lambda m, b, r: r.update(created="0001-01-01T00:00:00+14:00"),
    "an event after all dates": lambda m, b, r: events(
        m, r, lines(m, r)[0] + AFTER.sub(b'"time":"9999-12-31T23:59:59-14:00"', lines(m, r)[1])
    ),
    "a duration that is no number": lambda m, b, r: events(
        m, r, lines(m, r)[0] + lines(m, r)[1].replace(b'"seconds":2.0', b'"seconds":"NaN"')
    ),
    "events of another run": lambda m, b, r: events(m, r, first(STARTED) + lines(m, r)[1]),
    "events of no run at all": lambda m, b, r: events(m, r, first(replace(STARTED, spec={"model": "evil"})) + lines(m, r)[1]),
    "a million deep": lambda m, b, r: events(m, r, b"[" * 10**6 + b"\n"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_bundle_that_was_tampered_with_comes_in_not_at_all(other, bundle, attack, tmp_path):
    rewritten(bundle, ATTACKS[attack])
    before = sorted(tmp_path.rglob("evil*"))
    with pytest.raises(StoreError) as refused:
        other.import_runs(bundle)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400
    assert mine(other) == []
    assert sorted(tmp_path.rglob("evil*")) == before
    assert list((other.home / "runs").glob(f"*{'.part'}")) == []


def test_a_zip_bomb_stops_at_the_size_that_was_announced(other, bundle):
    def bomb(members, manifest, run):
        members[f"runs/{run['id']}/weights.safetensors"] = b"\0" * (200 << 20)

    rewritten(bundle, bomb)
    with pytest.raises(StoreError, match="damaged"):
        other.import_runs(bundle)


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", b"not a zip at all", pickle.dumps({"a": 1})], ids=["empty", "cut off", "text", "pickle"]
)
def test_what_is_no_zip_is_refused_in_one_line(other, tmp_path, content):
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(StoreError, match=r"x\.zip can't be read as a bundle"):
        other.import_runs(tmp_path / "x.zip")
