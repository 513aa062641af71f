"""GraSP: gradient signal preservation (Wang, Zhang, Grosse 2020, equation 8).

Without weight j, the squared norm of the gradient g of L(f(x) / temperature) changes by about -2 w_j (Hg)_j, with the Hessian H of L. So

    s_j = w_j (Hg)_j

is high where removal would weaken the flow of gradients. The paper calls -s_j the score and removes from its top: the same weights go.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from ..catalogue.criteria.at_start import GraspOptions
from .hessian_product import Loss, hessian_product
from .types import Batch, Scores, Scoring


def score(scoring: Scoring[GraspOptions]) -> Scores:
    """Half the loss of squared gradient norm without each weight, to first order; signed, higher is kept. Float64, of the weight's shape."""
    weights = dict(scoring.weights) | (redrawn(scoring) if scoring.options.reinit_linear else {})

    def loss(batch: Batch) -> Tensor:
        images, labels = batch
        logits = functional_call(scoring.model, weights, (images,)) / scoring.options.temperature
        return F.cross_entropy(logits, labels)

    product = hessian_product(loss, weights, scoring.batches, gradient(loss, weights, scoring.batches))
    scores = {name: w.detach().double() * product[name] for name, w in weights.items()}
    return {name: s.abs() for name, s in scores.items()} if scoring.options.absolute else scores


def gradient(loss: Loss, weights: Mapping[str, Tensor], batches: Sequence[Batch]) -> dict[str, Tensor]:
    """Slopes of the mean loss over all images, of the weights' shapes."""
    examples = sum(len(labels) for _, labels in batches)
    mean = {name: torch.zeros_like(w) for name, w in weights.items()}
    for batch in batches:
        slopes = torch.autograd.grad(loss(batch), list(weights.values()))
        mean = {name: mean[name] + slope * (len(batch[1]) / examples) for name, slope in zip(weights, slopes, strict=True)}
    return mean


def redrawn(scoring: Scoring[GraspOptions]) -> dict[str, Tensor]:
    """A Glorot-normal draw of every dense layer that is ranked, 0 where the weight is 0 already."""
    dense = {f"{name}.weight" for name, module in scoring.model.named_modules() if isinstance(module, nn.Linear)}
    draws = {
        name: nn.init.xavier_normal_(torch.empty(w.shape, dtype=w.dtype), generator=scoring.generator).to(w.device) * (w.detach() != 0)
        for name, w in scoring.weights.items() if name in dense
    }  # fmt: skip
    return {name: draw.requires_grad_() for name, draw in draws.items()}
