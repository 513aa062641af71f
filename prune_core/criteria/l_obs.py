"""Layer-wise optimal brain surgeon (Dong, Chen & Pan 2017).

A layer is linear in its weights up to its nonlinearity. For each of its outputs, with inputs y and weights w, a change dw makes the error

    E = (1 / 2n) sum over n inputs of (dw . y)^2  =  dw^T A dw / 2,        A = (1/n) sum of y y^T,

and A is the same for all outputs. If w_j goes and the other weights of its output move so that E is as small as it can be, E is

    s_j = w_j^2 / (2 [A^-1]_jj).

Several weights go at once: with K those that stay, the others of the output move to the least-squares fit of what it put out before,

    v_K = A_KK^-1 (A w)_K.

Weights that went in earlier prunings are 0 and stay so: [A^-1] above is the inverse over what was left of the output.
"""

import copy
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from ..catalogue.criteria.trained import LObsOptions
from .layer_inputs import second_moments
from .types import CriterionError, Scores, Scoring


def score(scoring: Scoring[LObsOptions]) -> Scores:
    """Least rise of the layer's mean squared output error / 2 without the weight; higher is kept. Float64, of the weight's shape, 0 where it went before."""
    found: Scores = {}
    for name, weight in scoring.weights.items():
        layer = layer_of(scoring.model, name)
        rises = damage(matrix(layer), flags(layer, scoring.left.get(name)), moments(scoring, scoring.model, layer))
        found[name] = rises[:, : weight[0].numel()].reshape(weight.shape)
    return found


def update(scoring: Scoring[LObsOptions], kept: Mapping[str, Tensor]) -> Scores:
    """Weights and biases of every ranked layer, fitted to what the layer puts out now: name -> float64, exactly 0 where a weight is not kept."""
    model = copy.deepcopy(scoring.model)
    found: Scores = {}
    for name in scoring.weights:
        layer = layer_of(model, name)
        fitted = refit(matrix(layer), flags(layer, kept[name]), moments(scoring, model, layer))
        found |= {name.removesuffix("weight") + part: values for part, values in parts(layer, fitted).items()}
        if scoring.options.inputs == "pruned":
            with torch.no_grad():
                for part, values in parts(layer, fitted).items():
                    getattr(layer, part).copy_(values)
    return found


def layer_of(model: nn.Module, name: str) -> nn.Linear | nn.Conv2d:
    layer = model.get_submodule(name.removesuffix(".weight"))
    assert isinstance(layer, nn.Linear | nn.Conv2d)
    return layer


def moments(scoring: Scoring[LObsOptions], model: nn.Module, layer: nn.Linear | nn.Conv2d) -> Tensor:
    options = scoring.options
    return second_moments(model, layer, scoring.batches, options.n_patches, options.damping, scoring.generator)


def matrix(layer: nn.Linear | nn.Conv2d) -> Tensor:
    """Weights as (outputs, d) in float64, the bias in the last column where there is one."""
    rows = layer.weight.detach().flatten(1).double()
    return rows if layer.bias is None else torch.cat([rows, layer.bias.detach()[:, None]], 1)


def flags(layer: nn.Linear | nn.Conv2d, mask: Tensor | None) -> Tensor:
    """A mask as (outputs, d), biases always there; all there where nothing went."""
    rows = torch.ones_like(layer.weight, dtype=torch.bool) if mask is None else mask
    rows = rows.flatten(1)
    return rows if layer.bias is None else torch.cat([rows, rows.new_ones(len(rows), 1)], 1)


def parts(layer: nn.Linear | nn.Conv2d, rows: Tensor) -> dict[str, Tensor]:
    """The inverse of `matrix`: "weight" and, where there is one, "bias"."""
    size = layer.weight[0].numel()
    weight = {"weight": rows[:, :size].reshape(layer.weight.shape)}
    return weight if layer.bias is None else weight | {"bias": rows[:, size]}


def damage(rows: Tensor, left: Tensor, curvature: Tensor) -> Tensor:
    """w_j^2 / (2 [A^-1]_jj), the inverse over what is left of each output. rows, left: (outputs, d). At most four matrices of d x d are held."""
    found = torch.zeros_like(rows)
    for outputs, places in alike(left):
        inverse = torch.cholesky_inverse(factor(curvature, places)).diagonal()
        found[outputs[:, None], places] = rows[outputs[:, None], places].square() / (2 * inverse)
    return found


def refit(rows: Tensor, kept: Tensor, curvature: Tensor) -> Tensor:
    """For every output v with (A v)_K = (A w)_K on what is kept of it, and 0 elsewhere. At most three matrices of d x d are held."""
    found = torch.zeros_like(rows)
    for outputs, places in alike(kept):
        wanted = (curvature @ rows[outputs].T)[places]
        found[outputs[:, None], places] = torch.cholesky_solve(wanted, factor(curvature, places)).T
    return found


def alike(flags: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """(outputs, places) for every set of places that outputs have in common: one matrix serves them all."""
    sets, which = torch.unique(flags, dim=0, return_inverse=True)
    for i, present in enumerate(sets):
        places = present.nonzero()[:, 0]
        if len(places):
            yield (which == i).nonzero()[:, 0], places


def factor(curvature: Tensor, places: Tensor) -> Tensor:
    """Cholesky factor of the part of the curvature that these places have."""
    found, wrong = torch.linalg.cholesky_ex(curvature[places[:, None], places])
    if int(wrong):
        raise CriterionError(
            "criterion_options.damping: inputs of a layer depend on each other so closely that this much does not part them. Try more."
        )
    return found
