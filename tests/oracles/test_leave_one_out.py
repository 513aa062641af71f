"""Criteria for trained networks against what they predict: the rise of the loss without each weight, or each channel, in turn."""

import pytest

from prune_core.catalogue.criteria.at_start import SnipOptions
from prune_core.catalogue.criteria.baselines import MagnitudeOptions
from prune_core.catalogue.criteria.channels import MeanActivationOptions, SkeletonizationOptions
from prune_core.catalogue.criteria.trained import FisherOptions, ObdOptions, TaylorOptions
from prune_core.criteria import fisher, magnitude, mean_activation, obd, skeletonization, snip, taylor
from tests.oracles.leave_one_out import agreement, channel_agreement, channel_damage, converged, damage, trained
from tests.oracles.networks import ask, ask_channels

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


# over all channels, within the first layer, within the second; measured: 0.94 0.97 0.82, 0.97 0.99 0.91, 0.95 0.90 0.89, 0.75 0.99 0.87,
# 0.96 0.99 0.87, 0.78 0.52 0.64. From two other seeds of the network the lowest: 0.90 0.94 0.73 (Fisher), 0.67 0.96 0.75 (feature maps), 0.73 0.40 0.63
CHANNELS = [
    ("fisher-empirical", fisher.score_channels, FisherOptions(), (0.85, 0.85, 0.65)),
    ("fisher-exact", fisher.score_channels, FisherOptions(fisher_labels="exact"), (0.85, 0.85, 0.75)),
    ("taylor-gate", taylor.score_channels, TaylorOptions(), (0.85, 0.80, 0.80)),
    ("taylor-feature-map", taylor.score_channels, TaylorOptions(form="feature_map"), (0.60, 0.80, 0.80)),
    ("snip-of-each-image", snip.score_channels, SnipOptions(reduce="sample"), (0.85, 0.85, 0.70)),
    ("skeletonization", skeletonization.score, SkeletonizationOptions(), (0.60, 0.30, 0.50)),
]


@pytest.mark.parametrize(("score", "options", "least"), [case[1:] for case in CHANNELS], ids=[case[0] for case in CHANNELS])
def test_the_ranking_agrees_with_the_loss_without_each_channel(score, options, least):
    found = channel_agreement(ask_channels(score, trained(), options))
    assert all(f >= at_least for f, at_least in zip(found, least, strict=True)), found


def test_how_active_a_channel_is_says_much_less_of_the_loss_without_it_than_slopes_do():
    """Here channels become more active with depth and worth less: over both layers they rank against each other (measured: -0.37)."""
    active, *by_slope = (channel_agreement(ask_channels(score, trained(), options))[0] for score, options in
                         ((mean_activation.score, MeanActivationOptions()), *(case[1:3] for case in CHANNELS)))  # fmt: skip
    assert active + 0.5 < min(by_slope)


def test_the_rise_without_a_channel_is_predicted_and_not_only_its_order():
    """By the Fisher of all classes. A gate goes all the way to 0, where the loss bends more than at 1: every rise is up to three times as large."""
    predicted = ask_channels(fisher.score_channels, trained(), FisherOptions(fisher_labels="exact"))
    ratios = [float(p / d) for name in predicted for p, d in zip(predicted[name], channel_damage()[name], strict=True)]
    assert 1 / 3 < min(ratios) <= max(ratios) < 1
