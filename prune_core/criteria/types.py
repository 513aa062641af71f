"""What a criterion is given and what it returns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from torch import Generator, Tensor, nn

from ..catalogue.anatomy import ChannelGroup

Scores = dict[str, Tensor]
Batch = tuple[Tensor, Tensor]
O = TypeVar("O", covariant=True)  # noqa: E741


class Recorded(NamedTuple):
    """What training recorded of a weight, both of its shape: `start`, its first values; `fall`, the sum over steps of -dL/dw times its change."""

    start: Tensor
    fall: Tensor


class CriterionError(Exception):
    """Why a criterion has no answer here, in words for a person."""


@dataclass(frozen=True)
class Scoring(Generic[O]):
    """One question to a criterion. The network's modes are set before and everything is restored after: a criterion only reads.

    weights: name -> parameter to rank, any shape. For channels: group name -> weight whose dimension 0 are the channels.
    units: name -> shape of the scores wanted: the weight's own shape, or (channels,).
    batches: pairs of standardised images (B, C, H, W) and labels (B,); B may vary. Empty where the entry needs no data.
    generator: on the CPU, of this run and round (of the run alone where the options draw once) and of the options' stream, not of the criterion.
    input_shape: of one image, (C, H, W).
    masks: name -> bool tensor of the weight's shape, what a rehearsed pruning has left; the weights themselves are as they were. Mostly empty.
    groups: name -> channel group, in the order of the network; empty where single weights are ranked.
    recorded: name -> what training recorded of the weight; empty where the entry does not need it.
    left: name -> bool tensor of the weight's shape, what prunings before this one left; empty where there were none, or channels are ranked.
    factors: name of a channel group -> the factors (channels,) that training put on its channels; empty where it put none.
    """

    model: nn.Module
    weights: Mapping[str, Tensor]
    units: Mapping[str, tuple[int, ...]]
    batches: Sequence[Batch]
    options: O
    generator: Generator
    input_shape: tuple[int, ...] = ()
    masks: Mapping[str, Tensor] = field(default_factory=dict)
    groups: Mapping[str, ChannelGroup] = field(default_factory=dict)
    recorded: Mapping[str, Recorded] = field(default_factory=dict)
    left: Mapping[str, Tensor] = field(default_factory=dict)
    factors: Mapping[str, Tensor] = field(default_factory=dict)
