"""What a catalogue entry is made of: frozen data that forms, validation, the command line and the contract tests are drawn from."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from ..steps import Granularity


class Options(BaseModel):
    """Options of an entry: each field has a type, a default, a range and a help text (`description`).

    `later`: fields that came when runs had been stored already; at their default they are no part of a fingerprint.
    """

    later: ClassVar[frozenset[str]] = frozenset()
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False)

    def resolved(self, fields: Mapping[str, Any]) -> Self:
        """The same options with nothing left open. `fields`: of the resolved spec around them."""
        return self


class Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Paper(Data):
    authors: str
    title: str
    year: int
    venue: str = ""

    @property
    def short(self) -> str:
        return f"{self.authors} {self.year}"


class Recipe(Data):
    """How a network is trained. `lr_milestones` are fractions of a training phase at which lr falls to a tenth; None: as the wider recipe says."""

    optimizer: Literal["sgd", "adam"] | None = None
    lr: float | None = None
    momentum: float | None = None
    weight_decay: float | None = None
    batch_size: int | None = None
    lr_milestones: tuple[float, ...] | None = None
    augment: bool | None = None


class Entry(Data):
    """`name` in code, `title` for people, `summary` one plain sentence, `function` the dotted path ("module:name") of what does the work."""

    name: str
    title: str
    summary: str
    function: str
    options: type[Options] = Options
    papers: tuple[Paper, ...] = ()


class Layer(Data):
    """A prunable tensor: `name` of the parameter, `title` for people, `shape` as torch has it."""

    name: str
    title: str
    shape: tuple[int, ...]

    @property
    def weights(self) -> int:
        return math.prod(self.shape)


class ChannelGroup(Data):
    """Channels that go together: dimension 0 of every member parameter. The first member is the producing weight.

    `batch_norm`: the module whose output the channels are, before the ReLU that follows it; its scale and shift are members.
    """

    name: str
    title: str
    channels: int
    members: tuple[str, ...]
    batch_norm: str


class Model(Entry):
    """A network for images of `input_shape` (channels, height, width) and `classes` classes."""

    input_shape: tuple[int, int, int]
    classes: int
    layers: tuple[Layer, ...]
    parameters: int = Field(description="All trainable numbers: weights, biases, BN scale and shift.")
    macs: int = Field(description="Multiply-adds of one image; biases, BN and pooling not counted.")
    activations: int = Field(description="Numbers that one image leaves in memory for the backward pass.")
    channel_groups: tuple[ChannelGroup, ...] = ()
    recipes: dict[str, Recipe] = Field(default_factory=dict, description="Where the paper's recipe differs from the data set's.")
    reference_seconds: float = Field(
        description="Measured: seconds of training per 1,000 images on one core of a 2020s server, for first estimates."
    )

    @property
    def weights(self) -> int:
        return sum(layer.weights for layer in self.layers)

    @property
    def channels(self) -> int:
        return sum(group.channels for group in self.channel_groups)


class File(Data):
    """A file of a data set, `path` inside the data folder."""

    path: str
    bytes: int


class DataSet(Entry):
    """Images of `shape` (channels, height, width) as uint8 and their classes. `train` counts what is left without the validation part."""

    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    train: int
    validation: int
    test: int
    mean: tuple[float, ...] = Field(description="Per channel, of pixels divided by 255.")
    std: tuple[float, ...]
    files: tuple[File, ...] = ()
    recipe: Recipe
    licence: str

    @property
    def download_bytes(self) -> int:
        return sum(file.bytes for file in self.files)


class Criterion(Entry):
    """What decides which weights stay. `family` gives its colour on every page."""

    formula: str
    needs: frozenset[Literal["data", "labels", "gradients", "per_sample", "curvature", "trained"]]
    granularities: frozenset[Granularity]
    default_allocation: str = "global"
    rounds: int = Field(1, description="Rounds of a pruning at the start, where nobody says another number.")
    rehearses: bool = Field(False, description="Rounds at the start are rehearsed while scoring: until the last, what went may return.")
    signed: bool = Field(False, description="Scores lie on both sides of 0; pictures show their size.")
    deviations: tuple[str, ...] = ()
    oracle: str
    family: str


class Allocation(Entry):
    """How the units to keep are shared out over the layers. `within`: where units compete, all with all or only with those of their layer."""

    granularities: frozenset[Granularity] = frozenset({"weight", "channel"})
    within: Literal["network", "layer"] = "layer"


class Protocol(Entry):
    """Spec -> steps. `uses`: the fields of RunSpec that it reads besides model, data set and seed; others resolve to nothing."""

    uses: frozenset[Literal["criterion", "sparsity", "granularity", "allocation", "training", "parent"]]
    short: str = Field(description="Two or three words for a button: 'At the start'.")
