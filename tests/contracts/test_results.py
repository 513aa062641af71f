"""Results grouped by everything but the seed: what counts, what stands aside, and what is said of both."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from prune_core import RunSpec
from prune_core.results import Environment, Group, Result, grouped, results
from prune_core.store import Run
from prune_core.store.records import Summary

SPEC = RunSpec(sparsity=0.95, epochs=2)
HERE = Environment("0.1.0", "2.13.0", "cpu")
START = datetime(2026, 1, 1, tzinfo=UTC)


def result(
    seed: int, right: float | None = 0.9, *, state: str = "finished", at_chance: bool = False, hour: int = 0, **fields: Any
) -> Result:
    spec = fields.pop("spec", SPEC).model_copy(update={"seed": seed})
    return Result(
        id=f"{seed}-{hour}", title=spec.title, spec=spec, group=spec.group, seed=seed, state=state, test_accuracy=right,
        validation_accuracy=right, weights_kept=13_310, weights=266_200, effective=None, seconds=1.0, at_chance=at_chance, example=False,
        environment=fields.pop("environment", HERE), fingerprint=spec.fingerprint, created=START + timedelta(hours=hour), **fields,
    )  # fmt: skip


def stored(**fields: Any) -> Run:
    """A run as the store hands it out."""
    known: dict[str, Any] = dict.fromkeys(Run._fields)
    known |= {"id": "a", "spec": SPEC, "notes": "", "state": "finished", "example": False, "created": START, "attempt": 1, "version": 1,
              "cancel_requested": False, "fingerprint": SPEC.fingerprint, "group": SPEC.group}  # fmt: skip
    return Run(**known | fields)


def summary(**fields: Any) -> Summary:
    known: dict[str, Any] = {"test_accuracy": 0.9, "validation_accuracy": 0.8, "weights_kept": 13_310, "weights": 266_200, "seconds": 2.0,
                             "at_chance": False}  # fmt: skip
    return Summary(**known | fields)


def test_a_stored_run_becomes_a_result():
    (found,) = results([stored(summary=summary(at_chance=True))])
    assert (found.test_accuracy, found.weights_kept, found.at_chance, found.seed) == (0.9, 13_310, True, 0)
    assert found.test_error == pytest.approx(0.1)


def test_a_run_that_never_finished_has_nothing_to_count():
    (found,) = results([stored(state="failed", summary=None)])
    assert (found.test_accuracy, found.weights_kept, found.weights, found.counts) == (None, None, 266_200, False)


def test_seeds_of_one_spec_are_one_group_and_other_specs_another():
    other = SPEC.model_copy(update={"sparsity": 0.9})
    found = grouped([result(0), result(0, spec=other), result(1)])
    assert [(g.spec.sparsity, list(g.results)) for g in found] == [(0.95, [0, 1]), (0.9, [0])]
    assert found[0].title == "SNIP 95 % · LeNet-300-100 · Digits"


def test_the_mean_is_over_the_seeds():
    found = Group([result(0, 0.90), result(1, 0.92), result(2, 0.94)]).interval("test_accuracy")
    assert found is not None
    assert (round(found.mean, 9), found.n) == (0.92, 3)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([], "4 seeds"),
        ([{"at_chance": True, "right": 0.1}], "4 of 5 seeds; 1 stayed at chance"),
        ([{"state": "failed", "right": None}], "4 of 5 seeds; 1 failed"),
        ([{"state": "cancelled", "right": None}], "4 of 5 seeds; 1 was cancelled"),
        ([{"state": "failed", "right": None}, {"at_chance": True}], "4 of 6 seeds; 1 stayed at chance, 1 failed"),
        ([{"state": "running", "right": None}], "4 seeds; 1 under way"),
    ],
)
def test_what_does_not_enter_the_mean_is_said(more: list[dict[str, Any]], said: str):
    group = Group([result(seed, 0.9) for seed in range(4)] + [result(9 + i, **fields) for i, fields in enumerate(more)])
    assert group.words == said
    found = group.interval("test_accuracy")
    assert found is not None
    assert (found.mean, found.n) == (pytest.approx(0.9), 4)


def test_a_single_seed_is_one_seed():
    assert Group([result(0)]).words == "1 seed"


def test_a_group_of_nothing_but_failures_has_no_mean():
    group = Group([result(0, None, state="failed"), result(1, 0.1, at_chance=True)])
    assert group.interval("test_accuracy") is None
    assert group.words == "0 of 2 seeds; 1 stayed at chance, 1 failed"


def test_of_equal_runs_the_newest_stands_for_the_seed_and_the_others_are_said():
    group = Group([result(0, 0.5, hour=1), result(0, 0.7, hour=3), result(0, 0.6, hour=2)])
    assert group.values("test_accuracy") == {0: 0.7}
    assert group.repeated == 2


def test_a_finished_run_stands_for_its_seed_before_a_failed_one_that_is_newer():
    assert Group([result(0, 0.7), result(0, None, state="failed", hour=5)]).words == "1 seed"


def test_the_environment_that_most_seeds_share_stands_for_a_seed():
    old = Environment("0.1.0", "2.12.0", "cpu")
    runs = [result(0, 0.5, environment=old, hour=9), result(0, 0.7), result(1, 0.7), result(2, 0.7)]
    group = Group(runs)
    assert group.values("test_accuracy") == {0: 0.7, 1: 0.7, 2: 0.7}
    assert group.mixed is None


def test_seeds_of_other_environments_are_marked():
    old = Environment("0.1.0", "2.12.0", "cpu")
    assert Group([result(s, environment=old if s > 2 else HERE) for s in range(5)]).mixed == "2 of 5 with torch 2.12.0"
    unknown = [result(0), result(1), result(2, environment=Environment())]
    assert Group(unknown).mixed == "1 of 3 on a machine that was not recorded"
    assert Group([result(s, environment=Environment()) for s in range(3)]).mixed is None


def test_an_environment_says_itself():
    assert (str(HERE), str(Environment())) == ("code 0.1.0, torch 2.13.0, device cpu", "not recorded")


def test_the_order_in_which_runs_come_changes_nothing():
    runs = [result(s, 0.9 + s / 100, hour=h) for s in range(3) for h in range(2)]
    one, other = Group(runs), Group(runs[::-1])
    assert (one.values("test_accuracy"), one.words, one.repeated) == (other.values("test_accuracy"), other.words, other.repeated)
