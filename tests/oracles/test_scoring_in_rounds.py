"""What scoring runs say would be kept, against prunings at the start that really were carried out."""

import pytest

from prune_core import RunSpec, plan, run
from prune_core.engine.execute import execute
from prune_core.engine.files import Folder
from prune_core.steps import Score


def looked(criterion, sparsities, **fields):
    options = {"criteria": (criterion,), "classes": "all", "rounds": "own", "sparsities": sparsities}
    return [e for _, e in run(RunSpec(protocol="score", protocol_options=options, **fields)) if e.kind == "scored"]


def pruned(criterion, sparsity, **fields):
    *_, last = (e for _, e in run(RunSpec(criterion=criterion, sparsity=sparsity, epochs=0, **fields)) if e.kind == "pruned")
    return tuple(layer.kept for layer in last.layers)


@pytest.mark.parametrize(("criterion", "rounds"), [("synflow", 100), ("iterative_snip", 60), ("force", 60)])
def test_in_its_own_rounds_a_criterion_is_said_to_keep_what_a_pruning_at_the_start_keeps(criterion, rounds):
    (event,) = looked(criterion, (0.999,))
    assert event.scorings == rounds
    assert event.kept == (pruned(criterion, 0.999),)


def test_asked_once_synflow_empties_a_layer_that_its_rounds_leave_alive():
    once, deep = looked("synflow", (0.999,)), {"criteria": ("synflow",), "sparsities": (0.999,)}
    (single,) = (e for _, e in run(RunSpec(protocol="score", protocol_options=deep)) if e.kind == "scored")
    assert single.kept[0][0] == 0
    assert min(once[0].kept[0]) > 0


def test_channels_are_counted_as_their_own_allocation_cuts_them(tmp_path):
    found = looked("l2_norm", (0.3, 0.5, 0.99), model="small_conv")
    assert [e.scorings for e in found] == [1]
    for sparsity, kept in zip((0.3, 0.5, 0.99), found[0].kept, strict=True):
        assert kept == pruned("l2_norm", sparsity, model="small_conv")


def test_the_first_layer_of_a_channel_criterion_is_whole_filters(tmp_path):
    from safetensors.numpy import load_file

    options = {"criteria": ("l2_norm",), "sparsities": (0.5,)}
    spec = RunSpec(protocol="score", model="small_conv", protocol_options=options)
    (event,) = (e for _, e in run(spec, folder=tmp_path) if e.kind == "scored")
    (filters,) = load_file(tmp_path / event.file)["filters"]
    assert filters.shape == (16, 3, 3)
    assert set(filters.reshape(16, -1).sum(1).tolist()) == {0, 9}
    assert int(filters.any(axis=(1, 2)).sum()) == event.kept[0][0]


def test_rehearsed_rounds_leave_the_network_as_it_was():
    options = {"criteria": ("synflow", "magnitude"), "sparsities": (0.99,)}
    own, once = ([e for _, e in run(RunSpec(protocol="score", protocol_options=options | {"rounds": r}))] for r in ("own", "once"))
    assert own[-1].weights_sha256 == once[-1].weights_sha256
    assert own[-1].weights_kept == 266_200
    assert own[2].kept == once[2].kept


def test_stopped_in_the_middle_of_its_rounds_a_scoring_begins_again_and_says_the_same(tmp_path):
    options = {"criteria": ("iterative_snip",), "classes": "all", "rounds": "own", "sparsities": (0.9, 0.99)}
    spec, asked = RunSpec(protocol="score", protocol_options=options), iter(range(90))
    stopped = [e for _, e in execute(spec, files=Folder(tmp_path), stop=lambda: next(asked, None) is None)]
    assert [e.kind for e in stopped] == ["started", "scored", "cancelled"]
    resumed = [e for _, e in execute(spec, files=Folder(tmp_path))]
    whole = [e for _, e in execute(spec)]
    assert [e.kind for e in resumed] == ["scored", "finished"]
    assert resumed[0].kept == whole[2].kept
    assert resumed[-1].weights_sha256 == whole[-1].weights_sha256


def test_a_scoring_for_each_sparsity_has_the_rounds_of_the_pruning_at_the_start():
    options = {"criteria": ("synflow", "snip"), "classes": "all", "rounds": "own", "sparsities": (0.9, 0.99)}
    scores = [s for s in plan(RunSpec(protocol="score", protocol_options=options)) if isinstance(s, Score)]
    assert [(s.criterion, s.scorings, s.sparsities) for s in scores] == [
        ("synflow", 100, (0.9,)), ("synflow", 100, (0.99,)), ("snip", 1, (0.9, 0.99)),
    ]  # fmt: skip
    assert [1 - p.sparsity for p in scores[1].rehearsals] == pytest.approx([0.01 ** (r / 100) for r in range(1, 100)])
    assert scores[0].words == "Score every weight by synflow, 100 times, removing weights between"
