"""Saliency: found, offered, asked for, failed; with its control and its convolutional twin. Real scoring runs on digits."""

import json
import struct

import numpy as np
import pytest

from prune_core import RunSpec
from prune_core.engine.execute import execute
from prune_core.store import queue

from .conftest import LOOKER, words


def asked(**fields):
    """The spec that the page asks for with digits and its other knobs as they are."""
    options = {"criteria": ("snip",), "labels": "true", **fields.pop("protocol_options", {})}
    return RunSpec(protocol="score", dataset="digits", protocol_options=options, **fields)


def score(store, spec):
    """Carry a scoring run out, here."""
    run = store.submit(spec)
    claim = queue.claim(store, LOOKER, 1)
    assert claim is not None
    attempt = store.attempt(run.id, claim.attempt)
    for numbered in execute(spec, files=attempt.files, threads=1):
        attempt.append(numbered)
    return store.run(run.id)


def viewer(shown):
    """Header and counts of the viewer, as the browser gets them."""
    found = [e.proto.bytes for e in shown.get("bidi_component") if e.proto.component_name == "espalier.masks"]
    if not found:
        return None
    (length,) = struct.unpack("<I", found[0][:4])
    head = json.loads(found[0][4 : 4 + length])
    images = len(head["classes"]) * head["image"][0] * head["image"][1]
    counts = np.frombuffer(found[0][4 + length + images :], "<u2").reshape(len(head["classes"]), len(head["sparsities"]), -1)
    return head, counts


def test_with_nothing_scored_it_says_what_there_would_be_and_offers_one_button(page):
    shown = page("saliency.py", sal_data="Digits")
    assert "Nobody has looked at Digits this way yet" in words(shown)
    assert [b.label for b in shown.button] == ["Look"]


def test_data_that_are_not_here_say_what_will_be_downloaded(page, monkeypatch, tmp_path):
    monkeypatch.setenv("ESPALIER_DATA", str(tmp_path / "nothing"))
    from prune_core.settings import settings

    settings.cache_clear()
    assert "Fashion-MNIST is not here yet: 31 MB to download first." in words(page("saliency.py", sal_data="Fashion-MNIST"))


def test_a_finished_scoring_is_drawn_with_the_counts_of_its_files(page, store):
    run = score(store, asked())
    shown = page("saliency.py", sal_data="Digits")
    head, counts = viewer(shown)
    assert head["classes"] == list("0123456789")
    assert head["rows"] == [90, 80, 70, 60, 50, 40, 30, 20, 10]
    files = [e.file for e in store.history(run.id).scorings]
    np.testing.assert_array_equal(counts[3], store.tensors(run.id, files[3])["pixels"])
    said = words(shown)
    assert "what is kept looks most like the mean image of its own digit for" in said
    assert "Shuffle the labels" in said
    assert "so the background counts too" in said


def test_the_control_stands_in_the_sentence_as_soon_as_it_is_there(page, store):
    score(store, asked())
    score(store, asked(protocol_options={"labels": "shuffled"}))
    assert "and with shuffled labels" in words(page("saliency.py", sal_data="Digits"))
    assert "and with true labels" in words(page("saliency.py", sal_data="Digits", sal_labels="Shuffled"))


def test_a_convolution_shows_its_filters(page, store):
    score(store, asked(model="small_conv"))
    head, counts = viewer(page("saliency.py", sal_data="Digits", sal_model="Small conv net"))
    assert head["tile"] == {"n": 16, "h": 3, "w": 3, "across": 4}
    assert counts.shape == (10, 99, 16 * 9)


def test_a_criterion_without_data_shows_one_mask_at_ten_sparsities(page, store):
    score(store, RunSpec(protocol="score", dataset="digits", protocol_options={"criteria": ("random",)}))
    said = words(page("saliency.py", sal_data="Digits", sal_criterion="Random"))
    assert "Random sees no data, so there is one mask for all." in said
    assert said.count("<img ") == 10


def test_the_number_of_images_is_a_question_of_its_own(page, store):
    score(store, asked())
    shown = page("saliency.py", sal_data="Digits")
    assert "Score on more images" in [b.label for b in shown.button]
    score(store, asked(protocol_options={"classes": "all", "batch_sizes": (1, 10, 100, 1000)}))
    assert "Scored on 1 image, the kept pixels correlate" in words(page("saliency.py", sal_data="Digits"))


def test_an_address_can_choose_the_sparsity(page, store):
    score(store, asked())
    assert viewer(page("saliency.py", sal_data="Digits", sal_removed="42"))[0]["chosen"] == 42


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (
            "sal_data",
            "nonsense",
            "sal_data: there is no 'nonsense'. Choices: Digits, MNIST, Fashion-MNIST, CIFAR-10, CIFAR-10 small, CIFAR-100.",
        ),
        ("sal_removed", "200", "sal_removed: must be a whole number from 1 to 99, got '200'."),
        ("sal_removed", "²", "sal_removed: must be a whole number from 1 to 99, got '²'."),
        ("sal_seed", "-1", "sal_seed: must be a whole number from 0 to"),
        ("sal_seed", "9" * 5000, "sal_seed: must be a whole number from 0 to"),
        ("sal_criterion", "<img src=x onerror=alert(1)>", "sal_criterion: there is no '<img src=x onerror=alert(1)>'."),
    ],
)
def test_a_bad_value_in_the_address_is_named_and_the_page_stays_usable(page, name, value, said):
    shown = page("saliency.py", **{"sal_data": "Digits", name: value})
    assert said in shown.warning[0].value.replace("\\", "")
    assert [b.label for b in shown.button] == ["Look"]
    assert not shown.exception


def test_looking_queues_the_run_that_the_knobs_describe(page, store):
    shown = page("saliency.py", sal_data="Digits", sal_seed="3", sal_labels="Shuffled")
    shown.button(key="sal-look").click().run()
    (run,) = store.runs()
    assert (run.state, run.spec) == ("queued", asked(seed=3, protocol_options={"labels": "shuffled"}))


def test_a_scoring_that_failed_says_why_and_offers_another_try(page, store):
    shown = page("saliency.py", sal_data="Digits")
    run = store.submit(asked())
    claim = queue.claim(store, LOOKER, 1)
    store.attempt(run.id, claim.attempt).fail("digits: the archive is damaged.")
    shown.session_state["scoring-runs"] = {run.fingerprint: run.id}
    shown.run()
    assert "digits: the archive is damaged" in shown.error[0].value.replace("\\", "")
    assert [b.label for b in shown.button] == ["Look again"]
