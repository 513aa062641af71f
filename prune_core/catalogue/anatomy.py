"""What a network is made of, as plain numbers: layers, groups of channels, and what it takes to put one image through it."""

import math
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field


class Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Layer(Data):
    """A prunable tensor: `name` of the parameter, `title` for people, `shape` as torch has it.

    `positions`: places of its output that each weight is used at, once for every pixel of a convolution's.
    """

    name: str
    title: str
    shape: tuple[int, ...]
    positions: int = 1

    @property
    def weights(self) -> int:
        return math.prod(self.shape)

    @property
    def macs(self) -> int:
        """Multiply-adds of one image."""
        return self.weights * self.positions


class Place(NamedTuple):
    """Where the channels of a group lie in a tensor or module: channel c takes `each` places from `start` + c `each` on.

    `each` is 1 but where a dense layer reads the flattened positions of every channel.
    """

    name: str
    start: int = 0
    each: int = 1

    def after(self, channels: int) -> "Place":
        """Where they lie without the first few."""
        return self._replace(start=self.start + channels * self.each)


class ChannelGroup(Data):
    """Channels that go together: where one goes, it goes everywhere.

    producers: the convolutions' weights whose rows they are; more than one where outputs are added up. norms: batch norms on their way, by module.
    members: all parameters whose dimension 0 they are; a channel is gone where these are 0. readers: weights whose dimension 1 they are.
    """

    name: str
    title: str
    channels: int
    producers: tuple[Place, ...]
    norms: tuple[Place, ...]
    members: tuple[Place, ...]
    readers: tuple[Place, ...]

    @property
    def shared(self) -> bool:
        """Whether more than one layer writes or reads them, as in a residual stream, or one reads them among those of others."""
        return len(self.producers) + len(self.readers) > 2 or any(place.start for place in self.readers)

    @property
    def producer(self) -> str:
        """The weight whose rows its channels are first."""
        return self.producers[0].name

    @property
    def batch_norm(self) -> str | None:
        """The module whose output the channels are, before the ReLU that follows it; None where there is none, or not one alone.

        (In Caffe's LeNet-5 no ReLU follows: its channels go into the pooling as they are.)
        """
        return self.norms[0].name if len(self.norms) == 1 and not self.shared else None


class Anatomy(Data):
    """What a network is made of, and what it takes to put one image through it."""

    layers: tuple[Layer, ...]
    parameters: int = Field(description="All trainable numbers: weights, biases, BN scale and shift.")
    macs: int = Field(description="Multiply-adds of one image; biases, BN and pooling not counted.")
    activations: int = Field(description="Numbers that one image leaves in memory for the backward pass.")
    widest: int = Field(description="Numbers of the largest thing that one image sends from one operation to the next.")
    least_batch: int = Field(1, description="Fewest images to train on at once: batch norm over single numbers needs two.")
    channel_groups: tuple[ChannelGroup, ...] = Field((), description="Channels between two layers, which can go by themselves.")
    shared_groups: tuple[ChannelGroup, ...] = Field(
        (), description="Channels that several layers write or read, which go in all of them at once."
    )

    @property
    def weights(self) -> int:
        return sum(layer.weights for layer in self.layers)

    @property
    def channels(self) -> int:
        return sum(group.channels for group in self.channel_groups)

    @property
    def normalises(self) -> bool:
        """Whether batch norm stands behind every layer that can lose channels."""
        return all(group.norms for group in self.channel_groups)
