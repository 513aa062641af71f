"""What a catalogue entry is made of: frozen data that forms, validation, the command line and the contract tests are drawn from."""

import hashlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ..steps import WHICH, Granularity, percent
from ..wording import refuse
from .anatomy import Anatomy, Data
from .shrunk import at, in_order, profiled


class Options(BaseModel):
    """Options of an entry: each field has a type, a default, a range and a help text (`description`).

    `later`: fields that came when runs had been stored already; at their default they are no part of a fingerprint.
    `only`: fields that say something of one granularity alone; where the other is ranked they stay at their default.
    """

    later: ClassVar[frozenset[str]] = frozenset()
    only: ClassVar[Mapping[str, Granularity]] = {}
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False)

    def resolved(self, fields: Mapping[str, Any]) -> Self:
        """The same options with nothing left open. `fields`: of the resolved spec around them."""
        return self

    @property
    def size(self) -> str:
        """How they change a network's size, in words for its title: "at half of its channels". Empty where they do not."""
        return ""


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


Drawing = Callable[[Any, int], Anatomy]  # (options, classes) -> what is built with them


@lru_cache(maxsize=512)
def drawn(drawing: Drawing, options: Options, classes: int) -> Anatomy:
    """What these options build: the drawing, at their profile where they have one that fits."""
    whole = drawing(options, classes)
    widths = profiled(whole, getattr(options, "profile", ()))
    return at(whole, widths) if widths else whole


class Model(Entry, Anatomy):
    """A network for images of `input_shape` (channels, height, width). It has as many outputs as its data set has classes.

    The table holds it as its options stand by themselves, for `classes` classes; `built` is the one of a run. `function` builds the module, of the
    same options and number of classes.
    """

    input_shape: tuple[int, int, int]
    classes: int = 10
    drawing: Drawing
    recipes: dict[str, Recipe] = Field(default_factory=dict, description="Where the paper's recipe differs from the data set's.")
    reference_seconds: float = Field(
        description="Measured: seconds of training per 1,000 images on one core of a 2020s server, for first estimates. Of the networks for colour "
        "images the fastest of three to eight steps on 32 images, on a machine that had other work to do."
    )

    @classmethod
    def drawn(cls, drawing: Drawing, options: type[Options], *, classes: int = 10, **said: Any) -> Self:
        """An entry with the layers and counts of its drawing. `said`: its other fields."""
        return cls(**dict(drawn(drawing, options(), classes)), drawing=drawing, options=options, classes=classes, **said).removing(None)

    def built(self, options: Options, classes: int) -> Self:
        """This network as these options build it for so many classes; itself where that is how the table has it."""
        if classes == self.classes and options == self.options():
            return self
        anatomy = drawn(self.drawing, options, classes)
        # Seconds follow the multiply-adds; narrow networks keep a core less busy, so that theirs are a guess from below.
        seconds = self.reference_seconds * anatomy.macs / self.macs
        title = f"{self.title} {options.size}".strip()
        return self.model_copy(update=dict(anatomy) | {"classes": classes, "reference_seconds": seconds, "title": title}).removing(None)

    def removing(self, shared: bool | None) -> Self:
        """The same network with shared channels among those that may be removed, in its order, or not; None: only where it has no others."""
        if not self.shared_groups or (bool(self.channel_groups) if shared is None else not shared):
            return self
        return self.model_copy(update={"channel_groups": in_order(self), "shared_groups": ()})


class File(Data):
    """A file of a data set, `path` inside the data folder."""

    path: str
    bytes: int
    unpacked: str = Field("", description="What is there once it is unpacked; empty: its path without .gz.")

    def is_in(self, folder: Path) -> bool:
        """Packed as it came, or unpacked."""
        return (folder / self.path).is_file() or (folder / (self.unpacked or self.path.removesuffix(".gz"))).is_file()


class Balance(Data):
    """Images of each class in each part. `exact`: counted; else about so many, as which images fall into which part is not known."""

    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]
    exact: bool = True


Augmentation = Literal["shift", "mirror"]
LONGEST_LIST = 19  # characters: the data set of a run has 64 in the store


class DataSetOptions(Options):
    """What a run may do to its data set before it learns it."""

    later: ClassVar[frozenset[str]] = frozenset({"labels", "classes", "images"})

    labels: Literal["true", "random"] = Field(
        "true", title="Training labels",
        description="'random' draws the label of every training image anew: what is learnt then is learnt by heart (SNIP, Figure 4). Validation and "
        "test images keep theirs, so there guessing is all that can come out. Criteria still see true labels, as in the paper.",
    )  # fmt: skip
    classes: tuple[int, ...] = Field(
        (), max_length=1000, title="Only these classes",
        description="Numbers of the classes, at least two: the images of others are left out of every part, and these are numbered anew from 0. "
        "Empty: all classes.",
    )  # fmt: skip

    images: int | None = Field(
        None,
        ge=10,
        title="Training images",
        description="Learn from so many of the training images, the same ones in every run. Empty: all.",
    )

    @field_validator("classes")
    @classmethod
    def are_at_least_two_in_order(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        """The same classes are the same data."""
        found = tuple(sorted(set(value)))
        if len(found) == 1:
            raise refuse(f"must be at least two classes, or none for all, got {found[0]} alone.")
        return found

    @property
    def words(self) -> str:
        """What they make of the data set, for its title: "of classes 3, 8 with random labels". Empty where they leave it as it is."""
        said = [f"of {chosen(self.classes)}"] if self.classes else []
        said += [f"with {self.images:,} images"] if self.images else []
        return " ".join([*said, *(["with random labels"] if self.labels == "random" else [])])


def chosen(classes: tuple[int, ...]) -> str:
    """Classes in a few words: (3, 8) -> "classes 3, 8", a long list as their number and what tells it from others of as many."""
    told = ", ".join(map(str, classes))
    mark = hashlib.sha256(told.encode()).hexdigest()[:6]
    return f"classes {told}" if len(told) <= LONGEST_LIST else f"{len(classes)} classes ({mark})"


class DataSet(Entry):
    """Images of `shape` (channels, height, width) as uint8 and their classes. `train` counts what is left without the validation part.

    The table holds it as it comes; `asked` is the one of a run.
    """

    options: type[Options] = DataSetOptions
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    train: int
    validation: int
    test: int
    balance: Balance
    mean: tuple[float, ...] = Field(description="Per channel, of pixels divided by 255.")
    std: tuple[float, ...]
    files: tuple[File, ...] = ()
    downloads: bool = Field(True, description="Whether files that are missing can be fetched; else someone has to put them there.")
    augmentation: tuple[Augmentation, ...] = Field((), description="What may be done to training images by chance; empty: nothing.")
    caution: str = Field("", description="What has to be said beside an accuracy on it; empty: nothing.")
    recipe: Recipe
    licence: str

    @property
    def download_bytes(self) -> int:
        return sum(file.bytes for file in self.files)

    def missing(self, folder: Path) -> tuple[File, ...]:
        """The files that are not in the data folder."""
        return tuple(file for file in self.files if not file.is_in(folder))

    def asked(self, options: DataSetOptions) -> Self:
        """The data set as these options make it; itself where they leave it as it is."""
        if not options.words:
            return self
        found = self.only(options.classes) if options.classes else self
        found = found.first(options.images) if options.images else found
        guessing = (
            f"Training labels are random: guessing, {percent(1 / len(found.classes))} right, is all that can come out of other images."
        )
        cautions = [found.caution, guessing if options.labels == "random" else ""]
        return found.model_copy(update={"title": f"{self.title} {options.words}", "caution": " ".join(filter(None, cautions))})

    def first(self, images: int) -> Self:
        """The data set with so many training images, drawn when its parts were cut: of each class about its share."""
        share = images / self.train
        balance = self.balance.model_copy(update={"train": tuple(round(share * n) for n in self.balance.train), "exact": False})
        return self.model_copy(update={"train": images, "balance": balance})

    def only(self, classes: tuple[int, ...]) -> Self:
        """The data set of some of its classes, numbered anew from 0 in the order given."""
        parts = {part: tuple(getattr(self.balance, part)[c] for c in classes) for part in ("train", "validation", "test")}
        caution = f"{len(classes)} of {len(self.classes)} classes: no accuracy on {self.title}."
        told: dict[str, Any] = {"classes": tuple(self.classes[c] for c in classes), "balance": self.balance.model_copy(update=parts)}
        told |= {part: sum(counts) for part, counts in parts.items()}
        return self.model_copy(update=told | {"caution": " ".join(filter(None, (self.caution, caution)))})


class Criterion(Entry):
    """What decides which weights stay. `family` gives its colour on every page.

    `update`: the dotted path of what gives the weights that stay new values, once it is decided which go; None: they stay as they are.
    """

    formula: str
    channel_function: str = Field("", description="Dotted path of what ranks channels, where `function` ranks weights alone.")
    channel_formula: str = Field("", description="Of a channel's score, where it is not that of a weight's.")
    needs: frozenset[Literal["data", "labels", "gradients", "per_sample", "curvature", "batch_norm", "trained", "recorded", "factors"]]
    granularities: frozenset[Granularity]
    default_allocation: str = "global"
    rounds: int = Field(1, description="Rounds of a pruning at the start, where nobody says another number.")
    rehearses: bool = Field(False, description="Rounds at the start are rehearsed while scoring: until the last, what went may return.")
    update: str | None = None
    signed: bool = Field(False, description="Scores lie on both sides of 0; pictures show their size.")
    deviations: tuple[str, ...] = ()
    oracle: str
    family: str
    control: bool = Field(False, description="Decides by lot: what every other criterion has to beat.")
    gated: bool = Field(False, description="A channel is ranked along one gate on all that makes it, m_k in its formula.")
    who_goes: str = Field(WHICH["smallest"], description="Who has the lowest scores, in a plan's words; {} stands for weights or channels.")


class Allocation(Entry):
    """How the units to keep are shared out over the layers. `within`: where units compete, all with all or only with those of their layer."""

    granularities: frozenset[Granularity] = frozenset({"weight", "channel"})
    within: Literal["network", "layer"] = "layer"


class Protocol(Entry):
    """Spec -> steps. `uses`: the fields of RunSpec that it reads besides model, data set and seed; others resolve to nothing. "parent": it is
    made of another run; "start": it may start from another one's final weights instead of drawing its own.
    """

    uses: frozenset[Literal["criterion", "sparsity", "granularity", "allocation", "training", "parent", "start"]]
    short: str = Field(description="Two or three words for a button: 'At the start'.")
    granularities: frozenset[Granularity] = Field(frozenset({"weight", "channel"}), description="What it can remove.")
    criteria: tuple[str, ...] = Field((), description="The criteria that it goes with, the first of them for choice; empty: all that fit.")
    trains_first: bool = Field(
        False, description="Whether it trains before it asks a criterion, which may then read what training recorded."
    )
    page: str = Field(
        "", description="The page that asks for such runs and draws what they found; empty for networks to compare with others."
    )
