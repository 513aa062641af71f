"""Criteria for trained networks against what they predict: the rise of the loss without each weight in turn."""

import pytest

from prune_core.catalogue.criteria.baselines import MagnitudeOptions
from prune_core.catalogue.criteria.trained import FisherOptions, ObdOptions, TaylorOptions
from prune_core.criteria import fisher, magnitude, obd, taylor
from tests.oracles.leave_one_out import agreement, converged, damage
from tests.oracles.networks import ask

# measured on this network, in the order below: 0.99, 0.99, 0.97, 0.97, 0.99, 0.97, 0.78
LEAST = [
    ("obd-gn", obd.score, ObdOptions(), 0.95),
    ("obd-gn-first-order", obd.score, ObdOptions(first_order=True), 0.95),
    ("obd-hutchinson", obd.score, ObdOptions(hessian="hutchinson", probes=100), 0.95),
    ("fisher-empirical", fisher.score, FisherOptions(), 0.90),
    ("fisher-exact", fisher.score, FisherOptions(fisher_labels="exact"), 0.90),
    ("taylor-of-each-image", taylor.score, TaylorOptions(reduce="sample"), 0.90),
    ("magnitude", magnitude.score, MagnitudeOptions(), 0.50),
]


@pytest.mark.parametrize(("score", "options", "least"), [case[1:] for case in LEAST], ids=[case[0] for case in LEAST])
def test_the_ranking_agrees_with_the_loss_without_each_weight(score, options, least):
    assert agreement(ask(score, converged(), options)) >= least


def test_the_rises_of_the_loss_are_predicted_and_not_only_their_order():
    """Half of the weights are small enough for the second order to say by how much, within a quarter in the median."""
    predicted = [v for s in ask(obd.score, converged(), ObdOptions(first_order=True)).values() for v in s.flatten().tolist()]
    errors = sorted(abs(p / d - 1) for p, d in zip(predicted, damage().tolist(), strict=True))
    assert errors[len(errors) // 2] < 0.25


def test_at_a_penalised_minimum_the_slope_of_the_whole_loss_says_no_more_than_magnitude():
    """There g = -2 * penalty * w, so that (w g)^2 ranks as |w| does: why the square of each batch or image is taken."""
    slopes, sizes = (agreement(ask(f, converged(), o)) for f, o in
                     ((taylor.score, TaylorOptions(reduce="total")), (magnitude.score, MagnitudeOptions())))  # fmt: skip
    assert slopes == pytest.approx(sizes, abs=1e-3)
