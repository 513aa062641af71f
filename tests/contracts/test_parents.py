"""Runs that start from another one: from scratch, under another mask, trained longer."""

import json

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from prune_core import RunSpec, SpecError, catalogue, plan
from prune_core.engine.errors import RunError
from prune_core.engine.execute import execute
from prune_core.engine.files import Folder
from prune_core.engine.training import shuffled
from prune_core.events import to_json
from prune_core.history import History
from prune_core.parents import Inherited, mask_checksum
from prune_core.steps import Train
from prune_core.twins import macs_left, train_longer, twins

PARENTS = {
    "at_the_start": RunSpec(sparsity=0.95, epochs=2),
    "in_steps": RunSpec(criterion="magnitude", protocol="iterative", epochs=3, protocol_options={"rounds": 2}),
    "channels": RunSpec(model="small_conv", criterion="l2_norm", epochs=1, sparsity=0.5),
    "drawn_again": RunSpec(epochs=1, criterion_options={"reinit_after": "glorot"}),
}
TWINS = ("scratch_e", "equal_pipeline", "random", "shuffled", "inverted", "longer")


class Family:
    """A finished run in a folder, and what its twins take over from it."""

    def __init__(self, spec, folder):
        self.files, self.spec = Folder(folder), spec
        self.events = [e for _, e in execute(spec, files=self.files)]
        self.history = History.of(self.events)

    def inherited(self, parent):
        assert parent.fingerprint == self.spec.fingerprint
        file = self.files.path / self.history.prunings[-1].file
        masks = load_file(file)
        shapes = json.loads(metadata(file)["shapes"])
        assert mask_checksum(masks, shapes) == parent.mask_checksum
        return Inherited(self.spec, masks, shapes, load_file(self.files.path / "weights.safetensors"))

    def spec_of(self, twin):
        return train_longer(self.history, 2) if twin == "longer" else twins(self.history)[twin].spec

    def run(self, twin, **how):
        return list(execute(self.spec_of(twin), parents=self.inherited, **how))


def metadata(file):
    from safetensors import safe_open

    with safe_open(file, "numpy") as opened:
        return opened.metadata()


def masks_in(folder, event):
    file = folder / event.file
    shapes = json.loads(metadata(file)["shapes"])
    return {name: np.unpackbits(bits, count=int(np.prod(shapes[name]))) for name, bits in load_file(file).items()}


def without_times(event):
    told = {k: v for k, v in json.loads(to_json(event)).items() if k not in ("seconds", "latency")}
    return told | ({"values": told["values"]["bytes"]} if told.get("what") == "latency" else {})


@pytest.fixture(scope="module")
def families(tmp_path_factory):
    return {name: Family(spec, tmp_path_factory.mktemp(name)) for name, spec in PARENTS.items()}


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("name", PARENTS)
class TestEveryTwin:
    def test_is_the_same_again_and_ends_finished(self, families, name, twin):
        once, again = families[name].run(twin), families[name].run(twin)
        assert [without_times(e) for _, e in once] == [without_times(e) for _, e in again]
        assert once[-1].event.kind == "finished"

    def test_keeps_as_many_units_as_its_mask_says(self, families, name, twin):
        family, pruned = families[name], next(e for _, e in families[name].run(twin) if e.kind == "pruned")
        theirs = family.history.prunings[-1]
        assert pruned.kept == (theirs.units - theirs.kept if twin == "inverted" else theirs.kept)
        same_layers = [layer.kept for layer in pruned.layers] == [layer.kept for layer in theirs.layers]
        assert same_layers or twin in ("random", "inverted")

    def test_broken_off_it_goes_on_to_the_same_weights(self, families, name, twin, tmp_path):
        whole, asked = families[name].run(twin), iter(range(10**9))
        families[name].run(twin, files=Folder(tmp_path), stop=lambda: next(asked) > 20)
        last = families[name].run(twin, files=Folder(tmp_path))[-1]
        assert last.event.weights_sha256 == whole[-1].event.weights_sha256


@pytest.mark.parametrize("name", PARENTS)
class TestFromScratch:
    def test_begins_with_weights_that_the_parent_never_had(self, families, name, tmp_path):
        """What both begin with, as far as a run of no epochs shows it: no kept weight is equal."""
        family = families[name]
        twin = family.spec_of("scratch_e").model_copy(update={"epochs": 0})
        list(execute(twin, files=Folder(tmp_path / "twin"), parents=family.inherited))
        parent = family.spec.model_copy(update={"epochs": 0})
        list(execute(parent, files=Folder(tmp_path / "parent")))
        ours, theirs = (load_file(tmp_path / who / "weights.safetensors") for who in ("twin", "parent"))
        first = family.spec.model_entry.layers[0].name
        both = (ours[first] != 0) & (theirs[first] != 0)
        assert both.any()
        assert not np.any(ours[first][both] == theirs[first][both])

    def test_sees_its_batches_in_another_order(self, families, name):
        family = families[name]
        ours, theirs = (next(s for s in plan(spec) if isinstance(s, Train)) for spec in (family.spec_of("scratch_e"), family.spec))
        n, seed = family.spec.dataset_entry.train, family.spec.seed
        assert not torch.equal(shuffled(n, seed, ours, 0), shuffled(n, seed, theirs, 0))

    def test_has_exactly_the_masks_of_its_parent(self, families, name, tmp_path):
        family = families[name]
        events = family.run("scratch_e", files=Folder(tmp_path))
        ours, theirs = next(e for _, e in events if e.kind == "pruned"), family.history.prunings[-1]
        assert ours.masks_sha256 == theirs.masks_sha256 == events[-1].event.masks_sha256
        assert ours.effective == theirs.effective


class TestControls:
    def test_inverted_keeps_exactly_what_the_parent_removed(self, families, tmp_path):
        family = families["at_the_start"]
        pruned = next(e for _, e in family.run("inverted", files=Folder(tmp_path)) if e.kind == "pruned")
        ours, theirs = masks_in(tmp_path, pruned), masks_in(family.files.path, family.history.prunings[-1])
        assert all(np.array_equal(ours[n], 1 - theirs[n]) for n in theirs)

    @pytest.mark.parametrize("control", ["random", "shuffled"])
    def test_the_others_agree_with_the_parent_no_more_than_chance(self, families, tmp_path, control):
        """Of n kept at density d a random mask shares d n on average; four standard deviations are allowed."""
        family = families["at_the_start"]
        pruned = next(e for _, e in family.run(control, files=Folder(tmp_path)) if e.kind == "pruned")
        ours, theirs = masks_in(tmp_path, pruned), masks_in(family.files.path, family.history.prunings[-1])
        layer = "fc1.weight"
        n, density = int(theirs[layer].sum()), ours[layer].mean()
        shared = int((ours[layer] & theirs[layer]).sum())
        assert abs(shared - n * density) < 4 * np.sqrt(n * density)

    def test_begin_with_the_weights_and_batches_of_the_parent(self, families):
        family = families["at_the_start"]
        for control in ("random", "shuffled", "inverted"):
            ours, theirs = plan(family.spec_of(control)), plan(family.spec)
            assert ours[0] == theirs[0]
            assert [s for s in ours if isinstance(s, Train)] == [s for s in theirs if isinstance(s, Train)]


def test_trained_longer_a_run_starts_where_it_ended(families):
    family = families["in_steps"]
    events = [e for _, e in family.run("longer")]
    pruned, first = next(e for e in events if e.kind == "pruned"), next(e for e in events if e.kind == "evaluated")
    assert first.quality == family.history.finished.validation == pruned.before
    assert plan(family.spec_of("longer"))[2].order_from == family.spec.epochs


def test_a_dense_run_can_be_trained_longer(tmp_path):
    spec = RunSpec(protocol="dense", criterion=None, epochs=1)
    files = Folder(tmp_path)
    history = History.of(e for _, e in execute(spec, files=files))
    longer = train_longer(history, 1)
    weights = load_file(tmp_path / "weights.safetensors")
    events = [e for _, e in execute(longer, parents=lambda _: Inherited(spec, {}, {}, weights))]
    assert events[1].quality == history.finished.validation
    assert twins(history) == {}


def test_scratch_b_computes_as_much_as_the_dense_network_did_within_an_epoch(families):
    history = families["channels"].history
    made, after, before = twins(history), history.shrunk.macs[1], history.shrunk.macs[0]
    dense, longer = made["dense"].spec.epochs * before, made["scratch_b"].spec.epochs * after
    assert dense - after < longer <= dense
    assert macs_left(history) == after


def test_plainly_smaller_twins_have_no_more_parameters_and_weights_of_their_own(families):
    history = families["channels"].history
    narrow = twins(history)["width_multiplier"].spec
    assert (
        narrow.model_entry.parameters
        <= history.shrunk.parameters[1]
        < narrow.model_copy(update={"model_options": history.spec.model_options}).model_entry.parameters
    )
    assert narrow.parent is None
    assert "bottleneck" not in twins(history)  # a chain has no blocks


def test_twins_of_other_seeds_are_one_group_and_of_other_runs_are_not(families):
    family = families["at_the_start"]
    other = Family.__new__(Family)
    other.history = History.of(
        e for _, e in execute(family.spec.model_copy(update={"seed": 1}), files=Folder(family.files.path / "seed-1"))
    )
    ours, theirs = twins(family.history), twins(other.history)
    assert {n: t.spec.group for n, t in ours.items()} == {n: t.spec.group for n, t in theirs.items()}
    assert not {t.spec.fingerprint for t in ours.values()} & {t.spec.fingerprint for t in theirs.values()}
    channels = twins(families["channels"].history)
    assert not {t.spec.group for t in ours.values()} & {t.spec.group for t in channels.values()}


def test_epochs_are_those_of_the_dense_network_or_of_the_whole_pipeline(families):
    by_name = {n: t.spec.epochs for n, t in twins(families["in_steps"].history).items()}
    assert by_name == {
        "scratch_e": 2, "scratch_b": 20, "equal_pipeline": 3, "dense": 2, "dense_longer": 3, "random": 3, "shuffled": 3, "inverted": 3
    }  # fmt: skip
    at_the_start = twins(families["at_the_start"].history)
    assert at_the_start["scratch_e"].spec == at_the_start["equal_pipeline"].spec


class TestRefusals:
    def test_a_run_that_says_another_method_than_its_parent_is_refused(self, families):
        family = families["at_the_start"]
        lying = family.spec_of("scratch_e").model_copy(
            update={"criterion": "random", "criterion_options": catalogue.criteria["random"].options()}
        )
        with pytest.raises(RunError, match="parent: it has criterion snip, this run says random"):
            list(execute(lying, parents=family.inherited))

    def test_without_a_store_nothing_can_be_taken_over(self, families):
        with pytest.raises(RunError, match="only the store has"):
            list(execute(families["at_the_start"].spec_of("scratch_e")))

    @pytest.mark.parametrize("protocol", [n for n, p in catalogue.protocols.items() if "parent" in p.uses])
    def test_a_protocol_that_starts_from_another_run_needs_one(self, protocol):
        with pytest.raises(SpecError, match=r"parent: .* starts from a finished run"):
            RunSpec(protocol=protocol)

    def test_a_protocol_that_starts_from_nothing_takes_none(self, families):
        parent = families["at_the_start"].spec_of("scratch_e").parent
        with pytest.raises(SpecError, match="parent: dense starts from nothing"):
            RunSpec(protocol="dense", parent=parent)
