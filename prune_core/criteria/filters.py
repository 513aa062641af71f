"""A channel's filter as a row of numbers, and norms of layers of different width made comparable."""

from torch import Tensor


def rows(weight: Tensor) -> Tensor:
    """The filters of a producing weight, float64, shape (channels, numbers in a filter)."""
    return weight.detach().double().flatten(1)


def comparable(norms: Tensor, size: int, normalize: str) -> Tensor:
    """Norms of a layer's filters over their size, or over the mean norm of the filters that are left (1 where none is)."""
    if normalize == "size":
        return norms / size
    if normalize == "mean":
        left = norms[norms > 0]
        return norms / (float(left.mean()) if len(left) else 1.0)
    return norms
