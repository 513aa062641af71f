"""Calibration and Sensitivity: empty, asked for, filled, by deep link; over real runs on digits."""

import html
import json

import numpy as np
import pytest
import scipy.stats

from prune_core import RunSpec, catalogue
from prune_core.settings import settings
from prune_core.store import queue

from .carrying import carry_out
from .conftest import LOOKER, words

FEW = {"units": 30, "images": 60, "n_examples": 30, "criteria": ["snip", "obd", "random"]}
JUDGED = RunSpec(protocol="judge", criterion=None, epochs=1, protocol_options=FEW)
CHANNELS = RunSpec(
    protocol="judge", criterion=None, model="small_conv", epochs=0, protocol_options={"unit": "channel", "units": 9, "images": 30}
)
BOTH = pytest.mark.parametrize("file", ["calibration.py", "sensitivity.py"])


def picture(shown):
    """The figure as the browser gets it."""
    (found,) = [e.proto for e in shown.get("bidi_component") if e.proto.component_name == "espalier.plot"]
    return json.loads(json.loads(found.json)["light"])


@BOTH
class TestEitherPage:
    def test_with_nothing_judged_one_button_fills_it(self, file, page, store):
        shown = page(file)
        assert "No criterion has been judged here yet" in words(shown)
        key = f"{file[:3]}-first"
        assert [b.label for b in shown.button if b.key == key] == ["Judge the criteria"]
        shown.button(key=key).click().run()
        (run,) = store.runs()
        assert (run.state, run.spec.protocol, run.spec.epochs) == ("queued", "judge", 5)
        assert not shown.exception

    def test_another_network_is_judged_by_the_form(self, file, page, store):
        shown, key = page(file), file[:3]
        shown.selectbox(key=f"{key}-model").set_value("small_conv").run()
        shown.selectbox(key=f"{key}-data").set_value("digits").run()
        shown.number_input(key=f"{key}-epochs").set_value(0).run()
        shown.button(key=f"{key}-start").click().run()
        (run,) = store.runs()
        assert run.spec == RunSpec(protocol="judge", criterion=None, model="small_conv", dataset="digits", epochs=0)
        assert shown.query_params["run"] in (run.id, [run.id])

    @pytest.mark.parametrize(
        ("data", "said"),
        [
            ("fashion_mnist", "Fashion-MNIST is not here yet: 31 MB to download first."),
            ("cifar_10_small", "CIFAR-10 small is not here yet: put cifar_10_small.npz into the data folder first."),
        ],
    )
    def test_data_that_are_not_here_say_how_they_come(self, file, page, monkeypatch, tmp_path, data, said):
        monkeypatch.setenv("ESPALIER_DATA", str(tmp_path / "nothing"))
        settings.cache_clear()
        shown, key = page(file), file[:3]
        if catalogue.datasets[data].shape != (1, 28, 28):
            shown.selectbox(key=f"{key}-model").set_value("conv_2").run()
        shown.selectbox(key=f"{key}-data").set_value(data).run()
        assert said in words(shown)

    def test_a_deep_link_shows_that_run_and_no_other(self, file, page, store):
        first, second = carry_out(store, JUDGED, JUDGED.model_copy(update={"seed": 1}))
        for run, seed in ((first, 0), (second, 1)):
            shown = page(file, run=run.id)
            assert f"LeNet-300-100 trained for 1 epoch on Digits, seed {seed}." in words(shown)
            assert f"LeNet-300-100 trained for 1 epoch on Digits, seed {1 - seed}." not in words(shown)

    @pytest.mark.parametrize("asked", ["nobody", "<img src=x onerror=alert(1)>", ""])
    def test_an_address_that_names_nothing_shows_the_newest(self, file, page, store, asked):
        carry_out(store, JUDGED)
        shown = page(file, run=asked)
        assert [bool(asked)] == [bool(shown.warning)]
        assert "LeNet-300-100 trained for 1 epoch on Digits" in words(shown)
        assert "<img" not in words(shown)

    def test_a_run_that_prunes_is_no_run_that_judges(self, file, page, store):
        (pruned,) = carry_out(store, RunSpec(epochs=0))
        shown = page(file, run=pruned.id)
        assert "judges no criteria" in shown.warning[0].value
        assert "No criterion has been judged here yet" in words(shown)

    def test_a_run_that_failed_says_why(self, file, page, store):
        run = store.submit(JUDGED)
        claim = queue.claim(store, LOOKER, 1)
        store.attempt(run.id, claim.attempt).fail("SNIP: fc1.weight has a score that is not finite.")
        shown = page(file, run=run.id)
        assert "has a score that is not finite" in shown.error[0].value.replace("\\", "")

    def test_one_under_way_shows_how_far_it_is(self, file, page, store):
        run = store.submit(JUDGED)
        shown = page(file, run=run.id)
        assert not shown.exception
        assert "Waiting for a free slot" in words(shown) or [p for p in shown.get("progress") if "Waiting" in p.proto.text]

    @pytest.mark.parametrize(("spec", "unit", "other"), [(JUDGED, "weight", "channel"), (CHANNELS, "channel", "weight")])
    def test_marks_are_told_of_by_what_was_taken_out(self, file, page, store, spec, unit, other):
        carry_out(store, spec)
        marks = json.dumps(picture(page(file))["data"])
        assert unit in marks
        assert other not in marks


def test_the_panels_hold_the_ranks_of_what_was_measured(page, store):
    (run,) = carry_out(store, JUDGED)
    measured = store.history(run.id).measurements
    rises = np.concatenate([e.values["rises"] for e in measured if e.what == "removal"])
    scores = {e.values["criterion"]: np.concatenate(e.values["scores"]) for e in measured if e.what == "prediction"}
    shown = page("calibration.py")
    drawn = {trace["name"]: trace for trace in picture(shown)["data"] if trace.get("mode") == "markers"}
    assert set(drawn) == {"SNIP", "Optimal brain damage", "Random"}
    said = html.unescape(words(shown))
    for criterion, title in (("snip", "SNIP"), ("obd", "Optimal brain damage")):
        rho = scipy.stats.spearmanr(scores[criterion], np.abs(rises)).statistic
        assert f"{rho:.2f}".replace("-", "\N{MINUS SIGN}") in said
        np.testing.assert_allclose(drawn[title]["x"], (scipy.stats.rankdata(scores[criterion]) - 1) / (len(rises) - 1))
        np.testing.assert_allclose(drawn[title]["y"], (scipy.stats.rankdata(np.abs(rises)) - 1) / (len(rises) - 1))
    assert f"{(rises < 0).sum()} of 30 removals lowered the loss" in said
    rise = page("calibration.py", cal_of="Rise")
    drawn = next(trace for trace in picture(rise)["data"] if trace["name"] == "SNIP")
    np.testing.assert_allclose(drawn["y"], (scipy.stats.rankdata(rises) - 1) / (len(rises) - 1))


def test_the_map_holds_what_was_measured(page, store):
    (run,) = carry_out(store, JUDGED)
    found = [e.values for e in store.history(run.id).measurements if e.what == "sensitivity"]
    (heat,) = [trace for trace in picture(page("sensitivity.py"))["data"] if trace["type"] == "heatmap"]
    assert heat["y"] == ["Layer 1", "Layer 2", "Output"]
    wanted = [[-100 * max(0.0, v["before"] - a) for a in v["accuracies"]] for v in found]
    np.testing.assert_allclose(heat["z"], wanted)


def test_judging_is_no_dense_run_to_compare_with(page, store):
    carry_out(store, JUDGED, RunSpec(epochs=0))
    assert "Criteria judged" not in words(page("trade_off.py"))
    listed = words(page("runs.py"))
    assert "Criteria judged" not in listed


def test_the_run_leads_to_both_pages_and_offers_nothing_that_the_form_would_refuse(page, store):
    (run,) = carry_out(store, JUDGED)
    shown = page("run.py", run=run.id)
    links = [e.proto.label for e in shown.get("page_link")]
    assert {"Calibration", "Sensitivity", "Network"} <= set(links)
    assert "Run again" not in [b.label for b in shown.button]
