"""Which fields of a spec go together: a rule a function, each answering with problems in words that name field, value and choices."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal

from . import catalogue
from .catalogue import Criterion, Model
from .catalogue.criteria.options import DataOptions
from .catalogue.protocols import JudgeOptions, OneAtATimeOptions, RemovingOptions
from .catalogue.shrunk import profiled, profiles
from .counting import kept
from .steps import DECILES, Granularity
from .wording import Problem, unknown

if TYPE_CHECKING:
    from .spec import RunSpec

MOST_NAMED = 20  # numbers of a profile that a message repeats
MOST_COUNTS = 6_000  # of an agreement: up to nine characters each


def problems_between(spec: "RunSpec") -> list[Problem]:
    """Everything that is wrong between the fields of a spec each of which is right by itself; classes first, on which the others rely."""
    return class_problems(spec) or profile_problems(spec) or [problem for rule in RULES for problem in rule(spec)]


def class_problems(spec: "RunSpec") -> list[Problem]:
    """Before all others, which ask what the options make of the data set."""
    count = len(catalogue.datasets[spec.dataset].classes)
    if wrong := [c for c in spec.data_options.classes if not 0 <= c < count]:
        return [Problem("dataset_options.classes", f"{spec.dataset} has classes 0 to {count - 1}, got {wrong[0]}.")]
    if len(spec.data_options.classes) == count:
        return [Problem("dataset_options.classes", f"these are all {count} classes of {spec.dataset}. Leave it out.")]
    there = catalogue.datasets[spec.dataset].asked(spec.data_options.model_copy(update={"images": None})).train
    if (images := spec.data_options.images) is not None and images >= there:
        return [
            Problem(
                "dataset_options.images",
                f"must be below the {there:,} training images of {spec.dataset}, got {images:,}. Leave it out for all.",
            )
        ]
    return []


def profile_problems(spec: "RunSpec") -> list[Problem]:
    """Before the others too: a profile that does not fit builds no network."""
    profile: tuple[int, ...] = getattr(spec.model_options, "profile", ())
    whole = catalogue.models[spec.model].built(spec.model_options.model_copy(update={"profile": ()}), len(spec.dataset_entry.classes))
    if not profile or profiled(whole, profile):
        return []
    choices = " or ".join(f"{len(g)} ({', '.join(f'{each.channels:,}' for each in g[:MOST_NAMED])}{', ...' if len(g) > MOST_NAMED else ''})"
                          for g in dict.fromkeys(profiles(whole)) if g)  # fmt: skip
    return [
        Problem("model_options.profile", f"must be as many numbers as {spec.model} has layers that can lose channels, each at most what it has: {choices}. Got "
                f"{len(profile)}: {', '.join(map(str, profile[:MOST_NAMED]))}{', ...' if len(profile) > MOST_NAMED else ''}.")
    ]  # fmt: skip


def shape_problems(spec: "RunSpec") -> list[Problem]:
    model, data = spec.model_entry, spec.dataset_entry
    if data.shape == model.input_shape:
        return []
    fits = sorted(d.name for d in catalogue.datasets.values() if d.shape == model.input_shape) or ["none yet"]
    return [
        Problem(
            "dataset",
            f"{data.name} has images of {data.shape} and {model.name} takes {model.input_shape}. Data sets that fit: {', '.join(fits)}.",
        )
    ]


def criterion_problems(spec: "RunSpec") -> list[Problem]:
    if "criterion" not in spec.protocol_entry.uses:
        return []
    entry = spec.criterion_entry
    if entry is None and "parent" in spec.protocol_entry.uses:
        return []
    if entry is None:
        return [Problem("criterion", f"{spec.protocol} needs one. Choices: {', '.join(sorted(catalogue.criteria))}.")]
    problems = []
    if spec.granularity is not None and spec.granularity not in entry.granularities:
        problems.append(
            Problem("granularity", f"{entry.name} ranks {' or '.join(sorted(entry.granularities))}s, got '{spec.granularity}'.")
        )
    elif spec.resolved_granularity not in spec.protocol_entry.granularities:
        problems.append(Problem("granularity", f"{spec.protocol} removes channels, got 'weight'."))
    elif spec.resolved_granularity not in entry.granularities:
        able = sorted(c.name for c in catalogue.criteria.values() if "channel" in c.granularities)
        problems.append(
            Problem("criterion", f"{entry.name} ranks weights, and {spec.protocol} removes channels. Choices: {', '.join(able)}.")
        )
    if spec.resolved_granularity == "channel" and not spec.model_entry.channel_groups:
        takes = spec.dataset_entry.shape
        fits = sorted(m.name for m in catalogue.models.values() if m.channel_groups and m.input_shape == takes)
        problems.append(Problem("model", f"{spec.model} has no channels to prune. Models that have: {', '.join(fits)}."))
    goes_with = spec.protocol_entry.criteria
    if goes_with and entry.name not in goes_with:
        problems.append(
            Problem("criterion", f"{spec.protocol} prunes by what it trained for, got {entry.name}. Choices: {', '.join(goes_with)}.")
        )
    if "factors" in entry.needs and entry.name not in goes_with and "parent" not in spec.protocol_entry.uses:
        able = sorted(p.name for p in catalogue.protocols.values() if entry.name in p.criteria)
        problems.append(
            Problem("criterion", f"{entry.name} reads factors, which {spec.protocol} does not train. Protocols that do: {', '.join(able)}.")
        )
    if "batch_norm" in entry.needs and not spec.normalises:
        ranks = sorted(c.name for c in catalogue.criteria.values() if "channel" in c.granularities and "batch_norm" not in c.needs)
        problems.append(Problem("criterion", f"{entry.name} reads batch norm, which {spec.model} has not. Choices: {', '.join(ranks)}."))
    options = spec.criterion_options
    if getattr(options, "per_sample", False) and getattr(options, "bn_mode", None) == "train":
        problems.append(
            Problem(
                "criterion_options.bn_mode",
                f"'train' couples the images of a batch, and {entry.name} asks for the gradient of each alone. Choices: eval.",
            )
        )
    if getattr(options, "reinit_after", "no") != "no" and spec.protocol != "prune_at_init" and spec.parent is None:
        problems.append(Problem("criterion_options.reinit_after", f"{spec.protocol} never draws weights anew. Choices: no."))
    if getattr(options, "adjusts", False) and spec.protocol == "prune_at_init":
        problems.append(
            Problem(
                "criterion",
                f"{entry.name} adjusts what is left to what training had reached, and {spec.protocol} prunes before any. Set protocol to "
                "iterative, or criterion_options.update to none.",
            )
        )
    problems += [
        Problem(f"{field}.{name}", f"says something of {unit}s alone, and {spec.resolved_granularity}s are ranked here. Leave it out.")
        for field, told in (("criterion_options", options), ("protocol_options", spec.protocol_options))
        for name, unit in told.only.items()
        if unit != spec.resolved_granularity and getattr(told, name) != type(told).model_fields[name].default
    ]  # fmt: skip
    wrong = [c for c in getattr(options, "classes", ()) if not 0 <= c < len(spec.dataset_entry.classes)]
    if wrong:
        problems.append(
            Problem("criterion_options.classes", f"{spec.dataset} has classes 0 to {len(spec.dataset_entry.classes) - 1}, got {wrong[0]}.")
        )
    elif (
        isinstance(options, DataOptions)
        and options.n_examples != "all"
        and options.n_examples > (there := options.there(spec.dataset_entry))
    ):
        what = f"the {options.source} images of {spec.dataset}" + (" in these classes" if options.classes else "")
        problems.append(Problem("criterion_options.n_examples", f"must be at most {there:,}, {what}, got {options.n_examples:,}."))
    return problems


def allocation_problems(spec: "RunSpec") -> list[Problem]:
    entry, granularity = spec.allocation_entry, spec.resolved_granularity
    if entry is None:
        return []
    problems = []
    if granularity not in entry.granularities:
        fits = sorted(a.name for a in catalogue.allocations.values() if granularity in a.granularities)
        problems.append(
            Problem("allocation", f"{entry.name} shares out weights, and {granularity}s are pruned here. Choices: {', '.join(fits)}.")
        )
    target = getattr(spec.protocol_options, "target", "smallest")
    if target in DECILES and entry.within == "network":
        fits = sorted(a.name for a in catalogue.allocations.values() if a.within == "layer" and granularity in a.granularities)
        problems.append(
            Problem(
                "protocol_options.target",
                f"{target} is cut within each layer, and allocation {entry.name} ranks over all of them. "
                f"Allocations that fit: {', '.join(fits)}.",
            )
        )
    given, ranked = getattr(spec.allocation_options, "fractions", ()), spec.ranked_layers
    if given and ranked and len(given) != len(ranked):
        problems.append(
            Problem("allocation_options.fractions", f"{spec.model} needs {len(ranked)} ({', '.join(ranked)}), got {len(given)}.")
        )
    return problems


def batch_problems(spec: "RunSpec") -> list[Problem]:
    """Batch norm over single numbers can't standardise one image: no batch that trains it, or scores in training mode, may be so short."""
    if spec.model_entry.least_batch == 1:
        return []
    found, options = [], spec.criterion_options
    if "training" in spec.protocol_entry.uses:
        found.append(("batch_size", spec.resolved().batch_size, spec.dataset_entry.train))
    if isinstance(options, DataOptions) and (options.bn_mode == "train" or options.calibrate_bn):
        found.append(("criterion_options.scoring_batch", options.scoring_batch, options.images(spec.dataset_entry)))
    return [
        Problem(
            field,
            f"{size:,} leaves a last batch of one image of {images:,}, and {spec.model} needs two for batch norm. Choose another.",
        )
        for field, size, images in found
        if size and (size == 1 or images % size == 1)
    ]


def parent_problems(spec: "RunSpec") -> list[Problem]:
    reads = "parent" in spec.protocol_entry.uses
    if reads and spec.parent is None:
        return [Problem("parent", f"{spec.protocol} starts from a finished run: name it by fingerprint, group, event and mask_checksum.")]
    if not reads and "start" not in spec.protocol_entry.uses and spec.parent is not None:
        able = sorted(p.name for p in catalogue.protocols.values() if p.uses & {"parent", "start"})
        return [Problem("parent", f"{spec.protocol} starts from nothing. Protocols that start from another run: {', '.join(able)}.")]
    return []


def score_problems(spec: "RunSpec") -> list[Problem]:
    problems = []
    judging = isinstance(spec.protocol_options, JudgeOptions)
    for name in getattr(spec.protocol_options, "criteria", ()):
        if name not in catalogue.criteria:
            problems.append(Problem("protocol_options.criteria", unknown(name, catalogue.criteria)))
        elif "factors" in catalogue.criteria[name].needs:
            problems.append(Problem("protocol_options.criteria", f"{name} reads factors, which {spec.protocol} does not train."))
        elif why := (without_batch_norm if judging else nothing_to_rank)(catalogue.criteria[name], spec.model_entry):
            problems.append(Problem("protocol_options.criteria", why))
    for s in getattr(spec.protocol_options, "sparsities", ()):
        if not 0 <= s < 1:
            problems.append(Problem("protocol_options.sparsities", f"must be at least 0 and below 1, got {s:g}."))
            break
    for n in getattr(spec.protocol_options, "batch_sizes", ()):
        if not 1 <= n <= spec.dataset_entry.train:
            problems.append(Problem("protocol_options.batch_sizes", f"must be between 1 and {spec.dataset_entry.train:,}, got {n:,}."))
    if not problems and getattr(spec.protocol_options, "measure", ()) == ("agreement",):
        problems += [Problem("protocol_options.measure", why) for why in agreement_problems(spec)]
    return problems


Called = Literal["name", "title"]  # how criterion and network are named in a refusal: as one types them, or as pages do


def nothing_to_rank(criterion: Criterion, model: Model, called: Called = "name") -> str:
    """Why a network has nothing that a criterion could rank, in words; empty where it has."""
    if "weight" not in criterion.granularities and not model.channel_groups:
        return f"{getattr(criterion, called)} ranks channels, and {getattr(model, called)} has none to prune."
    return without_batch_norm(criterion, model, called)


def without_batch_norm(criterion: Criterion, model: Model, called: Called = "name") -> str:
    """That a criterion reads batch norm where a network has none, in words; else empty."""
    if "batch_norm" in criterion.needs and not model.normalises:
        return f"{getattr(criterion, called)} reads batch norm, which {getattr(model, called)} has not."
    return ""


def agreement_problems(spec: "RunSpec") -> list[str]:
    """Why criteria can't be compared as asked, in words."""
    options: Any = spec.protocol_options
    names, problems = options.criteria, []
    if len(set(names)) < max(2, len(names)):
        problems.append(f"agreement compares two criteria or more, each once, got {', '.join(names)}.")
    elif common_granularity(names) is None:
        units = (f"{name} ranks {'weights' if 'weight' in catalogue.criteria[name].granularities else 'channels'}" for name in names)
        problems.append(f"agreement compares criteria that rank the same units: {', '.join(units)}.")
    if options.classes != "all" or len(options.batch_sizes) > 1:
        problems.append("agreement compares criteria that saw the same images: set classes to all, and one of batch_sizes.")
    if options.rounds != "once":
        problems.append("agreement compares scores that were asked for once: set rounds to once.")
    if (n := len(names) * (len(names) - 1) // 2 * len(options.sparsities)) > MOST_COUNTS:
        problems.append(
            f"agreement of {len(names)} criteria at {len(options.sparsities)} sparsities makes {n:,} counts, and at most {MOST_COUNTS:,} "
            "go into one event. Ask for fewer criteria or sparsities."
        )
    return problems


def judge_problems(spec: "RunSpec") -> list[Problem]:
    options = spec.protocol_options
    if not isinstance(options, JudgeOptions):
        return []
    problems, train = list[Problem](), spec.dataset_entry.train
    if options.unit == "channel" and not spec.model_entry.channel_groups:
        fits = sorted(m.name for m in catalogue.models.values() if m.channel_groups)
        problems.append(Problem("model", f"{spec.model} has no channels to take out. Models that have: {', '.join(fits)}."))
    able = sorted(c.name for c in catalogue.criteria.values() if options.unit in c.granularities)
    for field, names in (("criteria", options.criteria), ("cut_by", (options.cut_by,) if options.cut_by else ())):
        problems += [
            Problem(f"protocol_options.{field}", f"{name} ranks no {options.unit}s, which are taken out here. Choices: {', '.join(able)}.")
            for name in names if name in catalogue.criteria and name not in able
        ]  # fmt: skip
    if options.cut_by and options.cut_by not in catalogue.criteria:
        problems.append(Problem("protocol_options.cut_by", unknown(options.cut_by, able)))
    for field in ("images", "n_examples"):
        if (asked := getattr(options, field)) and asked > train:
            problems.append(
                Problem(f"protocol_options.{field}", f"must be at most {train:,}, the training images of {spec.dataset}, got {asked:,}.")
            )
    return problems


def recording_problems(spec: "RunSpec") -> list[Problem]:
    """What training records can be read only after some, and only in the run that trained."""
    protocol, options, known = spec.protocol_entry, spec.protocol_options, catalogue.criteria
    scores = "criterion" in protocol.uses and "parent" not in protocol.uses
    asked = [("criterion", spec.criterion if scores else None), ("protocol_options.cut_by", getattr(options, "cut_by", None))]
    asked += [("protocol_options.criteria", name) for name in getattr(options, "criteria", ())]
    reading = [(field, name) for field, name in asked if name and name in known and "recorded" in known[name].needs]
    if not reading:
        return []
    field, name = reading[0]
    if not protocol.trains_first:
        able = sorted(p.name for p in catalogue.protocols.values() if p.trains_first)
        return [
            Problem(
                field,
                f"{name} reads what training recorded, and {spec.protocol} asks before any. Protocols that train first: {', '.join(able)}.",
            )
        ]
    return [] if spec.epochs else [Problem("epochs", f"must be at least 1 where {name} reads what training recorded, got 0.")]


def augmentation_problems(spec: "RunSpec") -> list[Problem]:
    if not spec.augment or spec.dataset_entry.augmentation:
        return []
    able = ", ".join(sorted(d.name for d in catalogue.datasets.values() if d.augmentation))
    return [Problem("augment", f"{spec.dataset} has no augmentation. Choices: false. Data sets that have: {able}.")]


def label_problems(spec: "RunSpec") -> list[Problem]:
    if spec.data_options.labels != "random" or "training" in spec.protocol_entry.uses:
        return []
    return [Problem("dataset_options.labels", f"{spec.protocol} trains nothing, and scores see true labels. Choices: true.")]


def common_granularity(names: Sequence[str]) -> Granularity | None:
    """What all of the criteria rank, weights before channels; None where they have no unit in common."""
    common = frozenset[Granularity]({"weight", "channel"}).intersection(*(catalogue.criteria[name].granularities for name in names))
    return "weight" if "weight" in common else "channel" if common else None


def limit_problems(spec: "RunSpec") -> list[Problem]:
    """A limit that fits no layer would be forgotten without a word."""
    options = spec.protocol_options
    if not isinstance(options, RemovingOptions):
        return []
    entry, channels = spec.model_entry, spec.resolved_granularity == "channel"
    names = [g.name for g in entry.channel_groups] if channels else [layer.name.removesuffix(".weight") for layer in entry.layers]
    return [
        Problem("protocol_options.limits", f"no layer of {spec.model} is called {pattern}. Choices: {', '.join(names[:MOST_NAMED])}"
                f"{', ...' if len(names) > MOST_NAMED else ''}.")
        for pattern in options.most if not any(fnmatchcase(name, pattern) for name in names)
    ]  # fmt: skip


def removal_problems(spec: "RunSpec") -> list[Problem]:
    """Channels that go one at a time take their steps from the run's epochs."""
    options = spec.protocol_options
    if not isinstance(options, OneAtATimeOptions) or spec.criterion_entry is None:
        return []
    resolved = spec.resolved()
    steps, every = -(-spec.dataset_entry.train // (resolved.batch_size or 1)), int(getattr(resolved.protocol_options, "every", 1))
    gone = spec.model_entry.channels - kept(spec.model_entry.channels, spec.sparsity)
    least = -(-(gone + 1) * every // steps)
    if spec.epochs >= least or not gone:
        return []
    often = "one a step" if every == 1 else f"one every {every:,} steps"
    return [
        Problem("epochs", f"{gone:,} channels go, {often} of {steps:,} in an epoch: at least {least:,} epochs, got {spec.epochs:,}. "
                "Remove fewer, or more often (protocol_options.every).")
    ]  # fmt: skip


RULES = (
    shape_problems, criterion_problems, allocation_problems, score_problems, augmentation_problems, label_problems, judge_problems,
    recording_problems, removal_problems, limit_problems, parent_problems, batch_problems,
)  # fmt: skip
