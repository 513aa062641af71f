"""Optimal brain surgeon (Hassibi & Stork 1993).

At a minimum with Hessian H, weight q goes and all others move so that the loss rises as little as it can:

    s_q = w_q^2 / (2 [H^-1]_qq),        dw = -(w_q / [H^-1]_qq) H^-1 e_q.

Several weights S go at once:

    dw = -H^-1[:, S] (H^-1[S, S])^-1 w_S,

which for the loss's quadratic is where removals one after the other end, in any order. Weights that went in earlier prunings take no part.
"""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor

from ..catalogue.criteria.trained import ObsOptions
from .inverse_curvature import fisher_inverse, hessian, hessian_inverse, image_rows
from .types import CriterionError, Scores, Scoring


def score(scoring: Scoring[ObsOptions]) -> Scores:
    """Least rise of the loss without the weight; higher is kept. Float64, of the weight's shape, in units of the loss, 0 where it went before."""
    weights, places = flat(scoring.weights), flat(left(scoring)).nonzero()[:, 0]
    rises = torch.zeros_like(weights)
    rises[places] = weights[places].square() / (2 * inverse(scoring, places).diagonal())
    return shaped(rises, scoring.weights)


def update(scoring: Scoring[ObsOptions], kept: Mapping[str, Tensor]) -> Scores:
    """Where the weights that are kept have to move: name -> new values, float64, exactly 0 where a weight is not kept."""
    weights, stays = flat(scoring.weights), flat(kept)
    places = flat(left(scoring)).nonzero()[:, 0]
    goes = ~stays[places]
    moved = weights[places] + change(inverse(scoring, places), weights[places], goes)
    found = torch.zeros_like(weights)
    found[places] = torch.where(goes, 0.0, moved)
    return shaped(found, scoring.weights)


def change(inverse: Tensor, weights: Tensor, goes: Tensor) -> Tensor:
    """-H^-1[:, S] (H^-1[S, S])^-1 w_S for the weights S that go: (k,). At S itself it is -w_S."""
    if not bool(goes.any()):
        return torch.zeros_like(weights)
    columns = inverse[:, goes]
    pull = torch.cholesky_solve(weights[goes, None], torch.linalg.cholesky(columns[goes]))
    return -(columns @ pull)[:, 0]


def inverse(scoring: Scoring[ObsOptions], places: Tensor) -> Tensor:
    """H^-1 over the weights at these places: (k, k), float64."""
    options, size = scoring.options, sum(w.numel() for w in scoring.weights.values())
    if why := options.too_many(size):
        raise CriterionError(f"criterion_options.max_weights: {why}")
    if options.hessian == "exact":
        model = copy.deepcopy(scoring.model).double()
        weights = {name: parameter for name, parameter in model.named_parameters() if name in scoring.weights}
        return hessian_inverse(hessian(model, weights, scoring.batches, places), options.damping)
    rows = (part[:, places] for part in image_rows(scoring))
    return fisher_inverse(rows, len(places), options.damping, places.device)


def left(scoring: Scoring[ObsOptions]) -> dict[str, Tensor]:
    """What earlier prunings left of every ranked weight."""
    return {name: scoring.left.get(name, torch.ones_like(w, dtype=torch.bool)) for name, w in scoring.weights.items()}


def flat(tensors: Mapping[str, Tensor]) -> Tensor:
    """All of them in one row, numbers in float64."""
    row = torch.cat([t.detach().flatten() for t in tensors.values()])
    return row if row.dtype == torch.bool else row.double()


def shaped(row: Tensor, like: Mapping[str, Tensor]) -> Scores:
    """The inverse of `flat`."""
    pieces = row.split([t.numel() for t in like.values()])
    return {name: piece.reshape(t.shape) for (name, t), piece in zip(like.items(), pieces, strict=True)}
