"""Taylor: squared first-order change of the loss without a weight (Molchanov et al. 2019).

    s_j = mean over batches b of (w_j dL_b / dw_j)^2

`reduce` moves the square: of the mean over all images, of each batch (as published), or of each image, which is twice the empirical Fisher score.
"""

from collections.abc import Iterator

import torch

from ..catalogue.criteria.trained import TaylorOptions
from .gradients import gate_gradients, moving_average, weighted_mean
from .per_sample import Weighed, mean_squares
from .types import Batch, Scores, Scoring


def score(scoring: Scoring[TaylorOptions]) -> Scores:
    """Squared slope of the loss along the gate of every weight; higher is kept. Float64, of the weight's shape, in squared units of the loss."""
    options = scoring.options
    combine = moving_average if options.accumulate == "ema" else weighted_mean
    if options.reduce == "total":
        return squared(combine((slopes(scoring, batch), len(batch[1])) for batch in scoring.batches))
    return combine(squares(scoring))


def squares(scoring: Scoring[TaylorOptions]) -> Iterator[tuple[Scores, int]]:
    """(squares of the batch's mean slope, or mean square of its images' slopes; images in it)."""
    per_image = scoring.options.reduce == "sample"
    for batch in scoring.batches:
        yield image_squares(scoring, batch) if per_image else squared(slopes(scoring, batch)), len(batch[1])


def slopes(scoring: Scoring[TaylorOptions], batch: Batch) -> Scores:
    return gate_gradients(scoring.model, scoring.weights, batch)


def image_squares(scoring: Scoring[TaylorOptions], batch: Batch) -> Scores:
    images, labels = batch
    part = Weighed(images, labels, torch.ones(len(labels), device=labels.device))
    found = mean_squares(scoring.model, scoring.weights, [part], scoring.options.per_sample_chunk)
    return {name: w.detach().double().square() * found[name] for name, w in scoring.weights.items()}


def squared(scores: Scores) -> Scores:
    return {name: s.square() for name, s in scores.items()}
