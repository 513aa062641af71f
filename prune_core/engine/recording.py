"""What training tells of a weight only while it happens: where it began, and what its steps did to the loss."""

import torch
from torch import Tensor

from .optimiser import Optimiser


class Recording:
    """An optimiser that notes what the one inside it does; runs that record nothing have the bare one.

    start: (P,), the weights as they were first. fall: (P,), sum over all steps of -dL/dw times the change of w, in units of the loss.
    Both are state that has one entry a weight: saved, restored, and 0 where a weight is pruned, whose path ends there.
    """

    def __init__(self, inner: Optimiser, weights: Tensor, gradient: Tensor) -> None:
        self.inner, self.weights, self.gradient = inner, weights, gradient
        self.start, self.fall = weights.clone(), torch.zeros_like(weights)
        self.before, self.slope = torch.empty_like(weights), torch.empty_like(weights)
        self.state = inner.state | {"start": self.start, "fall": self.fall}
        self.per_weight = (*inner.per_weight, "start", "fall")

    def step(self, lr: float) -> None:
        self.before.copy_(self.weights)
        self.slope.copy_(self.gradient)  # before the step: an optimiser may add the weight decay to the gradient in place
        self.inner.step(lr)
        self.fall.addcmul_(self.slope, self.before.sub_(self.weights))
