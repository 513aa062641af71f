"""Bundles and models from strangers: nothing is unpickled, headers that lie are refused, bombs stop before they fill memory or disk.

tests/contracts/test_store_bundles.py tampers with bundles in forty more ways.
"""

import ast
import json
import pickle
import re
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save
from test_store_bundles import events as put_events
from test_store_bundles import put, rewritten

from prune_core.store import StoreError, bundles
from prune_core.store.files import unpacked

from .conftest import ROOT

UNPICKLES = re.compile(r"\b(pickle|cPickle|dill|joblib|cloudpickle|shelve|marshal|yaml)\b")


class Evil:
    def __reduce__(self):
        return (Path("/tmp/espalier-was-broken-into").touch, ())


def safetensors(header: object, data: bytes = b"\0" * 4, length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(shape, offsets=(0, 4), dtype="F32"):
    return {"w": {"dtype": dtype, "shape": shape, "data_offsets": list(offsets)}}


MODELS = {
    "a pickle": pickle.dumps(Evil()),
    "a pickle of torch's": b"PK\x03\x04" + pickle.dumps(Evil()),
    "an array of objects": np.lib.format.magic(1, 0) + b"\x76\0{'descr': '|O', 'fortran_order': False, 'shape': (1,), }" + pickle.dumps(Evil()),
    "HDF5": b"\x89HDF\r\n\x1a\n" + b"\0" * 100,
    "nothing": b"",
    "a header of 2^63 bytes": safetensors({}, length=2**63),
    "a header of 2^64 - 1 bytes": safetensors({}, length=2**64 - 1),
    "a header longer than the file": safetensors({}, length=10_000),
    "a header that is no JSON": safetensors(b"\xff" * 20),
    "a header a million deep": safetensors(b"[" * 10**6),
    "2^63 numbers": safetensors(tensor([2**63 - 1])),
    "2^32 x 2^32 numbers": safetensors(tensor([2**32, 2**32])),
    "an image of 50,000 x 50,000": safetensors(tensor([50_000, 50_000])),
    "fewer numbers than none": safetensors(tensor([-1])),
    "numbers before the file": safetensors(tensor([1], (-4, 0))),
    "numbers behind the file": safetensors(tensor([1000], (0, 4000))),
    "offsets that overlap": safetensors(tensor([1]) | {"v": {"dtype": "F32", "shape": [1], "data_offsets": [2, 6]}}, b"\0" * 6),
    "a type of its own": safetensors(tensor([1], dtype="object")),
}  # fmt: skip


@pytest.mark.parametrize("model", MODELS)
def test_a_file_that_is_no_plain_safetensors_is_refused_in_one_line(tmp_path, model):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(MODELS[model])
    with pytest.raises(StoreError, match=r"is no safetensors file that can be read") as refused:
        unpacked(path)
    assert "\n" not in str(refused.value)
    assert not Path("/tmp/espalier-was-broken-into").exists()


@pytest.fixture
def gift(store, example, tmp_path):
    """A bundle of the example, which the store does not have any more."""
    store.export_runs([example.id], tmp_path / "gift.zip")
    store.delete(example.id)
    return tmp_path / "gift.zip"


@pytest.mark.parametrize("model", ["a pickle", "an image of 50,000 x 50,000", "2^63 numbers"])
def test_a_bundle_with_such_a_file_comes_in_not_at_all(store, gift, model):
    rewritten(gift, lambda members, manifest, run: put(members, run, "evil.safetensors", MODELS[model], kind="weights"))
    with pytest.raises(StoreError):
        store.import_runs(gift)
    assert store.runs() == []


BOMBS = {
    "zeros that pack well": lambda m, b, r: put(m, r, "w.safetensors", save({"w": np.zeros(8 << 20, np.float32)})),
    "a hundred and thirty million empty events": lambda m, b, r: events(m, r, b"\n" * 1000),
    "more bytes than any bundle has": lambda m, b, r: [f.update(bytes=1 << 30) for f in r["files"]],
    "more bytes than a file has": lambda m, b, r: r["files"][0].update(bytes=1 << 40),
    "events of a terabyte": lambda m, b, r: r["events"].update(bytes=1 << 40),
    "runs without end": lambda m, b, r: b.update(runs=[r] * 10_001),
    "a manifest of nine megabytes": lambda m, b, r: b.update(notes=" " * (9 << 20)),
}


def events(members, run, text):
    put_events(members, run, text)
    run["events"]["count"] = 1


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_refused_before_it_goes_off(store, gift, bomb, monkeypatch):
    if bomb.startswith("more bytes than any"):
        monkeypatch.setattr(bundles, "free_bytes", lambda folder: 10**12)
    rewritten(gift, BOMBS[bomb])
    with pytest.raises(StoreError) as refused:
        store.import_runs(gift)
    assert len(str(refused.value)) < 400
    assert store.runs() == []
    assert not [path for path in (store.home / "runs").rglob("*") if path.is_file()]


def test_a_member_that_is_a_link_is_only_bytes(store, gift, tmp_path):
    with zipfile.ZipFile(gift, "a") as archive:
        link = zipfile.ZipInfo("runs/link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(StoreError, match="differ"):
        store.import_runs(gift)
    assert not [path for path in tmp_path.rglob("*") if path.is_symlink()]


def test_a_bundle_inside_a_bundle_stays_a_file_that_is_refused(store, gift):
    inner = gift.read_bytes()
    rewritten(gift, lambda members, manifest, run: put(members, run, "inner.safetensors", inner))
    with pytest.raises(StoreError, match="no safetensors"):
        store.import_runs(gift)


def sources():
    return [ROOT / "app.py", *(ROOT / "pages").rglob("*.py"), *(ROOT / "prune_core").rglob("*.py")]


@pytest.mark.parametrize("path", sources(), ids=lambda p: str(p.relative_to(ROOT)))
def test_no_module_of_ours_unpickles_or_runs_text(path):
    for node in ast.walk(ast.parse(path.read_text())):
        names = [a.name for a in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not [name for name in names if UNPICKLES.fullmatch(name.partition(".")[0])]
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in ("eval", "exec", "compile", "__import__", "torch.load", "os.system", "os.popen", "subprocess.getoutput")
            assert not called.startswith(("torch.hub", "os.exec", "os.spawn"))
            if called.endswith("np.load") or called == "np.load":
                assert any(word.arg == "allow_pickle" and word.value.value is False for word in node.keywords)
            assert not any(word.arg == "shell" and getattr(word.value, "value", True) for word in node.keywords)
