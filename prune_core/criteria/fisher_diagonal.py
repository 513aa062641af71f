"""Diagonal of the Fisher information of the network's outputs, by the labels that the options ask for.

    F_jj = mean over images n of E[(dl_n / dw_j)^2]

The expectation is over labels. With the true label alone it is the empirical Fisher. Over the network's own predictions it is the Fisher, which for
cross-entropy on logits is the diagonal of the Gauss-Newton matrix (Martens 2020); `sampled` draws labels from them, `exact` takes every class.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Generator, Tensor, nn

from ..catalogue.criteria.trained import CurvatureOptions
from .per_sample import Weighed, mean_squares
from .types import Batch, Scores, Scoring


def fisher_diagonal(scoring: Scoring[CurvatureOptions]) -> Scores:
    """F_jj of every weight, never negative: float64, of the weight's shape, in squared units of the loss a unit of the weight."""
    options = scoring.options
    parts = labelled(scoring.model, scoring.batches, options, scoring.generator)
    return mean_squares(scoring.model, scoring.weights, parts, options.per_sample_chunk)


def labelled(model: nn.Module, batches: Sequence[Batch], options: CurvatureOptions, generator: Generator) -> Iterator[Weighed]:
    """The batches with every label that the expectation runs over; the shares of an image sum to 1."""
    for images, labels in batches:
        match options.fisher_labels:
            case "empirical":
                yield Weighed(images, labels, torch.ones(len(labels), device=labels.device))
            case "sampled":
                for drawn in sampled(predictions(model, images), options.draws, generator):
                    yield Weighed(images, drawn, torch.full((len(drawn),), 1 / options.draws, dtype=torch.float64, device=drawn.device))
            case "exact":
                for label, share in enumerate(predictions(model, images).T):
                    yield Weighed(images, torch.full_like(labels, label), share)


def predictions(model: nn.Module, images: Tensor) -> Tensor:
    """Predicted probability of every class, (B, classes), float64."""
    with torch.no_grad():
        logits: Tensor = model(images)
    return logits.double().softmax(1)


def sampled(probabilities: Tensor, draws: int, generator: Generator) -> Tensor:
    """Labels drawn from the predictions, (draws, B), one uniform number each in the order of the images: however they are cut into batches."""
    uniform = torch.rand(len(probabilities), draws, generator=generator, dtype=torch.float64).to(probabilities.device)
    labels = torch.searchsorted(probabilities.cumsum(1), uniform, right=True)
    return labels.clamp(max=probabilities.shape[1] - 1).T
