"""Families of smaller networks, as profiles of a network: channels of each of its groups (Crowley et al. 2018; protocols.md, section 10).

All are trained from scratch by the network's own recipe: a width multiplier, bottlenecks, and copies of one pruned profile at other sizes.
"""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import NamedTuple

from .catalogue.anatomy import Anatomy, ChannelGroup
from .catalogue.shrunk import in_order, parameters, profiles


class Member(NamedTuple):
    """A network of a family: channels of each group, in their order, as `model_options.profile` takes them, and its trainable numbers."""

    profile: tuple[int, ...]
    parameters: int


Size = Callable[[ChannelGroup, Fraction], int]
FINEST = 1 << 16  # factors are tried in steps of one by this


def width_multiplier(network: Anatomy, most: int) -> Member:
    """All layers narrower by one factor: the largest network of at most so many parameters."""
    return largest(network, in_order(network), lambda group, factor: rounded(factor * group.channels), most)


def bottleneck(network: Anatomy, most: int) -> Member:
    """Only channels between two layers of a block fewer, by one factor; residual streams stay as wide as they are.

    Raises ValueError too for a network without such streams.
    """
    between = tuple(group for group in in_order(network) if not group.shared)
    if not between or len(between) == len(in_order(network)):
        raise ValueError("network: it has no blocks whose channels inside are others than those that they add up to.")
    return largest(network, between, lambda group, factor: rounded(factor * group.channels), most)


def scaled_copy(network: Anatomy, widths: Mapping[str, int], most: int) -> Member:
    """The profile that a pruning left, times one factor; no layer gets more channels than the network has. Groups that aren't named are whole."""
    named = [groups for groups in profiles(network) if groups and set(widths) <= {group.name for group in groups}]
    if not named:
        raise ValueError("widths: these are groups of channels of another network.")

    def size(group: ChannelGroup, factor: Fraction) -> int:
        return min(group.channels, rounded(factor * widths[group.name])) if group.name in widths else group.channels

    return largest(network, named[0], size, most)


def rounded(channels: Fraction) -> int:
    return max(1, int(channels + Fraction(1, 2)))


def largest(network: Anatomy, groups: tuple[ChannelGroup, ...], size: Size, most: int) -> Member:
    """Of the profiles at rising factors the last that has at most so many parameters. Raises ValueError where even the smallest has more."""

    def member(step: int) -> Member:
        profile = tuple(size(group, Fraction(step, FINEST)) for group in groups)
        return Member(profile, parameters(network, {group.name: n for group, n in zip(groups, profile, strict=True)}))

    low, high = 0, max(group.channels for group in groups) * FINEST
    if (smallest := member(low)).parameters > most:
        raise ValueError(f"parameters: the smallest network of this family has {smallest.parameters:,}, asked were at most {most:,}.")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if member(middle).parameters <= most else (low, middle)
    return member(low)
