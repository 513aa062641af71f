"""Saliency: found, offered, asked for, failed; with its control and its convolutional twin. Real scoring runs on digits."""

import json
import math
import struct

import numpy as np
import pytest

from pages.parts import between_criteria
from pages.parts.between_criteria import SPARSITIES
from prune_core import RunSpec, SpecError, catalogue
from prune_core.engine.execute import execute
from prune_core.memory import refusal
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
        ("sal_compared", "most", "sal_compared: must be a number from 0 to 100, got 'most'."),
        ("sal_with", "snip,snipp", "sal_with: there is no 'snipp'. Did you mean 'snip'? Choices:"),
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


TOGETHER = ("snip", "grasp", "synflow", "magnitude", "lamp", "random", "fisher")


def compared(**options):
    """The run that compares the criteria, as the page asks for it."""
    return asked(protocol_options={"criteria": TOGETHER, "classes": "all", "sparsities": SPARSITIES, "measure": ("agreement",), **options})


def matrix(shown):
    """What the browser is given to draw the agreement from."""
    found = [e.proto for e in shown.get("bidi_component") if e.proto.component_name == "espalier.agreement"]
    return json.loads(found[0].json) if found else None


def test_agreement_is_offered_with_one_button_that_queues_its_run(page, store):
    score(store, asked())
    shown = page("saliency.py", sal_data="Digits")
    assert "Seven criteria, asked on the same weights and the same images" in words(shown)
    assert matrix(shown) is None
    shown.button(key="sal-together-look").click().run()
    assert store.runs(states=["queued"])[0].spec == compared()


def test_agreement_and_limits_are_drawn_from_one_run_with_its_numbers(page, store):
    score(store, asked())
    run = score(store, compared())
    shown = page("saliency.py", sal_data="Digits", sal_compared="99.9")
    scene, values = matrix(shown), store.history(run.id).measurements[0].values
    assert scene["names"] == ["SNIP", "GraSP", "SynFlow", "Magnitude", "LAMP", "Random", "Fisher"]
    assert (scene["shared"], scene["kept"]) == (values["shared"], values["kept"])
    assert scene["positions"][scene["chosen"]]["words"] == "99.9 %"
    said = words(shown)
    assert "With 99.9&nbsp;% removed," in said
    assert "SynFlow is meant to be asked in many rounds: not shown here." in said
    assert "is the first to lose a whole layer" in said
    assert "Prune in rounds" in [b.label for b in shown.button]


def test_rounds_stand_beside_the_single_scoring_as_soon_as_they_are_there(page, store, monkeypatch):
    monkeypatch.setattr(between_criteria, "IN_ROUNDS", (0.998,))  # each takes two hundred scorings
    score(store, asked())
    score(store, compared())
    patient = {"criteria": ("iterative_snip", "force", "synflow"), "classes": "all", "rounds": "own", "sparsities": (0.998,)}
    run = score(store, asked(protocol_options=patient))
    assert {e.scorings for e in store.history(run.id).scorings} == {60, 100}
    shown = page("saliency.py", sal_data="Digits")
    assert "SynFlow in 100 rounds every layer keeps something up to 99.8&nbsp;%." in words(shown)
    assert "Prune in rounds" not in [b.label for b in shown.button]


def test_which_criteria_are_compared_can_stand_in_the_address(page, store):
    score(store, asked())
    score(store, compared(criteria=("snip", "random")))
    assert matrix(page("saliency.py", sal_data="Digits", sal_with="random,snip"))["names"] == ["SNIP", "Random"]
    assert "Choose two criteria or more" in words(page("saliency.py", sal_data="Digits", sal_with="snip"))


def test_first_weights_are_a_question_of_their_own_for_any_criterion(page, store):
    magnitude = {"criteria": ("magnitude",)}
    score(store, RunSpec(protocol="score", dataset="digits", protocol_options=magnitude))
    shown = page("saliency.py", sal_data="Digits", sal_criterion="Magnitude")
    assert "Draw them anew" in [b.label for b in shown.button]
    starts = ("glorot", "he", "lecun", "random_normal", "truncated_normal", "torch_default")
    score(
        store,
        RunSpec(
            protocol="score",
            dataset="digits",
            protocol_options=magnitude | {"classes": "all", "initialisations": starts, "sparsities": (0.9,)},
        ),
    )
    said = words(page("saliency.py", sal_data="Digits", sal_criterion="Magnitude"))
    assert "With 90&nbsp;% removed, Magnitude keeps" in said
    assert "where the first weights are" in said
    assert all(f"{name} · " in said for name in ("Glorot", "Truncated normal", "PyTorch&#x27;s"))


def test_a_criterion_of_channels_on_a_network_without_them_offers_one_that_has_them(page):
    shown = page("saliency.py", sal_data="Digits", sal_criterion="Mean activation")
    assert "Mean activation ranks channels, and LeNet-300-100 has none to prune." in words(shown)
    shown.button(key="sal-another").click().run()
    assert shown.selectbox(key="sal_model").value == "LeNet-5"


def test_a_criterion_of_channels_shows_which_filters_stay(page, store):
    score(store, RunSpec(protocol="score", model="small_conv", dataset="digits", protocol_options={"criteria": ("mean_activation",)}))
    shown = page("saliency.py", sal_data="Digits", sal_model="Small conv net", sal_criterion="Mean activation", sal_removed="50")
    head, counts = viewer(shown)
    assert head["what"] == "Channels"
    at_half = counts[:, head["sparsities"].index(50)].reshape(10, 16, 9)
    assert set(at_half.sum(2).ravel().tolist()) == {0, 9}
    assert "With 50&nbsp;% removed, Mean activation keeps 8 of 16 filters of the first layer on average." in words(shown)
    assert "Only criteria that rank channels" in shown.multiselect[0].help


@pytest.mark.parametrize(
    ("criterion", "model", "why"),
    [
        ("bn_scale", "lenet_300_100", "Batch norm scale ranks channels, and LeNet-300-100 has none to prune."),
        ("bn_scale", "conv_2", "Batch norm scale reads batch norm, which Conv-2 has not."),
        ("obs", "lenet_300_100", "obs inverts a matrix over all weights that it ranks, at most 2,000, and here are 266,200."),
        ("obs", "vgg_16", "obs inverts a matrix over all weights that it ranks, at most 2,000, and here are 14,715,584."),
    ],
)
def test_why_a_criterion_cannot_rank_a_network_is_said_in_words(page, criterion, model, why):
    entry, asked = catalogue.models[model], catalogue.criteria[criterion]
    assert between_criteria.unfit(asked, entry).startswith(why)
    data = next(d.title for d in catalogue.datasets.values() if d.shape == entry.input_shape)
    shown = page("saliency.py", sal_data=data, sal_model=entry.title, sal_criterion=asked.title)
    offered = asked.title in shown.selectbox(key="sal_criterion").options
    assert (offered, why in words(shown)) == (criterion != "obs",) * 2  # obs ranks no network of the catalogue


def test_what_a_criterion_is_said_to_rank_is_what_its_run_would_not_be_refused():
    for model in catalogue.models.values():
        data = next(d.name for d in catalogue.datasets.values() if d.shape == model.input_shape)
        for name, criterion in catalogue.criteria.items():
            try:
                spec = RunSpec(protocol="score", model=model.name, dataset=data, protocol_options={"criteria": (name,)})
                refused = refusal(spec, math.inf)
            except SpecError as error:
                refused = error.problems[0]
            assert bool(between_criteria.unfit(criterion, model)) == bool(refused), (name, model.name)
