"""The inverse of the loss's curvature over all weights, or some of them: from gradients of single images, or of the explicit Hessian."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..catalogue.criteria.trained import ObsOptions
from .fisher_diagonal import labelled
from .per_sample import Weighed, per_sample_gradients
from .types import Batch, CriterionError, Scoring


def fisher_inverse(rows: Iterable[Tensor], size: int, damping: float, device: torch.device) -> Tensor:
    """(damping I + sum of x x^T)^-1 over all rows x (n, size), which come in parts: Hassibi and Stork's recursion, a part at a time. Float64.

    With one row a part it is theirs: H^-1 <- H^-1 - H^-1 x x^T H^-1 / (1 + x^T H^-1 x).
    """
    inverse = torch.eye(size, dtype=torch.float64, device=device) / damping
    for part in rows:
        seen = part @ inverse
        inside = seen @ part.T
        inside.diagonal().add_(1)
        inverse.addmm_(seen.T, torch.cholesky_solve(seen, torch.linalg.cholesky(inside)), alpha=-1)
    return inverse


def image_rows(scoring: Scoring[ObsOptions]) -> Iterator[Tensor]:
    """Gradients of single images by the labels that the options ask for, scaled so that the sum of x x^T is their mean: (n, P), float64."""
    images = sum(len(labels) for _, labels in scoring.batches)
    for whole in labelled(scoring.model, scoring.batches, scoring.options, scoring.generator):
        for part in zip(*(t.split(scoring.options.per_sample_chunk) for t in whole), strict=True):
            x, labels, shares = Weighed(*part)
            gradients = per_sample_gradients(scoring.model, scoring.weights, x, labels)
            flat = torch.cat([g.flatten(1) for g in gradients.values()], 1).double()
            yield flat * (shares.double() / images).sqrt()[:, None]


def hessian(model: nn.Module, weights: Mapping[str, Tensor], batches: Sequence[Batch], places: Tensor) -> Tensor:
    """Second derivatives of the mean loss over all images by the weights at these places of their flat order: (k, k). model: in float64."""
    total = torch.zeros(len(places), len(places), dtype=torch.float64, device=places.device)
    images = sum(len(labels) for _, labels in batches)
    variables = list(weights.values())
    for x, labels in batches:
        slopes = torch.autograd.grad(F.cross_entropy(model(x.double()), labels, reduction="sum"), variables, create_graph=True)
        flat = torch.cat([s.flatten() for s in slopes])[places]
        for row, slope in zip(total, flat, strict=True):
            second = torch.autograd.grad(slope, variables, retain_graph=True, materialize_grads=True)
            row += torch.cat([s.flatten() for s in second])[places] / images
    return (total + total.T) / 2


def hessian_inverse(found: Tensor, damping: float) -> Tensor:
    """Of the damped Hessian. Raises CriterionError in words where that is not positive definite: then no formula of OBS means anything."""
    factor, wrong = torch.linalg.cholesky_ex(found + damping * torch.eye(len(found), dtype=found.dtype, device=found.device))
    if int(wrong):
        least = float(torch.linalg.eigvalsh(found)[0])
        raise CriterionError(
            f"criterion_options.damping: the Hessian has an eigenvalue of {least:.2g}, and with {damping:g} added it is no minimum's. Choose more "
            "than that, train longer, or set criterion_options.hessian to fisher, which is never negative."
        )
    return torch.cholesky_inverse(factor)
