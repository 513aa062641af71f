"""When a network is no better than guessing."""

import pytest

from prune_core.engine.evaluation import at_chance
from prune_core.events import Quality


def quality(accuracy: float, per_class: tuple[float | None, ...] = (), n: int = 6_000) -> Quality:
    return Quality(loss=2.3, accuracy=accuracy, n=n, per_class=per_class)


@pytest.mark.parametrize(("accuracy", "guessed"), [(0.05, True), (0.1, True), (0.1116, True), (0.1117, False), (0.5, False)])
def test_three_standard_errors_above_guessing_is_where_chance_ends(accuracy, guessed):
    assert at_chance(quality(accuracy, (accuracy,) * 10), 10) is guessed


def test_one_class_named_for_every_image_is_chance_however_frequent_that_class_is():
    assert at_chance(quality(0.3, (0.0, 1.0, 0.0)), 10)
    assert at_chance(quality(0.3, (0.0, 1.0, None)), 10)
    assert not at_chance(quality(0.3, (0.0, 0.9, 0.1)), 10)
