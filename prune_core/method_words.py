"""Catalogue entries in words, for people who want to know how something is computed: the page Methods and reports say the same."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple, get_args, get_origin

from pydantic.fields import FieldInfo

from . import catalogue
from .catalogue import Allocation, Criterion, DataSet, Entry, Model, Protocol
from .catalogue.entry import Paper, Recipe
from .spec_words import ABSENT, title_of, value_of

NEEDS = {
    "data": "training images", "labels": "their labels", "gradients": "one backward pass",
    "per_sample": "the gradient of each image alone", "factors": "a factor on every channel that was trained",
    "curvature": "second derivatives of the loss", "batch_norm": "batch norm behind what it ranks",
    "recorded": "what training records of every weight", "trained": "the weights, best after some training",
}  # fmt: skip
USES = {"training": "trains the network", "criterion": "asks a criterion", "sparsity": "removes a chosen share"}
RANKS = {"network": "all of them together", "layer": "those of each layer by themselves"}
AUGMENTATIONS: Mapping[str, str] = {"shift": "shifted by up to 4 pixels", "mirror": "mirrored"}
MOST_CLASSES = 20
BOUNDS = (("ge", "at least {:,}"), ("gt", "above {:,}"), ("le", "at most {:,}"), ("lt", "below {:,}"))


class Kind(NamedTuple):
    """A table of the catalogue. `title` heads the list, `one` is what a member is called."""

    title: str
    one: str
    entries: Mapping[str, Entry]


class Option(NamedTuple):
    """An option of an entry in words: what it is called, where it stands if nobody chooses, what it may be, what it does."""

    name: str
    title: str
    default: str
    choices: str
    help: str


KINDS = (
    Kind("Criteria", "criterion", catalogue.criteria),
    Kind("Ways of pruning", "way of pruning", catalogue.protocols),
    Kind("Shares of layers", "way of sharing", catalogue.allocations),
    Kind("Networks", "network", catalogue.models),
    Kind("Data sets", "data set", catalogue.datasets),
)


def addresses() -> dict[str, Entry]:
    """Every entry by what the page Methods is asked for: its name, behind its kind where an earlier kind has one of that name."""
    found: dict[str, Entry] = {}
    for kind in KINDS:
        found |= {f"{kind.one.replace(' ', '-')}-{name}" if name in found else name: entry for name, entry in kind.entries.items()}
    return found


def kind_of(entry: Entry) -> Kind:
    return next(kind for kind in KINDS if kind.entries.get(entry.name) is entry)


def needs(criterion: Criterion) -> str:
    """What a criterion has to be given, in plain words."""
    found = [words for need, words in NEEDS.items() if need in criterion.needs]
    return listed(found) if found else "nothing but the network"


def removes(entry: Criterion | Allocation) -> str:
    return listed([f"{'single ' if g == 'weight' else 'whole '}{g}s" for g in ("weight", "channel") if g in entry.granularities])


def reads(protocol: Protocol) -> str:
    """What a protocol does with a run's settings, in plain words."""
    if "parent" in protocol.uses:
        return "starts from a finished run: its network, data, criterion and amount removed stand"
    if protocol.page and "training" in protocol.uses:
        return "trains the network if asked to, then measures and asks criteria; removes nothing"
    return listed([words for use, words in USES.items() if use in protocol.uses]) or "asks criteria for scores and changes nothing"


def facts(entry: Entry) -> list[tuple[str, str]]:
    """What there is to know of an entry beside its formula: names and what they stand for."""
    found: list[tuple[str, str]] = []
    match entry:
        case Criterion():
            found = [("Needs", needs(entry)), ("Removes", removes(entry)),
                     ("Shared out by", value_of("allocation", entry.default_allocation).lower() + ", if nobody chooses")]  # fmt: skip
        case Allocation():
            found = [("Shares out", removes(entry)), ("Ranks", RANKS[entry.within])]
        case Protocol():
            found = [("What it does", reads(entry))]
        case Model():
            found = [("Takes", f"images of {shape(entry.input_shape)}, {entry.classes} classes"),
                     ("Parameters", f"{entry.parameters:,}, of them {entry.weights:,} prunable weights"),
                     ("Work", f"{entry.macs:,} multiply-adds an image")]  # fmt: skip
            found += (
                [("Channels", f"{entry.channels} in {len(entry.channel_groups)} groups that can be pruned")] if entry.channel_groups else []
            )
            found += [(f"Recipe on {value_of('dataset', name)}", recipe(r)) for name, r in entry.recipes.items()]
        case DataSet():
            found = [("Images", f"{entry.train:,} to train on, {entry.validation:,} to validate, {entry.test:,} to test"),
                     ("Of a class", f"{balance(entry)} to train on"),
                     ("Size", f"{shape(entry.shape)}, {classes(entry)}"),
                     ("Standardised", f"mean {spaced(entry.mean)}, standard deviation {spaced(entry.std)}"),
                     ("Recipe", recipe(entry.recipe)), ("Augmentation", augmentation(entry)), ("Licence", entry.licence),
                     ("Download", download(entry))]  # fmt: skip
    return [*found, ("On the command line", entry.name)]


def recipe(found: Recipe) -> str:
    """How a network is trained, on one line; what is not said is left out."""
    told = {name: value for name in Recipe.model_fields if (value := getattr(found, name)) is not None and name != "augment"}
    said = [f"{title_of(name).lower() if name != 'optimizer' else 'by'} {value_of(name, value)}" for name, value in told.items()]
    return ", ".join([*said, *(["images augmented"] if found.augment else [])])


def classes(entry: DataSet) -> str:
    """How many classes and which; of a long list its ends."""
    names = ", ".join(entry.classes) if len(entry.classes) <= MOST_CLASSES else f"from {entry.classes[0]} to {entry.classes[-1]}"
    return f"{len(entry.classes)} classes: {names}"


def balance(entry: DataSet) -> str:
    """Training images of the rarest and the most frequent class."""
    least, most = min(entry.balance.train), max(entry.balance.train)
    return f"{'' if entry.balance.exact else 'about '}{least:,}{f' to {most:,}' if most > least else ''}"


def about_images(entry: DataSet) -> str:
    """A data set in a line for a form: how many images, how evenly spread over classes, under which licence, what to beware of."""
    parts = f"{entry.train:,} images to train on, {entry.validation:,} to validate, {entry.test:,} to test"
    return " ".join(filter(None, (f"{parts}; {balance(entry)} training images a class.", entry.caution, f"Licence: {entry.licence}.")))


def augmentation(entry: DataSet) -> str:
    """What may be done to its training images by chance, and whether it is if nobody chooses."""
    if not entry.augmentation:
        return "none"
    usual = "if nobody chooses" if entry.recipe.augment else "if asked for"
    return f"{listed([AUGMENTATIONS[each] for each in entry.augmentation])}, {usual}"


def download(entry: DataSet) -> str:
    """Where its files come from."""
    if not entry.files:
        return "none: it comes with the software"
    if entry.downloads:
        return f"{entry.download_bytes / 1e6:.0f} MB, once"
    return f"none: {listed([file.path for file in entry.files])} has to be put into the data folder"


def paper(found: Paper) -> str:
    """A reference as people write it."""
    return f"{found.authors}: {found.title}. {f'{found.venue} ' if found.venue else ''}{found.year}."


def options(entry: Entry) -> list[Option]:
    """Every option of an entry."""
    return [
        Option(name, title_of(name, info), default_of(name, info), choices(info), info.description or "")
        for name, info in entry.options.model_fields.items()
    ]


def default_of(name: str, info: FieldInfo) -> str:
    value = info.get_default(call_default_factory=True)
    return "follows from the rest" if value is None else value_of(name, value)


def choices(info: FieldInfo) -> str:
    """What a field may be: its values, or its kind and range."""
    found = list(dict.fromkeys(words for kind in members(info.annotation) for words in kinds(kind)))
    bounds = [text.format(limit) for m in info.metadata for name, text in BOUNDS if (limit := getattr(m, name, None)) is not None]
    return ", ".join([" or ".join(found) if len(found) < 3 else ", ".join(found), *bounds])


def members(annotation: Any) -> Iterable[Any]:
    """The types of a union, one after the other, without None."""
    inner = get_args(annotation)
    if get_origin(annotation) in (Literal, tuple) or not inner:
        return (annotation,)
    return tuple(kind for each in inner if each is not type(None) for kind in members(each))


def kinds(kind: Any) -> tuple[str, ...]:
    if get_origin(kind) is Literal:
        return tuple(value_of("", value) for value in get_args(kind))
    if get_origin(kind) is tuple:
        inner = [words for each in get_args(kind) if each is not Ellipsis for words in kinds(each)]
        return (f"any of {', '.join(inner)}" if len(inner) > 1 else f"a list of {PLURALS[inner[0]]}" if inner[0] in PLURALS else inner[0],)
    return (NAMES_OF_TYPES.get(kind, getattr(kind, "__name__", ABSENT)),)


NAMES_OF_TYPES = {int: "a whole number", float: "a number", str: "text", bool: "yes or no"}
PLURALS = {"a whole number": "whole numbers", "a number": "numbers", "text": "texts"}


def shape(found: tuple[int, ...]) -> str:
    """(1, 28, 28) -> "28 × 28 pixels, 1 channel"."""
    channels, *size = found
    return f"{' × '.join(map(str, size))} pixels in {'grey' if channels == 1 else f'{channels} colours'}"


def spaced(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.4g}" for value in values)


def listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""
