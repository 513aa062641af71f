"""FORCE: foresight connection sensitivity (de Jorge et al. 2021, equation 7).

    s_j = |w_j * dL/dw_j at c * w|        with the mask c of the round before, and w_j as it is without it

The slope is that of the sparse network, the weight is the dense one: a weight that a rehearsal took away still has a score, and may return.
"""

from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from ..catalogue.criteria.at_start import IterativeSnipOptions
from .gradients import accumulated
from .types import Batch, Scores, Scoring


def score(scoring: Scoring[IterativeSnipOptions]) -> Scores:
    """Foresight sensitivity of every weight; higher is kept. Float64, of the weight's shape, in units of the loss. Before any rehearsal, SNIP's."""
    return accumulated(scoring, partial(foresight, masks=scoring.masks))


def foresight(model: nn.Module, weights: Mapping[str, Tensor], batch: Batch, masks: Mapping[str, Tensor]) -> Scores:
    """w * dL/dw at the masked weights, in float64 and of the weights' shapes. L is the mean loss of the batch."""
    images, labels = batch
    sparse = {name: (w.detach() * masks[name].to(w.device)).requires_grad_() if name in masks else w for name, w in weights.items()}
    loss = F.cross_entropy(functional_call(model, sparse, (images,)), labels)
    slopes = torch.autograd.grad(loss, list(sparse.values()))
    return {name: w.detach().double() * g for (name, w), g in zip(weights.items(), slopes, strict=True)}
