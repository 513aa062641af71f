"""Resources: what would take too much is refused before anything is allocated, in words that name the limit and how to raise it."""

import fnmatch
import json
import subprocess
import sys
import weakref
import zipfile
from itertools import product
from math import prod

import pytest
import streamlit as st
import torch
from streamlit.testing.v1 import AppTest
from torch.nn.functional import cross_entropy
from torch.utils._python_dispatch import TorchDispatchMode

from prune_core import RunSpec, SpecError, catalogue, memory, run
from prune_core.engine.errors import RunError
from prune_core.events import LARGEST
from prune_core.service import submit, submit_sweep
from prune_core.settings import settings
from prune_core.store import StoreError, queue
from prune_core.store.queue import QueueFull
from tests.oracles.narrow import narrow

from .conftest import ROOT


@pytest.fixture
def limits(monkeypatch):
    """limits(queue=2): settings as the environment would give them."""

    def give(**variables):
        for name, value in variables.items():
            monkeypatch.setenv(f"ESPALIER_{name.upper()}", str(value))
        settings.cache_clear()

    yield give
    monkeypatch.undo()
    settings.cache_clear()


class TestTheQueue:
    def test_takes_no_more_than_may_wait_and_says_how_to_raise_it(self, store, limits):
        limits(queue=2)
        for seed in range(2):
            store.submit(RunSpec(seed=seed))
        with pytest.raises(QueueFull, match=r"queue: 2 runs wait already, .* limit of 2\. .*ESPALIER_QUEUE"):
            store.submit(RunSpec(seed=2))
        assert store.queue_length() == 2

    def test_takes_again_when_there_is_room(self, store, limits):
        limits(queue=1)
        store.request_cancel(store.submit(RunSpec(seed=0)).id)
        assert store.submit(RunSpec(seed=1)).state == "queued"

    def test_takes_a_sweep_whole_or_not_at_all(self, store, limits):
        limits(queue=10)
        with pytest.raises(QueueFull, match="11 more"):
            submit_sweep(store, [RunSpec(seed=seed) for seed in range(11)])
        with pytest.raises(QueueFull, match="12 more"):
            submit_sweep(store, [RunSpec(seed=seed) for seed in range(6)], follow=["shuffled"])
        assert store.queue_length() == 0
        assert store.sweeps() == []

    def test_takes_less_than_ten_thousand_by_default(self, store):
        assert settings().queue < 10_000
        with store.database.reading() as connection, pytest.raises(QueueFull, match="10,000 more"):
            queue.make_room(connection, 10_000)

    def test_says_so_on_the_form(self, store, limits):
        limits(home=store.home, queue=1)
        st.cache_resource.clear()
        store.submit(RunSpec())
        shown = AppTest.from_file(str(ROOT / "pages" / "_shell.py"), default_timeout=60)
        shown.switch_page("prune.py")
        shown.run()
        next(b for b in shown.button if b.label == "Start run").click().run()
        assert not shown.exception
        assert "ESPALIER_QUEUE" in shown.error[0].value.replace("\\", "")
        assert store.queue_length() == 1


class TestMemory:
    @pytest.mark.parametrize("name", catalogue.models)
    def test_of_an_image_is_what_torch_keeps_for_the_backward_pass(self, name):
        entry, options = narrow(name)
        module = catalogue.function_of(entry)(options, entry.classes).train()
        assert kept(module, entry, 5) - kept(module, entry, 2) == 3 * 4 * entry.activations

    @pytest.mark.parametrize("name", catalogue.models)
    def test_of_a_look_at_an_image_is_at_most_what_is_told(self, name):
        """Everything alive at one time in a forward pass without gradients, against what the largest signals take."""
        entry, options = narrow(name)
        module = catalogue.function_of(entry)(options, entry.classes).eval()
        pixels = prod(entry.input_shape)
        assert alive_at_once(module, entry) <= pixels + min(memory.HELD_AT_ONCE * entry.widest, memory.FORWARD_AND_BACK * entry.activations)

    def test_that_a_batch_would_take_is_refused_when_it_is_queued_and_when_it_runs(self, store, limits):
        spec = RunSpec(model="small_conv", dataset="mnist", batch_size=65_536)
        limits(memory=4)
        words = r"batch_size: the run would take about 2\d\.\d GB of memory, .* and may take 4\.0\. .*ESPALIER_MEMORY"
        with pytest.raises(SpecError, match=words):
            submit(store, spec)
        with pytest.raises(SpecError, match=words):
            submit_sweep(store, [RunSpec(), spec])
        with pytest.raises(RunError, match=words):
            next(run(spec))
        assert store.queue_length() == 0

    def test_that_gradients_of_single_images_would_take_is_refused_by_their_number_at_a_time(self, limits):
        def asked(chunk):
            return RunSpec(
                model="vgg_16", dataset="cifar_10", criterion="fisher", criterion_options={"n_examples": 2_000, "per_sample_chunk": chunk}
            )

        limits(memory=6)
        problem = memory.refusal(asked(2_000), memory.allowed())
        assert problem is not None
        assert str(problem).startswith("criterion_options.per_sample_chunk: the run would take about ")
        assert memory.refusal(asked(20), memory.allowed()) is None

    def test_that_squares_of_single_images_gradients_really_take_is_what_is_told(self):
        """The high-water mark of a process of its own, beside that with one image's gradients at a time."""
        code = """
import sys
import torch
from torch import nn
from prune_core.catalogue.criteria.trained import FisherOptions
from prune_core.catalogue.anatomy import Layer
from prune_core.criteria import fisher_diagonal
from prune_core.criteria.types import Scoring
torch.set_num_threads(1)
chunk = int(sys.argv[1])
model = nn.Sequential(nn.Conv2d(128, 128, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
batches = [(torch.randn(128, 128, 8, 8), torch.zeros(128, dtype=torch.int64))]
options = FisherOptions(per_sample_chunk=chunk)
fisher_diagonal.fisher_diagonal(Scoring(model, {"0.weight": model[0].weight}, {}, batches, options, torch.Generator()))
peak = next(1024 * int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(peak, 4 * chunk * options.gradients([Layer(name="", title="", shape=(128, 128, 3, 3), positions=64)]))
"""

        def measured(chunk):
            done = subprocess.run([sys.executable, "-c", code, str(chunk)], cwd=ROOT, capture_output=True, text=True, check=True)
            return map(int, done.stdout.split())

        (peak, told), (least, _) = measured(128), measured(1)
        assert 0.5 * told < peak - least < told + 10e6

    def test_that_judging_would_take_is_counted_too(self, limits):
        images = RunSpec(protocol="judge", criterion=None, dataset="mnist", protocol_options={"images": 10_000})
        assert memory.needed(images)["protocol_options.images"] == 8 * 784 * 10_000
        gradients = RunSpec(protocol="judge", criterion=None, model="lenet_5", dataset="mnist", protocol_options={"criteria": ["fisher"]})
        assert memory.needed(gradients)["criterion_options.per_sample_chunk"] == 4 * 32 * (20 * 1 * 5 + 24 * 24 * (1 * 8 + 3 * 20))
        limits(memory=0.1)
        assert memory.refusal(gradients, memory.allowed()) is not None

    def test_that_a_criterion_inverts_is_counted_by_its_matrices(self, limits):
        limits(memory=0.9)
        wide = RunSpec(model="vgg_16", dataset="cifar_10", criterion="l_obs", protocol="iterative", model_options={"width": 0.5})
        assert memory.needed(wide)["criterion"] >= 4 * 8 * (256 * 9) ** 2
        few = RunSpec(criterion="obs", protocol="iterative", criterion_options={"include": ("fc3.weight",)})
        assert memory.needed(few)["criterion"] == 4 * 8 * 1000**2
        judged = RunSpec(protocol="judge", criterion=None, protocol_options={"criteria": ("l_obs",)})
        assert memory.needed(judged)["criterion"] >= 4 * 8 * 785**2
        assert memory.needed(RunSpec())["criterion"] == 0
        whole = wide.model_copy(update={"model_options": wide.model_options.model_copy(update={"width": 1.0})})
        assert memory.refusal(whole, memory.allowed()) is not None

    def test_that_layerwise_obs_really_takes_is_at_most_what_is_told(self):
        """The high-water mark of a process of its own: a layer of 2,304 inputs, all of whose weights it inverts over, and of 100 images' patches."""
        code = """
import torch
from torch import nn
from prune_core.catalogue.criteria.trained import LObsOptions
from prune_core.catalogue.anatomy import Layer
from prune_core.criteria import l_obs
from prune_core.criteria.types import Scoring
torch.set_num_threads(1)


def asked(channels):
    # a convolution of 100 images, whose two outputs have not the same weights left
    model = nn.Sequential(nn.Conv2d(channels, 2, 3, padding=1))
    left = {"0.weight": torch.ones_like(model[0].weight, dtype=torch.bool)}
    left["0.weight"][1, 0, 0, 0] = False
    batches = [(torch.randn(25, channels, 12, 12), torch.zeros(25, dtype=torch.int64)) for _ in range(4)]
    weights = {"0.weight": model[0].weight}
    return Scoring(model, weights, {}, batches, LObsOptions(), torch.Generator().manual_seed(0), left=left)


def peak():
    return next(1024 * int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))


for channels in (8, 256):  # the first brings what torch and LAPACK keep for themselves
    question = asked(channels)
    before = peak()
    l_obs.score(question)
    l_obs.update(question, question.left)
print(peak() - before, 8 * LObsOptions().matrices([Layer(name="", title="", shape=(2, 256, 3, 3))]))
"""
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
        took, told = map(int, done.stdout.split())
        assert 2 * 8 * 2304**2 < took < told + 20e6

    def test_that_a_matrix_over_all_weights_would_take_is_refused_by_their_number(self, store):
        words = (
            r"max_weights: obs inverts a matrix over all weights that it ranks, at most 2,000, and here are 266,200\. Rank fewer by "
            r"criterion_options\.include, such as fc3\.weight alone, or choose l_obs"
        )
        spec = RunSpec(criterion="obs", protocol="iterative")
        with pytest.raises(SpecError, match=words):
            submit(store, spec)
        with pytest.raises(RunError, match=words):
            next(run(spec))
        few = spec.model_copy(update={"criterion_options": spec.criterion_options.model_copy(update={"include": ("fc3.*",)})})
        assert memory.refusal(few, memory.allowed()) is None
        for protocol, options in (
            ("score", {"criteria": ("snip", "obs")}),
            ("judge", {"criteria": ("obs",)}),
            ("judge", {"cut_by": "obs"}),
        ):
            asked = RunSpec(protocol=protocol, criterion=None, protocol_options=options)
            assert str(memory.refusal(asked, memory.allowed())).startswith("protocol_options.criteria: obs inverts a matrix")

    def test_limit_can_be_raised(self, limits):
        spec = RunSpec(model="small_conv", dataset="mnist", batch_size=65_536)
        limits(memory=40)
        assert memory.refusal(spec, memory.allowed()) is None

    @pytest.mark.parametrize(
        ("table", "name", "change", "field"),
        [
            ("models", "lenet_300_100", {"parameters": 10**9}, "model"),
            ("datasets", "digits", {"shape": (1, 50_000, 50_000)}, "dataset"),
            ("datasets", "digits", {"shape": (3, 5_000, 5_000)}, "dataset"),
        ],
        ids=["a billion parameters", "images of 50,000 x 50,000", "images of 5,000 x 5,000"],
    )
    def test_that_a_huge_network_or_image_would_take_is_refused_before_anything_is_allocated(
        self, table, name, change, field, limits, monkeypatch
    ):
        limits(memory=16)
        spec = RunSpec()
        entries = getattr(catalogue, table)
        monkeypatch.setattr(catalogue, table, {**entries, name: entries[name].model_copy(update=change)})
        with pytest.raises(RunError, match=rf"{field}: the run would take about .* may take 16\.0\. .*ESPALIER_MEMORY"):
            next(run(spec))

    def test_of_every_default_fits_a_small_machine_if_need_be_at_a_sixteenth_of_its_channels(self):
        for model, data in product(catalogue.models, catalogue.datasets.values()):
            entry, options = narrow(model, 0.0625)
            if entry.input_shape == data.shape:
                assert memory.refusal(RunSpec(model=model, dataset=data.name, model_options=options), 2e9) is None


def alive_at_once(module, entry):
    """Most numbers that live at one time in a forward pass of one image without gradients: every operation's tensors are seen while they live."""
    living, most = weakref.WeakValueDictionary(), 0
    own = {p.data_ptr() for p in module.state_dict().values()}

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            nonlocal most
            result = func(*args, **(kwargs or {}))
            for tensor in (result,) if isinstance(result, torch.Tensor) else result:
                if tensor.numel() and tensor.data_ptr() not in own:
                    living[id(tensor)] = tensor
            most = max(most, sum({t.data_ptr(): t.untyped_storage().nbytes() // 4 for t in living.values()}.values()))
            return result

    with torch.no_grad(), Watch():
        image = torch.zeros(1, *entry.input_shape) + 0
        module(image)
    return most


def kept(module, entry, images):
    """Bytes that a forward pass of so many images leaves for the backward pass, parameters not counted."""
    own = {p.data_ptr() for p in module.parameters()}
    found = {}

    def note(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            found[storage.data_ptr()] = (storage.nbytes(), tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        loss = cross_entropy(module(torch.zeros(images, *entry.input_shape)), torch.zeros(images, dtype=torch.long))
    assert loss.requires_grad
    # BN keeps its running statistics too, whatever the number of images: the difference of two sizes leaves them out.
    return sum(size for size, _ in found.values())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("batch_size", 10**7), ("epochs", 10**9), ("criterion_options.n_examples", 10**9), ("criterion_options.scoring_batch", 10**9),
        ("protocol_options.rounds", 10**6), ("lr_milestones", [i / 100 for i in range(1, 100)]), ("criterion_options.include", ["*a" * 1000]),
        ("criterion_options.include", ["x"] * 10_000), ("criterion_options.classes", list(range(10_000))),
    ],
    ids=str,
)  # fmt: skip
def test_a_size_beyond_its_range_is_refused_by_the_name_of_its_field(field, value):
    with pytest.raises(SpecError) as refused:
        RunSpec.read({field: value})
    assert str(refused.value).startswith(field)


@pytest.mark.parametrize("pattern", ["*a" * 40, "?*" * 40, "*" * 80, "[" * 80, "(a+)+$" * 13])
def test_no_pattern_of_names_explodes(pattern):
    RunSpec.read({"criterion_options.include": [pattern]})
    assert not fnmatch.fnmatchcase("a" * 30 + "!", pattern) or set(pattern) <= {"*", "?"}


def test_a_bundle_that_would_fill_the_disk_is_refused_before_it_is_unpacked(store, example, tmp_path, monkeypatch):
    store.export_runs([example.id], tmp_path / "big.zip")
    store.delete(example.id)
    with zipfile.ZipFile(tmp_path / "big.zip") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(members["bundle.json"])
    for file in manifest["runs"][0]["files"]:
        file["bytes"] = 1 << 30
    with zipfile.ZipFile(tmp_path / "big.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, json.dumps(manifest) if name == "bundle.json" else data)
    monkeypatch.setattr("prune_core.store.bundles.free_bytes", lambda folder: 10**9)
    with pytest.raises(StoreError, match=r"bytes are needed, and .* are free"):
        store.import_runs(tmp_path / "big.zip")
    assert store.runs() == []


def test_no_event_is_larger_than_an_event_may_be():
    assert LARGEST == 64 * 1024
