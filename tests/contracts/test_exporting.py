"""A network for other programs: real runs, their files, onnxruntime, and a process that knows the library alone."""

import json
import subprocess
import sys
import zipfile

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from prune_core import RunSpec, rebuild
from prune_core.engine.dataset import open_data
from prune_core.engine.portable import NotPortable
from prune_core.service.exporting import CARD, ONNX, SPEC, WEIGHTS, export
from prune_core.service.loading import load
from prune_core.store import Store, StoreError
from prune_core.store.lease import take
from tests.conftest import has
from tests.contracts.test_loading import SUPERVISOR, carried_out

RESNET = RunSpec(
    model="resnet_18", model_options={"width": 0.125}, dataset="cifar_10_small", criterion="l2_norm", granularity="channel", sparsity=0.5, epochs=0,
    protocol_options={"shared": True},
)  # fmt: skip
SPECS = {
    "pruned ResNet-18": RESNET, "channels": RunSpec(model="small_conv", criterion="l2_norm", sparsity=0.5, epochs=1),
    "weights": RunSpec(sparsity=0.95, epochs=1), "dense": RunSpec(protocol="dense", epochs=1),
    "a profile": RunSpec(model="small_conv", protocol="dense", epochs=1, model_options={"profile": (5, 9, 4)}),
}  # fmt: skip
ALONE = """
import json, sys, prune_core
network = prune_core.rebuild(sys.argv[1])
import torch
images = torch.load(sys.argv[2], weights_only=True)
torch.save(network(images), sys.argv[3])
assert not {m for m in sys.modules if m.partition(".")[0] in ("streamlit", "pages", "sqlalchemy", "plotly")}, sys.modules.keys()
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """name -> (store, run id, folder with the unpacked files); every spec is carried out and exported once."""
    found = {}

    def of(name):
        if name not in found:
            spec = SPECS[name]
            if not has(spec.dataset):
                pytest.skip(f"{spec.dataset} is not in ESPALIER_DATA")
            folder = tmp_path_factory.mktemp("exported")
            store = Store.open(folder / "home")
            assert take(store, SUPERVISOR, None)
            run_id = carried_out(store, spec)
            with zipfile.ZipFile(export(run_id, folder / "model.zip", store)) as archive:
                archive.extractall(folder)
            found[name] = store, run_id, folder
        return found[name]

    return of


EVERY = pytest.mark.parametrize("name", SPECS)


def images_of(name) -> torch.Tensor:
    return open_data(SPECS[name].dataset_entry, torch.device("cpu"), print)["test"].chunk(0, 40)[0]


@EVERY
def test_onnxruntime_computes_what_torch_does(exported, name):
    store, run_id, folder = exported(name)
    images = images_of(name)
    with torch.no_grad():
        ours = load(run_id, store)(images).numpy()
    session = onnxruntime.InferenceSession(str(folder / ONNX))
    for n in (40, 1):
        theirs = session.run(None, {"images": images[:n].numpy()})[0]
        assert np.abs(theirs - ours[:n]).max() <= 1e-4 * np.abs(ours).max()


@EVERY
def test_the_network_is_built_again_where_there_are_no_pages(exported, name, tmp_path):
    store, run_id, folder = exported(name)
    images = images_of(name)
    torch.save(images, tmp_path / "images")
    subprocess.run([sys.executable, "-c", ALONE, str(folder / WEIGHTS), str(tmp_path / "images"), str(tmp_path / "logits")], check=True)
    with torch.no_grad():
        ours = load(run_id, store)(images)
    there = torch.load(tmp_path / "logits", weights_only=True)
    torch.testing.assert_close(there.detach(), ours, rtol=1e-5, atol=1e-5)  # kernels lie otherwise in memory, and add up in another order


@EVERY
def test_the_card_says_sizes_and_never_promises_speed_that_was_not_measured(exported, name):
    store, run_id, folder = exported(name)
    card, module = (folder / CARD).read_text(), load(run_id, store)
    assert f"| Parameters | {sum(p.numel() for p in module.parameters()):,} |" in card
    assert f"| Bytes of {WEIGHTS} | {(folder / WEIGHTS).stat().st_size:,} |" in card
    measured = any(e.what == "latency" for e in store.history(run_id).measurements)
    assert ("Milliseconds" in card) == measured
    assert ("Zeros do not make dense kernels faster" in card) == (name == "weights")
    assert json.loads((folder / SPEC).read_text()) == SPECS[name].resolved().model_dump(mode="json")


def test_surgery_makes_the_file_smaller_and_zeros_do_not(exported):
    sizes = {name: (exported(name)[2] / WEIGHTS).stat().st_size for name in ("channels", "weights", "dense")}
    assert sizes["weights"] == pytest.approx(sizes["dense"], rel=0.001)
    whole = sum(p.numel() for p in rebuild(exported("a profile")[2] / WEIGHTS).parameters())
    assert whole < 14_458
    assert sizes["channels"] < 0.5 * 4 * 14_458


def test_files_that_are_no_network_are_refused_in_words(exported, tmp_path):
    with pytest.raises(NotPortable, match="is no safetensors file"):
        rebuild(tmp_path / "nothing")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(NotPortable, match="is no safetensors file"):
        rebuild(tmp_path / "text")
    save_file({"x": torch.zeros(2)}, tmp_path / "other")
    with pytest.raises(NotPortable, match="does not say which network"):
        rebuild(tmp_path / "other")
    folder = exported("channels")[2]
    with safe_open(folder / WEIGHTS, "pt") as file:
        told = file.metadata()
    save_file({n: t[:1].clone() for n, t in load_file(folder / WEIGHTS).items() if t.ndim}, tmp_path / "cut", told)
    with pytest.raises(NotPortable, match="do not fit the network"):
        rebuild(tmp_path / "cut")


def test_a_run_that_is_not_over_is_refused_in_words(tmp_path):
    store = Store.open(tmp_path)
    run = store.submit(SPECS["dense"])
    with pytest.raises(StoreError, match="has no final weights; it is queued"):
        export(run.id, tmp_path / "model.zip", store)
