"""SynFlow: synaptic flow (Tanaka, Kunin, Yamins, Ganguli 2020, equation 2 and algorithm 1).

One image of ones goes through the network with all weights in absolute value; R is the sum of its outputs, and

    s_j = |w_j| * dR/d|w_j|

is the weight of all paths from input to output that run through connection j. Without biases the scores of every layer sum to R, so a large layer
has small ones: it takes many rounds, each scored anew, to prune evenly. Layers must be positively homogeneous, as ReLU and pooling are.

A channel's score is the flow through it: the sum of the scores of the weights that lead into it, which is that of those that lead out.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ..catalogue.criteria.at_start import SynflowOptions
from .types import Scores, Scoring

SHIFTS = ("bias", "running_mean")


def score(scoring: Scoring[SynflowOptions]) -> Scores:
    """Flow through every weight; higher is kept. Float64, of the weight's shape."""
    return flow(scoring, list(scoring.weights))


def score_channels(scoring: Scoring[SynflowOptions]) -> Scores:
    """Flow through every channel; higher is kept. Float64, shape (channels,)."""
    found = flow(scoring, list(dict.fromkeys(place.name for group in scoring.groups.values() for place in group.producers)))
    rows = {name: weight.flatten(1).sum(1) for name, weight in found.items()}
    return {
        name: torch.stack([rows[writer][start : start + group.channels] for writer, start, _ in group.producers]).sum(0)
        for name, group in scoring.groups.items()
    }


def flow(scoring: Scoring[SynflowOptions], names: Sequence[str]) -> Scores:
    """Flow through every weight of the named parameters, float64, of their shapes."""
    state = linear(scoring.model, getattr(torch, scoring.options.dtype), scoring.options.reference)
    weights = {name: state[name].requires_grad_() for name in names}
    ones = torch.ones(1, *scoring.input_shape, dtype=getattr(torch, scoring.options.dtype), device=next(iter(weights.values())).device)
    slopes = torch.autograd.grad(functional_call(scoring.model, state, (ones,)).sum(), list(weights.values()))
    return {name: slope.double().mul_(w.detach()) for (name, w), slope in zip(weights.items(), slopes, strict=True)}


def linear(model: nn.Module, dtype: torch.dtype, reference: bool) -> dict[str, Tensor]:
    """Parameters and buffers in absolute value, as new tensors. Batch norm scales by |scale| / sqrt(variance + eps), and nothing is added anywhere.

    reference: what is added stays, in absolute value.
    """
    state = {name: tensor.detach().to(dtype, copy=True).abs_() for name, tensor in model.state_dict().items() if tensor.is_floating_point()}
    return state if reference else {n: torch.zeros_like(t) if n.rpartition(".")[2] in SHIFTS else t for n, t in state.items()}
