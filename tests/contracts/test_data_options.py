"""What a run may do to its data set: random labels, some of the classes; and that nothing stored before is another run for it."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from prune_core import RunSpec, SpecError, catalogue, run
from prune_core.catalogue.entry import DataSetOptions
from prune_core.catalogue.published import published
from prune_core.charts.accuracy import accuracy
from prune_core.engine.dataset import PARTS, open_data
from prune_core.history import History
from prune_core.spec_words import settings_of
from prune_core.store.records import facts_of
from prune_core.sweeps import words_of

CPU = torch.device("cpu")
RANDOM = {"dataset_options": {"labels": "random"}}
DIGITS = catalogue.datasets["digits"]
EXAMPLES = sorted((Path(__file__).parents[2] / "assets" / "examples").glob("*.zip"))
SOMEBODY = {"fingerprint": "0" * 64, "group": "1" * 64, "event": 1, "mask_checksum": "2" * 64}


class TestFingerprints:
    """Of runs that were stored before there were options stay as they were."""

    @pytest.mark.parametrize(
        ("told", "fingerprint", "group"),
        [
            ({}, "36f93de7fa1a3f19", "b52e2a19c2a97f6f"),
            ({"dataset": "mnist", "sparsity": 0.95, "seed": 3}, "c4e8b6b2e6d0856a", "44cf39adf7f9a54e"),
            ({"protocol": "score", "dataset": "fashion_mnist"}, "f9d4c92f880a088c", "427390e870138a30"),
            ({"protocol": "from_scratch", "parent": SOMEBODY}, "3405c534c11e474b", "c4e5d37e895e9157"),
            ({"model": "small_conv", "criterion": "l2_norm", "protocol": "iterative"}, "0184ac7c28fcd993", "a120bf2d15d13751"),
        ],
        ids=lambda v: str(v)[:40],
    )
    def test_of_specs_without_options_are_the_recorded_ones(self, told, fingerprint, group):
        for spec in (RunSpec.read(told), RunSpec.read(told | {"dataset_options": {"labels": "true", "classes": []}})):
            assert spec.fingerprint.startswith(fingerprint)
            assert spec.group.startswith(group)
            assert RunSpec.read(spec.resolved().model_dump_json()).fingerprint == spec.fingerprint

    @pytest.mark.parametrize("bundle", EXAMPLES, ids=lambda path: path.stem)
    def test_by_which_examples_name_their_parents_still_name_them(self, bundle):
        with zipfile.ZipFile(bundle) as archive:
            names = [n for n in archive.namelist() if n.endswith("events.jsonl")]
            specs = [RunSpec.model_validate(json.loads(archive.read(n).splitlines()[0])["event"]["spec"]) for n in names]
        here = {spec.fingerprint for spec in specs}
        assert len(here) == len(specs)
        assert {spec.parent.fingerprint for spec in specs if spec.parent} <= here

    def test_of_other_data_are_others(self):
        assert len({RunSpec(**fields).fingerprint for fields in ({}, RANDOM)}) == 2
        assert len({RunSpec(**fields).group for fields in ({}, RANDOM)}) == 2


class TestRandomLabels:
    def test_are_drawn_from_all_classes_alike_by_the_seed(self):
        train = open_data(DIGITS, CPU, print)["train"]
        drawn = [train.with_random_labels(10, seed).labels for seed in range(20)]
        counts = torch.bincount(torch.cat(drawn), minlength=10)
        assert stats.chisquare(counts.numpy()).pvalue > 0.01
        assert torch.equal(drawn[3], train.with_random_labels(10, 3).labels)
        assert not torch.equal(drawn[3], drawn[4])
        right = sum(int((labels == train.labels).sum()) for labels in drawn)
        assert stats.binomtest(right, 20 * len(train), 0.1).pvalue > 0.01

    def test_leave_scores_masks_and_all_but_the_training_labels_as_they_are(self):
        """Up to the first step of training only the look at the training images tells the runs apart."""
        found = []
        for fields in ({}, RANDOM):
            events = [e for _, e in run(RunSpec(epochs=0, **fields))]
            pruned, end = next(e for e in events if e.kind == "pruned"), events[-1]
            found.append((pruned, end))
        (true, true_end), (random, random_end) = found
        assert (true.masks_sha256, true.before, true.after) == (random.masks_sha256, random.before, random.after)
        assert (true_end.test, true_end.validation, true_end.weights_sha256) == (
            random_end.test,
            random_end.validation,
            random_end.weights_sha256,
        )
        assert true.train_before != random.train_before

    def test_learnt_by_heart_are_no_chance_though_other_images_are_guessed(self):
        spec = RunSpec(protocol="dense", optimizer="adam", epochs=40, **RANDOM)
        events = [e for _, e in run(spec)]
        end = events[-1]
        assert next(e for e in reversed(events) if e.kind == "epoch").accuracy > 0.6
        assert end.test.accuracy < 0.2
        assert not end.at_chance
        assert not [e for e in events if e.kind == "warning"]
        told = accuracy(History.of(events)).sentence
        assert "Training labels are random: guessing, 10 % right, is all that can come out of other images." in told

    def test_of_which_none_was_learnt_are_told_as_chance_on_the_training_images(self):
        events = [e for _, e in run(RunSpec(sparsity=0.99, epochs=1, **RANDOM))]
        (warning,) = [e.message for e in events if e.kind == "warning" and "chance" in e.message]
        assert warning.startswith("The network stayed at chance on its own training images: ")
        assert "of 1,294 random labels right with 10 classes" in warning
        assert events[-1].at_chance
        assert "learnt none of its random labels by heart" in accuracy(History.of(events)).sentence

    def test_are_said_wherever_the_run_is_named_and_never_stand_beside_published_numbers(self):
        spec = RunSpec(dataset="mnist", **RANDOM)
        assert spec.title == "SNIP 90 % · LeNet-300-100 · MNIST with random labels · seed 0"
        assert facts_of(spec)["dataset"] == spec.data == "mnist with random labels"
        assert catalogue.data_title(spec.data) == spec.dataset_entry.title
        assert published(spec.model, "mnist")
        assert not published(spec.model, spec.data)
        assert ("Training labels", "random") in [(s.title, s.value) for s in settings_of(spec)]

    def test_in_some_runs_of_a_sweep_are_not_said_of_all(self):
        both = [RunSpec(dataset="mnist", **fields) for fields in (RANDOM, {})]
        assert words_of(both).endswith("MNIST")
        assert "2 settings of dataset" in words_of(both)


class TestClasses:
    @pytest.mark.parametrize("classes", [(3, 8), (0, 9), (2, 3, 4, 7, 9)], ids=str)
    def test_leave_exactly_their_images_numbered_anew(self, classes):
        whole, part, entry = open_data(DIGITS, CPU, print), open_data(DIGITS, CPU, print, classes), DIGITS.only(classes)
        for name in PARTS:
            old = whole[name].labels.numpy()
            rows = [i for i, label in enumerate(old) if label in classes]
            assert part[name].labels.tolist() == [classes.index(old[i]) for i in rows]
            np.testing.assert_array_equal(part[name].images.numpy(), whole[name].images.numpy()[rows])
            assert len(rows) == getattr(entry, name)
            assert tuple(np.bincount(part[name].labels.numpy(), minlength=len(classes))) == getattr(entry.balance, name)
        assert entry.classes == tuple(str(c) for c in classes)

    def test_say_that_an_accuracy_on_them_is_none_on_all(self):
        asked = DIGITS.asked(DataSetOptions(classes=(8, 3, 8)))
        assert asked.title == "Digits of classes 3, 8"
        assert asked.caution == "2 of 10 classes: no accuracy on Digits."
        assert DIGITS.asked(DataSetOptions()) is DIGITS

    @given(st.sets(st.integers(0, 99), min_size=2), st.sampled_from(["true", "random"]), st.sampled_from(sorted(catalogue.datasets)))
    def test_have_a_name_that_the_store_has_room_for_and_no_other_classes_share(self, classes, labels, name):
        words = DataSetOptions(classes=classes, labels=labels).words
        assert len(f"{name} {words}") <= 64
        assert words != DataSetOptions(classes={*classes, 100}, labels=labels).words

    @pytest.mark.parametrize(
        ("classes", "line"),
        [
            ([3], "dataset_options.classes: must be at least two classes, or none for all, got 3 alone."),
            ([3, 12], "dataset_options.classes: digits has classes 0 to 9, got 12."),
            ([-1, 3], "dataset_options.classes: digits has classes 0 to 9, got -1."),
            (list(range(10)), "dataset_options.classes: these are all 10 classes of digits. Leave it out."),
            (["a", 3], "dataset_options.classes.0: must be a whole number, got 'a'."),
        ],
        ids=str,
    )
    def test_that_can_not_be_are_refused_in_one_line(self, classes, line):
        with pytest.raises(SpecError) as caught:
            RunSpec.read({"dataset_options.classes": classes})
        assert str(caught.value) == line


def test_a_run_without_training_refuses_random_labels():
    with pytest.raises(SpecError, match=r"dataset_options\.labels: score trains nothing, and scores see true labels\. Choices: true\."):
        RunSpec(protocol="score", **RANDOM)
