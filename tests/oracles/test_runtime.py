"""The model of what a channel takes in time: planted coefficients are found, sums agree with differences, and a run removes and resumes by it."""

import itertools

import pytest

from prune_core import RunSpec, catalogue
from prune_core.catalogue.shrunk import Costs
from prune_core.engine.execute import execute
from prune_core.engine.files import Folder
from prune_core.engine.runtime import RuntimeModel, Timing, fit
from prune_core.events import Event
from prune_core.history import History

SPEC = RunSpec(
    model="small_conv", protocol="one_at_a_time", criterion="fisher", sparsity=0.2, epochs=4,
    protocol_options={"every": 2, "value": "delta_over_cost", "cost": "latency"},
)  # fmt: skip
PLANTED = (2e-5, 3e-7, 5e-7, 4e-9)


def test_planted_coefficients_are_found():
    a, b, c, d = PLANTED
    timings = [Timing(r, k, a + b * r + c * k + d * r * k) for r in (16, 32, 48, 64) for k in (8, 16, 24, 32)]
    assert fit(timings) == pytest.approx(PLANTED, rel=1e-6)


def test_no_coefficient_is_negative_whatever_was_measured():
    assert min(fit([Timing(r, k, 1e-3 / (r * k)) for r in (1, 2, 4) for k in (1, 2, 4)])) >= 0


@pytest.mark.parametrize("name", ["small_conv", "resnet_20", "vgg_11"])
def test_what_channels_save_adds_up_to_what_the_network_takes_less(name):
    entry = catalogue.models[name]
    model = RuntimeModel({layer.name: PLANTED for layer in entry.layers}, 128)
    costs = Costs(entry, {})
    before, saved = model.total(costs), 0.0
    for group in itertools.islice(itertools.cycle(entry.channel_groups), 20):
        saved += model.saving(costs, group.name)
        costs.remove(group.name)
    assert before - model.total(costs) == pytest.approx(saved, rel=1e-9)


def test_a_run_times_its_layers_once_and_goes_on_by_the_same_model_after_a_stop(tmp_path):
    broken: list[Event] = []
    for _, event in execute(SPEC, files=Folder(tmp_path), stop=lambda: any(e.kind == "removed" for e in broken)):
        broken.append(event)
    rest = [e for _, e in execute(SPEC, files=Folder(tmp_path))]
    assert broken[-1].kind == "cancelled"
    assert any(e.kind == "measured" for e in broken)
    history = History.of([e for e in broken if e.kind != "cancelled"] + rest)
    assert rest[-1].kind == "finished"
    fitted = [e.values for e in history.measurements if e.what == "runtime"]
    assert len(fitted) == 1
    points = fitted[0]["points"]
    assert any(p["held"] for p in points)
    assert all(p["measured"] > 0 for p in points)
    model = RuntimeModel(fitted[0]["coefficients"], fitted[0]["images"])
    entry = SPEC.model_entry
    costs, whole = Costs(entry, {}), model.total(Costs(entry, {}))
    seen = {}
    for removal in history.removals:
        seen.setdefault(removal.number, removal)
    assert len(seen) == 16
    for number in sorted(seen):
        removal = seen[number]
        assert removal.saved == pytest.approx(model.saving(costs, removal.group) / whole, rel=1e-9)
        costs.remove(removal.group)
