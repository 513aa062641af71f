"""What holds for every run, whatever its protocol: repeatable, resumable, cancellable, honest at its end."""

import json
import os
import stat

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from torch.nn.modules.module import register_module_forward_pre_hook

from prune_core import RunSpec, catalogue, plan, run
from prune_core.engine.checkpoint import unpacked_masks
from prune_core.engine.errors import RunError
from prune_core.engine.execute import Execution, chosen_device, execute, ignore, never
from prune_core.engine.files import NOWHERE, Folder
from prune_core.engine.optimiser import Adam
from prune_core.events import EVENT, LARGEST, Measured, from_json, to_json
from prune_core.history import History
from prune_core.parents import nobody
from prune_core.settings import settings

SMALL = {
    "dense": RunSpec(protocol="dense", epochs=2), "prune_at_init": RunSpec(sparsity=0.95, epochs=2),
    "iterative": RunSpec(protocol="iterative", criterion="magnitude", epochs=3),
    "recorded": RunSpec(protocol="iterative", criterion="karnin", optimizer="adam", weight_decay=1e-3, epochs=3, protocol_options={"rounds": 3}),
    "score": RunSpec(protocol="score"),
    "compared": RunSpec(protocol="score", protocol_options={"criteria": ("snip", "random"), "classes": "all", "measure": ("agreement",)}),
    "channels": RunSpec(model="small_conv", criterion="l2_norm", protocol="iterative", epochs=1, sparsity=0.5, protocol_options={"rounds": 2}),
    "adam": RunSpec(optimizer="adam", epochs=2, sparsity=0.5),
    "adjusted": RunSpec(criterion="l_obs", protocol="iterative", epochs=2, criterion_options={"n_examples": 50}, protocol_options={"rounds": 2}),
    "judge": RunSpec(protocol="judge", criterion=None, epochs=2, protocol_options={
        "units": 30, "images": 40, "criteria": ["snip", "obd", "random", "karnin"], "n_examples": 20, "sparsities": [0.5, 0.9],
        "cut_by": "obd"}),
    "one by one": RunSpec(model="small_conv", criterion="fisher", protocol="one_at_a_time", epochs=3, sparsity=0.3, protocol_options={
        "every": 3, "looks": 3, "value": "delta_over_cost"}),
    "slimming": RunSpec(model="small_conv", protocol="slimming", epochs=2, sparsity=0.5),
    "factors": RunSpec(model="small_conv", protocol="structure_selection", epochs=2, sparsity=0.5),
    "shrunk first": RunSpec(model="small_conv", criterion="snip", granularity="channel", epochs=2, sparsity=0.5),
    "judged channels": RunSpec(model="small_conv", protocol="judge", criterion=None, epochs=1, protocol_options={
        "unit": "channel", "units": 6, "images": 20, "n_examples": 20, "sparsities": [0.5]}),
}  # fmt: skip
EVERY = pytest.mark.parametrize("name", SMALL)
TIMES = {"seconds", "latency"}


class Stop:
    """Turns true at the n-th time it is asked."""

    def __init__(self, n: int) -> None:
        self.left = n

    def __call__(self) -> bool:
        self.left -= 1
        return self.left < 0


def without_times(event) -> dict:
    """What has to be the same again: all but seconds, which a measured latency is made of."""
    told = {k: v for k, v in json.loads(to_json(event)).items() if k not in TIMES}
    return told | ({"values": told["values"]["bytes"]} if told.get("what") == "latency" else {})


@pytest.fixture(scope="module")
def whole():
    return {name: list(run(spec)) for name, spec in SMALL.items()}


def test_every_protocol_of_the_catalogue_is_tried_here():
    alone = {name for name, protocol in catalogue.protocols.items() if "parent" not in protocol.uses}
    assert {s.protocol for s in SMALL.values()} == alone


@EVERY
class TestEveryRun:
    def test_numbers_its_events_from_zero_and_ends_finished(self, name, whole):
        assert [n for n, _ in whole[name]] == list(range(len(whole[name])))
        assert whole[name][0].event.kind == "started"
        assert whole[name][-1].event.kind == "finished"

    def test_is_the_same_again_bit_for_bit(self, name, whole):
        again = list(run(SMALL[name]))
        assert [without_times(e) for _, e in again] == [without_times(e) for _, e in whole[name]]

    def test_events_survive_json_and_stay_small(self, name, whole):
        for _, event in whole[name]:
            assert from_json(to_json(event)) == event
            assert len(to_json(event)) < LARGEST

    def test_broken_off_anywhere_it_goes_on_to_the_same_weights(self, name, whole, tmp_path):
        """Asked to stop every few batches, again and again, it still says the same events."""
        said = {}
        for attempt in range(400):
            cancelled = False
            for number, event in execute(SMALL[name], files=Folder(tmp_path), stop=Stop(23 + attempt % 7)):
                cancelled = event.kind == "cancelled"
                if not cancelled:
                    assert said.setdefault(number, without_times(event)) == without_times(event)
            if not cancelled:
                break
        assert [said[i] for i in sorted(said)] == [without_times(e) for _, e in whole[name]]

    def test_any_prefix_of_its_events_is_a_history(self, name, whole):
        events = [e for _, e in whole[name]]
        for i in range(len(events) + 1):
            history = History.of(events[:i])
            assert len(history.prunings) <= len(history.events)
            assert (history.finished is not None) == (i == len(events))


@limits(max_examples=8)
@given(st.sampled_from(["iterative", "recorded"]), st.integers(1, 120))
def test_a_run_stopped_at_any_moment_resumes_to_the_same_sha256(tmp_path_factory, name, n):
    spec, folder = SMALL[name], Folder(tmp_path_factory.mktemp("run"))
    for _ in execute(spec, files=folder, stop=Stop(n)):
        pass
    *_, last = execute(spec, files=folder)
    assert last.event.weights_sha256 == reference(spec)


def test_a_run_stopped_while_it_rehearses_begins_that_scoring_again_and_ends_the_same(tmp_path):
    spec = RunSpec(criterion="force", epochs=0, protocol_options={"rounds": 6})
    stopped = [event.kind for _, event in execute(spec, files=Folder(tmp_path), stop=Stop(4))]
    assert stopped == ["started", "cancelled"]
    *_, resumed = execute(spec, files=Folder(tmp_path))
    *_, whole = execute(spec)
    assert resumed.event.weights_sha256 == whole.event.weights_sha256


class TestAPruningThatAdjustsWhatIsLeft:
    spec = SMALL["adjusted"]

    @pytest.mark.parametrize("after", ["scored", "pruned"])
    @pytest.mark.parametrize("which", [0, 1])
    def test_killed_around_it_the_run_ends_in_the_same_weights(self, after, which, tmp_path, whole):
        """The last checkpoint is from before the scoring: it is scored, decided and adjusted again."""
        kinds = []
        for _, event in execute(self.spec, files=Folder(tmp_path), checkpoint_seconds=0):
            kinds.append(event.kind)
            if kinds.count(after) > which:
                break
        resumed = list(execute(self.spec, files=Folder(tmp_path)))
        wanted = [without_times(e) for _, e in whole["adjusted"]]
        assert [without_times(e) for _, e in resumed] == wanted[-len(resumed) :]
        assert resumed[0].event.kind == "scored"

    def test_is_measured_before_with_the_old_values_and_after_with_the_new(self, whole):
        plain = self.spec.model_copy(update={"criterion_options": self.spec.criterion_options.model_copy(update={"update": "none"})})
        bare = next(e for _, e in run(plain) if e.kind == "pruned")
        adjusted = next(e for _, e in whole["adjusted"] if e.kind == "pruned")
        assert (adjusted.before, adjusted.masks_sha256) == (bare.before, bare.masks_sha256)
        assert adjusted.after.loss < bare.after.loss

    def test_says_so_in_its_plan_and_only_then(self):
        said = [s.words for s in plan(self.spec) if s.kind == "prune"]
        assert all(words.endswith("gone in all, and adjust what is left") for words in said)
        assert not any("adjust" in s.words for s in plan(SMALL["iterative"]))


class TestOnceItsTestPartWasMeasured:
    """A run that is broken off then still ends with what was measured, and with its weights."""

    spec = SMALL["prune_at_init"]

    def test_killed_before_it_could_say_so(self, tmp_path, whole):
        last = whole["prune_at_init"][-1]
        for number, _ in execute(self.spec, files=Folder(tmp_path), checkpoint_seconds=0):
            if number == last.number:
                break
        *_, resumed = execute(self.spec, files=Folder(tmp_path))
        assert without_times(resumed.event) == without_times(last.event)

    def test_asked_to_stop_at_the_very_last_moment(self, tmp_path, whole):
        asked = Stop(10**9)
        for _ in execute(self.spec, stop=asked):
            pass
        *_, cancelled = execute(self.spec, files=Folder(tmp_path), stop=Stop(10**9 - asked.left - 1))
        assert cancelled.event.kind == "cancelled"
        *_, resumed = execute(self.spec, files=Folder(tmp_path))
        assert without_times(resumed.event) == without_times(whole["prune_at_init"][-1].event)


def reference(spec, known={}):  # noqa: B006
    if spec not in known:
        *_, last = run(spec)
        known[spec] = last.event.weights_sha256
    return known[spec]


@pytest.mark.parametrize(
    "protocol", [p for p, entry in catalogue.protocols.items() if "training" in entry.uses and "parent" not in entry.uses]
)
@pytest.mark.parametrize("model", [m.name for m in catalogue.models.values() if m.input_shape == catalogue.datasets["digits"].shape])
def test_with_default_options_every_network_of_their_shape_learns_the_digits(model, protocol):
    entry = catalogue.protocols[protocol]
    if "weight" not in entry.granularities and not catalogue.models[model].channel_groups:
        pytest.skip("it removes channels, and the network has none")
    if (
        "batch_norm" in {need for name in entry.criteria[:1] for need in catalogue.criteria[name].needs}
        and not catalogue.models[model].normalises
    ):
        pytest.skip("it pulls at batch norm, and the network has none")
    told = {
        "iterative": {"criterion": "magnitude"}, "one_at_a_time": {"criterion": "fisher", "sparsity": 0.4, "epochs": 20},
        "slimming": {"sparsity": 0.3, "protocol_options": {"finetune_lr": 0.01}},
        "structure_selection": {"sparsity": 0.2, "protocol_options": {"finetune_lr": 0.01}},
    }.get(protocol, {})  # fmt: skip
    few = {"units": 4, "images": 50, "n_examples": 10} if protocol == "judge" else {}
    *_, last = run(RunSpec(**{"model": model, "protocol": protocol, "protocol_options": few, **told}))
    assert not last.event.at_chance
    assert last.event.test.accuracy > 0.9


def test_snip_at_95_percent_keeps_exactly_13310_of_266200_weights(whole):
    final = whole["prune_at_init"][-1].event
    assert (final.weights_kept, final.weights) == (13_310, 266_200)


@pytest.mark.parametrize("spec", [
    RunSpec(protocol_options={"rounds": 1000}), RunSpec(protocol="iterative", protocol_options={"rounds": 100}),
    RunSpec(protocol="iterative", protocol_options={"rounds": 100}, criterion_options={"include": ["\N{GRINNING FACE}" * 80] * 64}),
    RunSpec(protocol="score", protocol_options={"batch_sizes": list(range(1, 17)), "sparsities": [i / 200 for i in range(1, 200)]}),
    RunSpec(protocol="score", protocol_options={"criteria": ["synflow", "force"], "rounds": "own"}),
], ids=["a thousand rounds", "a hundred in training", "long patterns", "sixteen sizes", "rounds at every sparsity"])  # fmt: skip
def test_the_first_event_stays_small_whatever_the_length_of_the_plan(spec):
    started = next(iter(execute(spec))).event
    assert len(to_json(started).encode()) < LARGEST
    assert started.plan in ((), plan(spec))


def test_a_comparison_of_as_many_criteria_and_sparsities_as_a_spec_may_ask_for_fits_into_an_event():
    pairs, sparsities = 120, 50  # of sixteen criteria
    counts = [[14_700_000] * sparsities] * pairs
    values = {
        "shared": counts,
        "kept": counts[0],
        "sparsities": [0.9999] * sparsities,
        "spearman": [-0.123456] * pairs,
        "criteria": ["skeletonization"] * 16,
    }
    assert len(to_json(Measured(epoch=0, what="agreement", values=values)).encode()) < LARGEST


def test_a_damaged_checkpoint_is_set_aside_and_the_older_one_used(tmp_path):
    spec, folder = SMALL["prune_at_init"], Folder(tmp_path)
    for n in (30, 50):
        for _ in execute(spec, files=folder, stop=Stop(n)):
            pass
    newest, older = folder.checkpoint_paths()
    newest.write_bytes(newest.read_bytes()[:1000])
    *_, last = execute(spec, files=folder)
    assert last.event.weights_sha256 == reference(spec)
    assert newest.with_suffix(".damaged").exists()
    assert older != newest


def test_going_on_saves_no_checkpoint_where_the_last_one_stands(tmp_path):
    """A run that dies at the same place again and again gets no further, and is seen to."""
    spec, folder = SMALL["prune_at_init"], Folder(tmp_path)

    def until_measured():
        events = execute(spec, files=folder)
        for number, event in events:
            if event.kind == "finished":
                events.close()
                return number

    assert until_measured()
    before = {path.name: path.stat().st_mtime_ns for path in folder.checkpoint_paths()}
    assert before
    assert until_measured()
    assert {path.name: path.stat().st_mtime_ns for path in folder.checkpoint_paths()} == before


def test_a_checkpoint_of_another_run_is_not_taken(tmp_path):
    for _ in execute(SMALL["prune_at_init"], files=Folder(tmp_path), stop=Stop(40)):
        pass
    other = SMALL["prune_at_init"].model_copy(update={"seed": 5})
    first, *_ = execute(other, files=Folder(tmp_path))
    assert first.event.kind == "started"


@pytest.mark.parametrize("name", ["iterative", "adjusted"])
def test_masks_in_the_file_are_those_of_the_final_weights(name, tmp_path):
    events = [e for _, e in run(SMALL[name], folder=tmp_path)]
    from safetensors import safe_open

    pruned = [e for e in events if e.kind == "pruned"]
    with safe_open(tmp_path / pruned[-1].file, "numpy") as file:
        masks = unpacked_masks({n: file.get_tensor(n) for n in file.keys()}, json.loads(file.metadata()["shapes"]))  # noqa: SIM118
    with safe_open(tmp_path / events[-1].file, "numpy") as file:
        weights = {n: file.get_tensor(n) for n in masks}
    assert sum(int(m.sum()) for m in masks.values()) == pruned[-1].kept
    for name, mask in masks.items():
        assert not weights[name][~mask.numpy()].any()
        assert np.count_nonzero(weights[name]) == int(mask.sum())


@pytest.mark.parametrize(
    "fields", [{"criterion": "snip"}, {"criterion": "karnin", "protocol": "iterative", "epochs": 1}], ids=["snip", "karnin"]
)
def test_scores_in_the_file_are_those_that_decided(tmp_path, fields):
    """Filter by filter as PyTorch has them, although convolutions lie channels-last in memory: what went had the lowest."""
    from safetensors import safe_open

    spec = RunSpec(model="small_conv", **{"epochs": 0, "protocol_options": {"rounds": 1}, **fields})
    events = {event.kind: event for _, event in run(spec, folder=tmp_path)}
    with safe_open(tmp_path / events["scored"].file, "numpy") as file:
        scores = {n: file.get_tensor(n) for n in file.keys()}  # noqa: SIM118
    with safe_open(tmp_path / events["pruned"].file, "numpy") as file:
        masks = unpacked_masks({n: file.get_tensor(n) for n in file.keys()}, json.loads(file.metadata()["shapes"]))  # noqa: SIM118
    went = max(float(scores[n][~m.numpy()].max()) for n, m in masks.items())
    stays = min(float(scores[n][m.numpy()].min()) for n, m in masks.items())
    assert went <= stays


def test_recording_changes_nothing_but_what_is_recorded():
    """Beside the same run by magnitude, up to the first pruning; and runs of other criteria train with the bare optimiser."""
    recorded, other = SMALL["recorded"], RunSpec(**{**SMALL["recorded"].model_dump(), "criterion": "magnitude", "criterion_options": {}})

    def until_scored(asked):
        told = []
        for _, event in asked.events():
            if event.kind == "scored":
                return told
            told.append({**without_times(event), "spec": 0, "plan": 0})

    runs = [Execution(spec.resolved(), NOWHERE, nobody, never, ignore, 1e9) for spec in (recorded, other)]
    first, second = map(until_scored, runs)
    assert first == second
    assert runs[0].network.weights_sha256() == runs[1].network.weights_sha256()
    assert runs[0].network.recording is runs[0].optimiser
    assert isinstance(runs[1].optimiser, Adam)
    assert runs[1].network.recording is None


def test_what_a_pruning_takes_away_is_no_longer_recorded_and_the_rest_goes_on():
    asked = Execution(SMALL["recorded"].resolved(), NOWHERE, nobody, never, ignore, 1e9)
    before = None
    for _, event in asked.events():
        if event.kind == "scored":
            before = {n: asked.network.recording.state[n].clone() for n in ("start", "fall")}
        if event.kind == "pruned":
            gone = asked.network.mask == 0
            assert bool(gone.any())
            for name, noted in before.items():
                assert bool(noted[gone].any())
                assert not asked.network.recording.state[name][gone].any()
                assert asked.network.recording.state[name][~gone].equal(noted[~gone])
            break


@pytest.mark.parametrize("name", ["iterative", "adjusted"])
def test_masks_of_later_rounds_lie_inside_the_earlier_ones(name, tmp_path):
    from safetensors import safe_open

    before = None
    for event in (e for _, e in run(SMALL[name], folder=tmp_path) if e.kind == "pruned"):
        with safe_open(tmp_path / event.file, "numpy") as file:
            masks = unpacked_masks({n: file.get_tensor(n) for n in file.keys()}, json.loads(file.metadata()["shapes"]))  # noqa: SIM118
        if before:
            assert not any(bool((m & ~before[n]).any()) for n, m in masks.items())
        before = masks


def test_judging_leaves_weights_optimiser_and_everything_said_besides_as_they_are_without_it():
    judged, dense = SMALL["judge"], RunSpec(protocol="dense", criterion=None, epochs=2)

    def told(spec):
        return [{**without_times(e), "spec": 0, "plan": 0} for _, e in run(spec) if e.kind != "measured"]

    assert told(judged) == told(dense)


@pytest.mark.parametrize("name", ["judge", "judged channels"])
def test_judging_in_the_middle_of_training_leaves_nothing_behind(name):
    asked = Execution(SMALL[name].resolved(), NOWHERE, nobody, never, ignore, 1e9)
    for numbered in asked.events():
        if numbered.event.kind == "epoch":
            before = state_of(asked)
            for step in asked.plan:
                if step.kind == "measure":
                    assert [e.kind for e in asked.measure(step)] == ["measured"]
            assert state_of(asked) == before


def state_of(asked: Execution) -> list:
    """Everything that a later step of the run could notice."""
    net, clock = asked.network, asked.clock
    tensors = [*net.module.state_dict().values(), net.weights, net.gradient, *asked.optimiser.state.values(), torch.get_rng_state()]
    modes = [(m.training, len(m._forward_hooks), len(m._forward_pre_hooks)) for m in net.module.modules()]
    sums = (float(clock.sums.loss), int(clock.sums.correct), clock.sums.images, clock.iteration)
    return [[t.detach().numpy().tobytes() for t in tensors], modes, sorted(net.masks), sums, asked.scores]


@pytest.mark.parametrize(("what", "before", "times"), [("removal", 1, 5), ("sensitivity", 8, 2)])
def test_a_run_stopped_in_the_middle_of_the_second_layer_begins_it_again_and_says_the_same(what, before, times, tmp_path, whole):
    """Five weights taken out of it, or cut once by scores that were asked for with the first: they are no part of a checkpoint."""
    spec, kinds, asked = SMALL["judge"], [], []

    def stop():
        asked.extend([1] * (kinds.count("measured") == before))
        return len(asked) > times

    for _, event in execute(spec, files=Folder(tmp_path), stop=stop):
        kinds.append(event.kind)
    assert kinds[-2:] == ["measured", "cancelled"]
    resumed = list(execute(spec, files=Folder(tmp_path)))
    wanted = [without_times(e) for _, e in whole["judge"]]
    assert [without_times(e) for _, e in resumed] == wanted[-len(resumed) :]
    assert (resumed[0].event.what, resumed[0].event.values["layer"]) == (what, "fc2.weight")


def test_layers_that_are_cut_one_after_another_share_one_asking_of_the_criterion():
    """Only a scoring passes images through the network with gradients where nothing is trained."""
    passes = []
    hook = register_module_forward_pre_hook(lambda m, x: passes.append(len(x[0])) if torch.is_grad_enabled() and m is first() else None)
    spec = RunSpec(protocol="judge", criterion=None, epochs=0, protocol_options={
        "units": 3, "images": 10, "criteria": ["magnitude"], "cut_by": "snip", "n_examples": 20, "sparsities": [0.5]})  # fmt: skip
    asked = Execution(spec.resolved(), NOWHERE, nobody, never, ignore, 1e9)

    def first():
        return asked.network.module.fc1

    try:
        measured = [e.event for e in asked.events() if e.event.kind == "measured"]
    finally:
        hook.remove()
    assert [e.values["layer"] for e in measured if e.what == "sensitivity"] == ["fc1.weight", "fc2.weight", "fc3.weight"]
    assert passes == [20]
    assert asked.answer is None


def test_a_measurement_never_changes_the_run(whole):
    plain = SMALL["prune_at_init"]
    spec = RunSpec(**{**plain.model_dump(), "protocol_options": {"measure": ["latency"]}})
    events = [e for _, e in run(spec)]
    values = next(e for e in events if e.kind == "measured").values
    assert 0 < values["batch_1"]["low"] <= values["batch_1"]["median"] <= values["batch_1"]["high"]
    assert events[-1].weights_sha256 == whole["prune_at_init"][-1].event.weights_sha256


@pytest.mark.parametrize("criterion", ["magnitude", "lamp"])
def test_n_rounds_without_training_between_give_the_one_shot_mask(criterion):
    def layers(rounds):
        spec = RunSpec(criterion=criterion, epochs=0, sparsity=0.9, protocol_options={"rounds": rounds})
        return [e for _, e in run(spec) if e.kind == "pruned"][-1].first_layer

    assert layers(1) == layers(5)


def test_keep_weights_each_stores_the_weights_before_every_pruning(tmp_path):
    for _ in run(RunSpec(criterion="magnitude", protocol="iterative", epochs=1, keep_weights="each"), folder=tmp_path):
        pass
    assert len(list(tmp_path.glob("weights-*.safetensors"))) == 5


def test_a_run_that_is_asked_to_end_while_it_scores_prunes_first_and_keeps_a_checkpoint(tmp_path):
    spec, asked = SMALL["prune_at_init"], []
    kinds = []
    for _, event in execute(spec, files=Folder(tmp_path), stop=lambda: bool(asked)):
        kinds.append(event.kind)
        if event.kind == "scored":
            asked.append(True)
    assert kinds[-3:] == ["scored", "pruned", "cancelled"]
    resumed = [event.kind for _, event in execute(spec, files=Folder(tmp_path))]
    assert "pruned" not in resumed
    assert resumed[-1] == "finished"


def test_a_loss_that_is_no_number_stops_the_run_in_words():
    with pytest.raises(RunError, match=r"^Stopped in epoch \d+: the loss is no longer a number\. Try a smaller learning rate than 90\.$"):
        list(run(RunSpec(lr=90, epochs=3)))


def test_a_network_that_stays_at_chance_says_so():
    events = [e for _, e in run(RunSpec(sparsity=0.9999, epochs=1))]
    assert events[-1].at_chance
    assert any(e.kind == "warning" and e.message.startswith("The network stayed at chance: ") for e in events)


def test_a_layer_that_lost_everything_is_reported_and_the_run_goes_on():
    events = [e for _, e in run(RunSpec(criterion="random", sparsity=0.9995, epochs=1))]
    pruned = next(e for e in events if e.kind == "pruned")
    assert pruned.collapsed == tuple(layer.name for layer in pruned.layers if layer.kept == 0)
    assert pruned.collapsed
    assert events[-1].kind == "finished"


def test_data_that_is_neither_here_nor_to_be_had_is_an_error_that_names_files_and_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "prune_core.engine.dataset.settings", lambda: settings().model_copy(update={"home": tmp_path, "data": tmp_path / "none"})
    )
    with pytest.raises(
        RunError, match=r"Fashion-MNIST is not here and could not be downloaded\. Put train-images-idx3-ubyte\.gz, .* into .*raw"
    ):
        list(run(RunSpec(dataset="fashion_mnist")))


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setattr("prune_core.engine.dataset.settings", lambda: settings().model_copy(update={"home": tmp_path / "home"}))
    return tmp_path / "home"


@pytest.mark.parametrize("length", [0, 60, 1000])
def test_a_damaged_cache_of_a_data_set_is_set_aside_and_made_anew(home, length):
    spec = RunSpec(epochs=0)
    *_, before = run(spec)
    (damaged,) = home.glob("cache/*/train-images.npy")
    os.truncate(damaged, length)
    *_, after = run(spec)
    assert after.event.weights_sha256 == before.event.weights_sha256
    assert len(list(home.glob("cache/*damaged*/train-images.npy"))) == 1


def test_only_its_owner_may_enter_the_home_that_a_run_makes(home):
    for _ in run(RunSpec(epochs=0)):
        pass
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o700 for path in (home, home / "cache", *home.glob("cache/*")))


def test_a_device_that_is_not_here_is_an_error_in_words():
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(RunError, match="device: there is no cuda on this machine"):
        list(run(RunSpec(device="cuda")))


@pytest.fixture
def two_gpus(monkeypatch):
    """torch says that there are two; nothing is computed on them."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", False)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)


@pytest.mark.usefixtures("two_gpus")
class TestWhereThereAreTwoGpus:
    def test_the_third_is_an_error_that_names_the_choices(self):
        with pytest.raises(RunError, match=r"^device: there is no cuda:2 on this machine\. Choices: auto, cpu, cuda:0, cuda:1\.$"):
            chosen_device("cuda:2")

    @pytest.mark.parametrize(("name", "device"), [("auto", "cuda"), ("cuda", "cuda"), ("cuda:1", "cuda:1"), ("cpu", "cpu")])
    def test_the_others_are_taken(self, name, device):
        assert chosen_device(name) == torch.device(device)

    def test_convolutions_are_repeatable_and_in_full_float32(self):
        chosen_device("auto")
        assert torch.backends.cudnn.deterministic
        assert not torch.backends.cudnn.allow_tf32


def test_every_kind_of_event_is_known_to_the_type_that_reads_them():
    with pytest.raises(ValueError, match=r"union_tag_invalid|does not match any"):
        EVENT.validate_python({"kind": "unheard_of"})


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("criterion", ["snip", "magnitude", "random"])
def test_scores_and_masks_on_a_gpu_equal_those_of_the_cpu_outside_ties(criterion):
    def pruned(device):
        return next(e for _, e in run(RunSpec(criterion=criterion, epochs=0, device=device)) if e.kind == "pruned")

    cpu, gpu = pruned("cpu"), pruned("cuda")
    assert gpu.kept == cpu.kept
    moved = sum(abs(a - b) for a, b in zip(gpu.first_layer.counts, cpu.first_layer.counts, strict=True))
    assert moved <= 2 * max(1, cpu.kept // 10_000)


@pytest.mark.parametrize("name", ["iterative", "judge"])
def test_progress_only_rises_and_ends_at_the_work_of_the_plan(name, monkeypatch):
    """Told as often as anybody listens; second derivatives and gradients of every class count as they cost."""
    monkeypatch.setattr("prune_core.engine.execute.REPORT_SECONDS", 0.0)
    told = []
    spec = SMALL[name].model_copy(update={"criterion": "obd"}) if name == "iterative" else SMALL[name]
    for _ in Execution(
        RunSpec.read(spec.model_dump(exclude={"criterion_options"})).resolved(), NOWHERE, nobody, never, told.append, 1e9
    ).events():
        pass
    done = [progress.done for progress in told]
    assert done == sorted(done)
    assert {progress.total for progress in told} == {done[-1]}
