"""GraSP: gradient signal preservation (Wang, Zhang, Grosse 2020, equation 8).

Without weight j, the squared norm of the gradient g of L(f(x) / temperature) changes by about -2 w_j (Hg)_j, with the Hessian H of L. So

    s_j = w_j (Hg)_j

is high where removal would weaken the flow of gradients. The paper calls -s_j the score and removes from its top: the same weights go.
"""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from ..catalogue.criteria.at_start import GraspOptions
from .types import Scores, Scoring


def score(scoring: Scoring[GraspOptions]) -> Scores:
    """Half the loss of squared gradient norm without each weight, to first order; signed, higher is kept. Float64, of the weight's shape."""
    weights = dict(scoring.weights) | (redrawn(scoring) if scoring.options.reinit_linear else {})
    products = zip(weights.items(), hessian_times_gradient(scoring, weights), strict=True)
    scores = {name: w.detach().double() * hg.double() for (name, w), hg in products}
    return {name: s.abs() for name, s in scores.items()} if scoring.options.absolute else scores


def hessian_times_gradient(scoring: Scoring[GraspOptions], weights: Mapping[str, Tensor]) -> list[Tensor]:
    """Hg of the mean loss over all examples, of the weights' shapes: the slope of <g, g(w)> with one g held fast."""
    at = list(weights.values())
    gradient = [torch.zeros_like(w) for w in at]
    for loss in losses(scoring, weights):
        gradient = [total + part for total, part in zip(gradient, torch.autograd.grad(loss, at), strict=True)]
    product = [torch.zeros_like(w) for w in at]
    for loss in losses(scoring, weights):
        slopes = torch.autograd.grad(loss, at, create_graph=True)
        along = torch.stack([(fast * slope).sum() for fast, slope in zip(gradient, slopes, strict=True)]).sum()
        product = [total + part for total, part in zip(product, torch.autograd.grad(along, at), strict=True)]
    return product


def losses(scoring: Scoring[GraspOptions], weights: Mapping[str, Tensor]) -> Iterator[Tensor]:
    """What each batch adds to the mean loss over all examples, at the temperature."""
    examples = sum(len(labels) for _, labels in scoring.batches)
    for images, labels in scoring.batches:
        logits = functional_call(scoring.model, dict(weights), (images,)) / scoring.options.temperature
        yield F.cross_entropy(logits, labels, reduction="sum") / examples


def redrawn(scoring: Scoring[GraspOptions]) -> dict[str, Tensor]:
    """A Glorot-normal draw of every dense layer that is ranked, 0 where the weight is 0 already."""
    dense = {f"{name}.weight" for name, module in scoring.model.named_modules() if isinstance(module, nn.Linear)}
    draws = {
        name: nn.init.xavier_normal_(torch.empty(w.shape, dtype=w.dtype), generator=scoring.generator).to(w.device) * (w.detach() != 0)
        for name, w in scoring.weights.items() if name in dense
    }  # fmt: skip
    return {name: draw.requires_grad_() for name, draw in draws.items()}
