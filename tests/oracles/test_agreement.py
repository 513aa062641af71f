"""Agreement of criteria against sets of Python, scipy's own rank correlation, and the masks of real prunings."""

import json
from itertools import combinations

import numpy as np
import pytest
from safetensors import safe_open
from scipy.stats import spearmanr

from prune_core import RunSpec, run
from prune_core.charts.agreement import beyond_chance
from prune_core.engine.agreement import agreement, average_ranks
from prune_core.engine.checkpoint import unpacked_masks
from prune_core.engine.reading import Reading
from prune_core.engine.survey import Survey

SPARSITIES = (0.25, 0.5, 0.75)
SCORES = {
    "snip": [0.5, 0.1, 0.9, 0.3, 0.3, 0.7, 0.2, 0.8],
    "magnitude": [0.1, 0.5, 0.9, 0.3, 0.4, 0.8, 0.2, 0.7],
    "synflow": [0.4] * 8,
}
BOTH = {"criteria": ("snip", "magnitude", "random"), "classes": "all", "measure": ("agreement",)}


def kept(scores, sparsity):
    """The units that stay, as a set: the highest scores, of equal ones the first."""
    order = sorted(range(len(scores)), key=lambda j: (-scores[j], j))
    return set(order[: round(len(scores) * (1 - sparsity))])


def held(scores, order=range(8)):
    """Surveys by hand: what each list of scores would keep, its units put in another order."""
    found = {}
    for name, values in scores.items():
        flags = [np.array([j in kept(values, s) for j in order]) for s in SPARSITIES]
        moved = np.array([values[j] for j in order])
        found[name] = Survey(("fc",), SPARSITIES, tuple((int(f.sum()),) for f in flags), None, flags.__getitem__, moved, "weight")
    return found


def asked(found):
    return agreement(Reading(network=None, data=None, held=found, options={}, seed=0, go_on=lambda: True, ask=None))


def test_what_two_keep_is_the_intersection_of_their_sets_at_every_sparsity():
    values = asked(held(SCORES))
    assert values["kept"] == [6, 4, 2]
    wanted = [[len(kept(SCORES[a], s) & kept(SCORES[b], s)) for s in SPARSITIES] for a, b in combinations(SCORES, 2)]
    assert values["shared"] == wanted
    assert (values["units"], values["criteria"]) == (8, list(SCORES))


def test_ranks_correlate_as_scipy_says_ties_included_and_not_at_all_where_all_are_alike():
    values = asked(held(SCORES))
    assert values["spearman"][0] == pytest.approx(spearmanr(SCORES["snip"], SCORES["magnitude"]).statistic, abs=1e-6)
    assert values["spearman"][1:] == [None, None]
    assert average_ranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [3.5, 1.0, 3.5, 2.0]


def test_permuting_units_changes_nothing():
    assert asked(held(SCORES, (3, 1, 7, 0, 6, 2, 5, 4))) == asked(held(SCORES))


def test_the_same_criterion_under_two_names_agrees_fully_and_lots_agree_by_chance():
    once = {"criteria": ("snip", "iterative_snip", "random"), "classes": "all", "measure": ("agreement",)}
    (values,) = (e.values for _, e in run(RunSpec(protocol="score", protocol_options=once)) if e.kind == "measured")
    same, lot, _ = values["shared"]
    assert same == values["kept"]
    assert values["spearman"][0] == 1
    # the shared count of random masks is hypergeometric: within five of its standard deviations of what chance gives
    n = values["units"]
    for both, k in zip(lot, values["kept"], strict=True):
        assert abs(both - k * k / n) <= 5 * (k * k * (n - k) ** 2 / (n * n * (n - 1))) ** 0.5 + 1
        assert abs(beyond_chance(both, k, k, n)) < 0.05
    assert abs(values["spearman"][1]) < 5 / n**0.5


def test_what_is_compared_are_the_masks_that_prunings_put_on(tmp_path):
    (values,) = (e.values for _, e in run(RunSpec(protocol="score", protocol_options=BOTH)) if e.kind == "measured")
    masks = {}
    for name in BOTH["criteria"]:
        spec = RunSpec(criterion=name, sparsity=0.9, epochs=0)
        (event,) = (e for _, e in run(spec, folder=tmp_path / name) if e.kind == "pruned")
        with safe_open(tmp_path / name / event.file, "numpy") as file:
            found = unpacked_masks({n: file.get_tensor(n) for n in file.keys()}, json.loads(file.metadata()["shapes"]))  # noqa: SIM118
        masks[name] = np.concatenate([np.asarray(mask).ravel() for mask in found.values()])
    i = values["sparsities"].index(0.9)
    assert values["kept"][i] == 26_620
    assert [counts[i] for counts in values["shared"]] == [int((masks[a] & masks[b]).sum()) for a, b in combinations(masks, 2)]


def test_comparing_changes_nothing_of_the_run():
    plain = {k: v for k, v in BOTH.items() if k != "measure"}
    with_it, without = ([e for _, e in run(RunSpec(protocol="score", protocol_options=o))] for o in (BOTH, plain))
    assert with_it[-1].weights_sha256 == without[-1].weights_sha256
    assert [e.kept for e in with_it if e.kind == "scored"] == [e.kept for e in without if e.kind == "scored"]
