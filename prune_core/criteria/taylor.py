"""Taylor: squared first-order change of the loss without a weight (Molchanov et al. 2019).

    s_j = mean over batches b of (w_j dL_b / dw_j)^2

`reduce` moves the square: of the mean over all images, of each batch (as published), or of each image, which is twice the empirical Fisher score.

Of channels there are two forms, both of slopes g_nk along a gate on each (channel_gates.py):

    gate            s_k = mean over batches b of (mean over images n of b of g_nk)^2            the same, with the same `reduce`
    feature_map     s_k = mean over images n of |g_nk| / positions, over the root of the sum of squares of its layer (Molchanov et al. 2017)
"""

from collections.abc import Iterator

import torch
from torch.nn import functional as F

from ..catalogue.criteria.trained import TaylorOptions
from .channel_gates import channel_gates, mean_sizes
from .gradients import combined, gate_gradients
from .per_sample import Weighed, mean_squares
from .types import Batch, Scores, Scoring


def score(scoring: Scoring[TaylorOptions]) -> Scores:
    """Squared slope of the loss along the gate of every weight; higher is kept. Float64, of the weight's shape, in squared units of the loss."""
    options = scoring.options
    if options.reduce == "total":
        return squared(combined(((slopes(scoring, batch), len(batch[1])) for batch in scoring.batches), options.accumulate))
    return combined(squares(scoring), options.accumulate)


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


def score_channels(scoring: Scoring[TaylorOptions]) -> Scores:
    """Squared slope of the loss along the gate of every channel, or its share of its layer; higher is kept. Float64, shape (channels,)."""
    return feature_maps(scoring) if scoring.options.form == "feature_map" else mean_sizes(scoring, torch.square)


def feature_maps(scoring: Scoring[TaylorOptions]) -> Scores:
    """Each layer is brought to length 1 (0 where nothing matters), which takes its number of positions away again."""
    maps = ((channel_gates(scoring, batch), len(batch[1])) for batch in scoring.batches)
    sizes = combined((({name: g.abs().mean(0) for name, g in gates.items()}, n) for gates, n in maps), scoring.options.accumulate)
    return {name: F.normalize(s, dim=0, eps=torch.finfo(s.dtype).tiny) for name, s in sizes.items()}
