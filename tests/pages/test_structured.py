"""Pages about channels: is it faster, in which order did they go, the network to take along, a profile to train, everything that is as small."""

import html
import io
import time
import zipfile

import pytest

from prune_core import RunSpec
from prune_core.overrides import read
from prune_core.store import Run

from .carrying import Recorded, carry_out
from .conftest import words
from .test_scratch import offers

CHANNELS = RunSpec(model="small_conv", criterion="l2_norm", sparsity=0.5, epochs=1)
ONE_BY_ONE = RunSpec(
    model="small_conv", protocol="one_at_a_time", criterion="fisher", sparsity=0.1, epochs=2,
    protocol_options={"every": 2, "value": "delta_over_cost", "cost": "latency", "looks": 2},
)  # fmt: skip


@pytest.fixture(scope="module")
def cut(tmp_path_factory) -> tuple[Recorded, Run, Run, Run]:
    """A run that removed channels at once, one that did so one by one, and a dense one."""
    recorded = Recorded(tmp_path_factory.mktemp("cut"))
    return recorded, *carry_out(
        recorded.store, CHANNELS, ONE_BY_ONE, RunSpec(model="small_conv", protocol="dense", criterion=None, epochs=1)
    )


def plain(shown) -> str:
    """What a page says, as people read it."""
    return html.unescape(words(shown)).replace("\N{NO-BREAK SPACE}", " ")


class TestSpeed:
    def test_with_nothing_measured_it_says_how_to(self, page, store):
        shown = page("speed.py")
        assert "No run has measured how fast its network is" in words(shown)
        assert [b.label for b in shown.button] == ["Prune channels"]

    def test_a_network_that_was_made_smaller_stands_beside_zeros_and_the_whole(self, page, store, cut):
        recorded, run, _, _ = cut
        recorded.bring(store, run)
        for query in ({"run": run.id}, {}):
            said = plain(page("speed.py", **query))
            assert "Without 50 % of its channels Small conv net, made smaller, is" in said
            assert "With zeros in the same places it is" in said
            assert "No speed-up is shown here that was not measured." in said

    def test_the_model_of_what_channels_cost_is_shown_where_there_is_one(self, page, store, cut):
        recorded, run, single, _ = cut
        recorded.bring(store, run, single)
        assert "Did the model of what a channel costs hold?" in words(page("speed.py", run=single.id))
        assert "Did the model of what a channel costs hold?" not in words(page("speed.py", run=run.id))

    def test_a_run_without_times_says_so_and_a_strange_address_is_no_error(self, page, store, cut):
        recorded, run, _, dense = cut
        recorded.bring(store, run, dense)
        assert "measured no times" in words(page("speed.py", run=dense.id))
        assert "Another one stands below." in "\n".join(w.value for w in page("speed.py", run="nobody").warning)


class TestNetwork:
    def test_the_order_in_which_channels_went(self, page, store, cut):
        recorded, run, single, dense = cut
        recorded.bring(store, run, single, dense)
        assert "lost channels first" in words(page("network.py", run=single.id))
        assert "the others went in one pruning" in words(page("network.py", run=run.id))
        assert "In which order did channels go?" not in words(page("network.py", run=dense.id))

    def test_it_says_that_channels_are_gone_and_how_long_layers_take(self, page, store, cut):
        recorded, run, *_ = cut
        recorded.bring(store, run)
        said = words(page("network.py", run=run.id))
        assert "What was removed is gone" in said
        assert "the layers take" in said

    def test_the_network_is_built_and_taken_along(self, page, store, cut):
        recorded, run, *_ = cut
        recorded.bring(store, run)
        gone = store.home / "cache" / "exports" / "00000000-0000-0000-0000-000000000000.zip"
        gone.parent.mkdir(parents=True)
        gone.touch()
        shown = page("network.py", run=run.id)
        shown.button(key="take-build").click().run()
        assert not gone.exists()  # a run that was deleted leaves nothing
        assert "Building and checking the files" in shown.get("progress")[0].proto.text
        until = time.monotonic() + 120
        while not (ready := "Download the network" in [b.proto.label for b in shown.get("download_button")]) and time.monotonic() < until:
            time.sleep(1)
            shown.run()
        assert ready, words(shown)
        built = store.home / "cache" / "exports" / f"{run.id}.zip"
        with zipfile.ZipFile(io.BytesIO(built.read_bytes())) as archive:
            assert {"model.safetensors", "model.onnx", "MODEL_CARD.md", "spec.json"} == set(archive.namelist())

    def test_cancelled_it_leaves_nothing_half(self, page, store, cut):
        recorded, run, *_ = cut
        recorded.bring(store, run)
        shown = page("network.py", run=run.id)
        shown.button(key="take-build").click().run()
        shown.button(key="take-cancel").click().run()
        assert [b.label for b in shown.button if b.key == "take-build"] == ["Build the download"]
        assert not (store.home / "cache" / "exports" / f"{run.id}.zip").exists()

    def test_without_weights_it_says_why(self, page, store, cut):
        recorded, run, *_ = cut
        bundle = recorded.folder / "bare.zip"
        recorded.store.export_runs([run.id], bundle, ["masks", "scores"])
        store.import_runs(bundle)
        assert "This run keeps no weights." in words(page("network.py", run=run.id))


class TestWidths:
    def test_a_profile_is_named_scaled_and_sent_to_the_form(self, page, store, cut):
        recorded, _, single, _ = cut
        recorded.bring(store, single)
        shown = page("widths.py", runs=single.id)
        assert "removal 8 of 8" in shown.get("bidi_component")[0].proto.json
        left = store.history(single.id).shrunk
        assert f"{left.parameters[1]:,} of {left.parameters[0]:,} parameters" in words(shown)
        shown.text_input(key="wi-profile-name-0").set_value("Thin").run()
        shown.number_input(key="wi-profile-scale").set_value(50).run()
        shown.button(key="wi-profile-go").click().run()
        spec = read(dict(shown.query_params))
        assert spec.model_entry.parameters <= left.parameters[1] / 2
        assert spec.method == "Thin"

    def test_where_weights_were_removed_there_is_no_profile(self, page, store, states):
        assert "Train an architecture like this" not in words(page("widths.py"))


class TestDuel:
    def test_everything_that_is_as_small_is_a_click_away_at_equal_epochs_and_at_equal_compute(self, page, store, cut):
        recorded, run, *_ = cut
        recorded.bring(store, run)
        shown = page("scratch.py", run=run.id)
        shown.segmented_control(key="scr_seeds").set_value(1).run()
        said = words(shown)
        assert "Width multiplier" in said or offers(shown) == ["Start 3 runs"]  # from scratch, width multiplier, dense
        assert offers(shown) == ["Start 3 runs"]
        shown.segmented_control(key="scr_equal").set_value("Compute").run()
        assert offers(shown) == ["Start 3 runs"]
        shown.toggle(key="scr_copies").set_value(True).run()
        assert offers(shown) == ["Start 5 runs"]
        shown.button(key="scr-go").click().run()
        carry_out(store)
        shown = page("scratch.py", run=run.id, scr_seeds="1", scr_equal="Compute", scr_copies="true")
        said = words(shown)
        assert "all 6 runs are here" in said
        assert "no verdict" in said

    def test_the_trade_off_shows_the_families_under_the_full_network(self, page, store, cut):
        recorded, run, *_ = cut
        recorded.bring(store, run)
        page("scratch.py", run=run.id, scr_seeds="1").button(key="scr-go").click().run()
        carry_out(store)
        shown = page("trade_off.py", to_what="Small conv net on Digits", to_across="Parameters", to_front="true")
        said = words(shown)
        assert "Width multiplier" in said
        assert "Broad line: the best of each size" in said
        assert [s.options for s in shown.selectbox if s.key == "to_what"] == [["Small conv net on Digits"]]
        assert "Medians, measured on the machine of each run" in words(page("trade_off.py", to_across="Time for 128 images"))


class TestTransfer:
    def test_a_trained_network_is_pruned_from_its_weights_through_the_form(self, page, store, cut):
        recorded, _, _, dense = cut
        recorded.bring(store, dense)
        shown = page("run.py", run=dense.id)
        shown.button(key="run-onward").click().run()
        shown = page("prune.py", **shown.query_params)
        (box,) = [c for c in shown.checkbox if c.label.startswith("Start from the weights of Dense")]
        assert box.value is True
        shown.button(key="start-run").click().run()
        (started,) = [r for r in store.runs() if r.id != dense.id]
        assert started.spec.parent is not None
        assert started.parent == dense.fingerprint
        carry_out(store)
        assert store.run(started.id).state == "finished"
        assert "Starts from Dense" in words(page("run.py", run=started.id))
        assert [b.key for b in page("run.py", run=started.id).button if b.key == "run-scratch"]


class TestRun:
    def test_removals_are_counted_and_what_surgery_came_to_is_said(self, page, store, cut):
        recorded, run, single, _ = cut
        recorded.bring(store, run, single)
        shown = page("run.py", run=single.id)
        assert "Channels removed" in [m.label for m in shown.metric]
        assert "It was made smaller, to" in words(shown)
        assert "It was made smaller, to" in words(page("run.py", run=run.id))
