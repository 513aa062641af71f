"""RunSpec: what a run is. Validation in words, JSON, fingerprint."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, ValidationError, field_validator, model_validator

from . import catalogue
from .catalogue import Allocation, Criterion, DataSet, Entry, Model, Options, Protocol
from .catalogue.entry import DataSetOptions
from .spec_rules import problems_between
from .steps import DECILES, OF, Granularity, percent
from .wording import Problem, SpecError, problems_of, refuse, shown, unknown

TABLES: Mapping[str, Mapping[str, Entry]] = {
    "model": catalogue.models, "dataset": catalogue.datasets, "criterion": catalogue.criteria, "protocol": catalogue.protocols,
    "allocation": catalogue.allocations,
}  # fmt: skip
DEFAULTS = {"model": "lenet_300_100", "dataset": "digits", "criterion": "snip", "protocol": "prune_at_init"}
TRAINING = ("optimizer", "lr", "momentum", "weight_decay", "batch_size", "lr_milestones", "augment")
D_FIRST = {target: f"D{j} first" for target, j in DECILES.items()}
BY_SCORE = {"smallest": "lowest scores first", "largest": "highest scores first", "random": "by lot"} | D_FIRST
BY_SIZE = {"smallest": "smallest first", "largest": "largest first", "random": "by lot"} | D_FIRST
BY_COST = {"delta_minus_cost": " less cost", "delta_over_cost": " over cost"}
METHODS = {"from_scratch": "{}, from scratch", "mask_control": "{}, {} mask", "train_longer": "{}, trained on"}
LONGEST_JSON = 1_000_000
NAMED = 3  # criteria that a title names one by one


class Parent(BaseModel):
    """What a run starts from: the fingerprint of another run, the number of one of its events, the checksum of the masks there.

    `group` is the parent's group: the runs that start from five seeds of one run are five seeds of one run themselves.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    fingerprint: str = Field(pattern=r"^[0-9a-f]{64}$")
    group: str = Field(pattern=r"^[0-9a-f]{64}$")
    event: int = Field(ge=0)
    mask_checksum: str = Field(pattern=r"^[0-9a-f]{64}$")


class RunSpec(BaseModel):
    """What a run is, in full: two equal specs give the same weights. Frozen; unknown fields are refused.

    Fields left at None take the recipe of the model and data set (`resolved` fills them in).
    Raises SpecError with one line for each problem.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False)

    model: str = Field(DEFAULTS["model"], description="The network.")
    model_options: SerializeAsAny[Options] = Field(default_factory=Options)
    dataset: str = Field(DEFAULTS["dataset"], description="The images it learns.")
    dataset_options: SerializeAsAny[Options] = Field(default_factory=Options)
    criterion: str | None = Field(DEFAULTS["criterion"], description="What decides which weights stay.")
    criterion_options: SerializeAsAny[Options] = Field(default_factory=Options)
    protocol: str = Field(DEFAULTS["protocol"], description="When to prune and when to train.")
    protocol_options: SerializeAsAny[Options] = Field(default_factory=Options)
    sparsity: float = Field(0.9, ge=0, lt=1, description="The fraction of weights (or channels) that is removed.")
    granularity: Granularity | None = Field(
        None, description="Remove single weights or whole channels. Default: weights where the criterion ranks them."
    )
    allocation: str | None = Field(None, description="How what is kept is shared out over the layers. Default: the criterion's.")
    allocation_options: SerializeAsAny[Options] = Field(default_factory=Options)
    epochs: int = Field(10, ge=0, le=10_000, description="All training of the run: passes over the training images.")
    batch_size: int | None = Field(None, ge=1, le=65_536, description="Images in one training step.")
    optimizer: Literal["sgd", "adam"] | None = Field(None, description="SGD with momentum, or Adam.")
    lr: float | None = Field(None, gt=0, le=100, description="Learning rate at the start.")
    momentum: float | None = Field(None, ge=0, lt=1, description="Momentum of SGD; of Adam the first beta.")
    weight_decay: float | None = Field(None, ge=0, le=1, description="Pull of every weight towards zero.")
    lr_milestones: tuple[float, ...] | None = Field(
        None, max_length=32, description="Fractions of a training phase after which the rate falls to a tenth."
    )
    augment: bool | None = Field(
        None,
        description="Change training images by chance, anew in every epoch: shift them by up to 4 pixels and, where the data allow, mirror them.",
    )
    keep_weights: Literal["final", "each"] = Field("final", description="Keep the final weights only, or those before each pruning too.")
    seed: int = Field(0, ge=0, lt=2**63, description="Names every use of chance: the same seed repeats the run bit for bit.")
    device: str = Field("auto", description="Where it computes: auto, cpu, cuda or cuda:N.")
    parent: Parent | None = Field(None, description="The run that this one starts from.")

    @model_validator(mode="wrap")
    @classmethod
    def options_fit_their_entries(cls, data: Any, handler: Any) -> Self:
        """Turn every `..._options` object into the options model of the entry that was chosen."""
        if isinstance(data, cls):
            return data
        if not isinstance(data, dict):
            raise SpecError([Problem("spec", f"must be an object of fields and values, got {shown(data)}.")])
        data, problems = dict(data), []
        protocol = data.get("protocol")
        if (
            "criterion" not in data
            and isinstance(protocol, str)
            and protocol in catalogue.protocols
            and catalogue.protocols[protocol].criteria
        ):
            data["criterion"] = catalogue.protocols[protocol].criteria[0]
        for field, table in TABLES.items():
            name = data.get(field, DEFAULTS.get(field))
            if name is None and isinstance(data.get(f"{field}_options"), dict) and data.pop(f"{field}_options"):
                problems.append(
                    Problem(f"{field}_options", f"belong to a named {field}, and none is named. Choices: {', '.join(sorted(table))}.")
                )
            if not isinstance(name, str) or name not in table:
                continue
            options = data.pop(f"{field}_options", None)
            if options is None or type(options) is Options:
                options = {}
            try:
                data[f"{field}_options"] = table[name].options.model_validate(
                    options.model_dump() if isinstance(options, BaseModel) else options
                )
            except ValidationError as error:
                problems += problems_of(error, table[name].options.model_fields, f"{field}_options.")
        try:
            spec: Self = handler(data)
        except ValidationError as error:
            raise SpecError(problems_of(error, cls.model_fields) + problems) from None
        except SpecError as error:
            raise SpecError([*error.problems, *problems]) from None
        if problems:
            raise SpecError(problems)
        return spec

    @field_validator("model", "dataset", "criterion", "protocol", "allocation")
    @classmethod
    def is_in_the_catalogue(cls, name: str | None, info: Any) -> str | None:
        if name is not None and name not in TABLES[info.field_name]:
            raise refuse(unknown(name, TABLES[info.field_name]))
        return name

    @field_validator("device")
    @classmethod
    def is_a_device(cls, value: str) -> str:
        if not re.fullmatch("auto|cpu|cuda|cuda:[0-9]{1,2}", value):
            raise refuse(f"there is no {shown(value)}. Choices: auto, cpu, cuda, cuda:0 and so on.")
        return value

    @field_validator("sparsity", mode="before")
    @classmethod
    def is_a_fraction(cls, value: Any) -> Any:
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            return value
        if isinstance(value, bool) or not 0 <= number < 1:
            raise refuse(f"must be at least 0 and below 1, got {shown(value)}.")
        return value

    @field_validator("lr_milestones")
    @classmethod
    def are_rising_fractions(cls, value: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if value is not None and not (all(0 < v < 1 for v in value) and list(value) == sorted(set(value))):
            raise refuse(f"must be rising fractions between 0 and 1, got {shown(list(value))}.")
        return value

    @model_validator(mode="after")
    def fits_together(self) -> Self:
        if wrong := problems_between(self):
            raise SpecError(wrong)
        return self

    @property
    def ranked_layers(self) -> tuple[str, ...]:
        """Titles of the layers whose units are ranked, in the order of the network; none where patterns choose them by parameter."""
        if self.resolved_granularity == "channel":
            return tuple(group.title for group in self.model_entry.channel_groups)
        if any(getattr(self.criterion_options, name, None) for name in ("include_bias", "include", "exclude")):
            return ()
        return tuple(layer.title for layer in self.model_entry.layers)

    @property
    def normalises(self) -> bool:
        """Whether batch norm stands behind every layer that can lose channels."""
        return self.model_entry.normalises

    @property
    def model_entry(self) -> Model:
        """The network as this run builds it, with the channel groups that it may remove."""
        network = catalogue.models[self.model].built(self.model_options, len(self.dataset_entry.classes))
        return network.removing(getattr(self.protocol_options, "shared", None))

    @property
    def network(self) -> str:
        """The network by name, with its size where that is not the usual one: "vgg_16 at half of its channels". What compares runs goes by it."""
        return f"{self.model} {self.model_options.size}".strip()

    @property
    def whole(self) -> "RunSpec":
        """The same run on the full network, where this one's has channels of its own."""
        if not getattr(self.model_options, "profile", ()):
            return self
        return self.model_copy(update={"model_options": self.model_options.model_copy(update={"profile": (), "family": ""})})

    @property
    def dataset_entry(self) -> DataSet:
        """The data set as this run learns it."""
        return catalogue.datasets[self.dataset].asked(self.data_options)

    @property
    def data_options(self) -> DataSetOptions:
        assert isinstance(self.dataset_options, DataSetOptions)
        return self.dataset_options

    @property
    def data(self) -> str:
        """The data set by name, with what its options make of it: "mnist with random labels". What compares runs goes by it."""
        return f"{self.dataset} {self.data_options.words}".strip()

    @property
    def criterion_entry(self) -> Criterion | None:
        return None if self.criterion is None else catalogue.criteria[self.criterion]

    @property
    def allocation_entry(self) -> Allocation | None:
        """How units are shared out, the criterion's own way where nothing is said; None where nothing is pruned by scores."""
        criterion = self.criterion_entry
        if criterion is None or "allocation" not in self.protocol_entry.uses:
            return None
        return catalogue.allocations[self.allocation or criterion.default_allocation]

    @property
    def protocol_entry(self) -> Protocol:
        return catalogue.protocols[self.protocol]

    @property
    def resolved_granularity(self) -> Granularity:
        """Weights where the criterion ranks them and the protocol removes them, else channels."""
        if self.granularity is not None:
            return self.granularity
        ranks = frozenset({"weight"}) if self.criterion_entry is None else self.criterion_entry.granularities
        return "weight" if "weight" in ranks & self.protocol_entry.granularities else "channel"

    def resolved(self) -> "RunSpec":
        """The same run with nothing left open: recipe filled in, and what its protocol doesn't read set to nothing."""
        recipe = {
            field: next(
                (
                    v
                    for r in (self.model_entry.recipes.get(self.dataset), self.dataset_entry.recipe)
                    if r and (v := getattr(r, field)) is not None
                ),
                None,
            )
            for field in TRAINING
        }
        if self.optimizer == "adam" and recipe["optimizer"] != "adam":
            recipe |= {"lr": 1e-3, "weight_decay": 0.0, "lr_milestones": ()}
        uses, entry = self.protocol_entry.uses, self.criterion_entry
        known: dict[str, Any] = {field: getattr(self, field) if getattr(self, field) is not None else recipe[field] for field in TRAINING}
        if "training" not in uses:
            known |= dict.fromkeys(TRAINING) | {"epochs": 0}
        if "criterion" not in uses or entry is None:
            known |= {"criterion": None, "criterion_options": Options(), "sparsity": 0.0, "granularity": None, "allocation": None}
            known |= {"allocation_options": Options()}
        else:
            known |= {"granularity": self.resolved_granularity, "allocation": self.allocation or entry.default_allocation}
        if "sparsity" not in uses:
            known |= {"keep_weights": "final"}
        around = {**dict(self), **known, "initialisation": self.initialisation}
        around["unfit"] = {name for name, c in catalogue.criteria.items() if "batch_norm" in c.needs and not self.normalises}
        around |= {"channels": self.model_entry.channels, "training_images": self.dataset_entry.train}
        around["rounds_of"] = {name: criterion.rounds for name, criterion in catalogue.criteria.items()}
        known |= {"protocol_options": self.protocol_options.resolved(around)}
        return self.model_copy(update=known)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the resolved spec's canonical JSON, without the device (hexadecimal)."""
        return self._digest(exclude={"device"})

    @property
    def group(self) -> str:
        """The fingerprint without any seed, the parent's neither: runs of one group differ by chance alone."""
        return self._digest(exclude={"device": True, "seed": True, "parent": {"fingerprint", "mask_checksum"}})

    def _digest(self, exclude: Any) -> str:
        spec = self.resolved()
        data = spec.model_dump(mode="json", exclude=exclude)
        if not data["allocation_options"]:
            del data["allocation_options"]  # fingerprints from before there was any allocation with options stay
        for field, options in spec:
            for name in options.later if isinstance(options, Options) else ():
                if getattr(options, name) == type(options).model_fields[name].default:
                    del data[field][name]
        return hashlib.sha256(json.dumps(data, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    @classmethod
    def read(cls, data: str | bytes | Mapping[str, Any]) -> Self:
        """A spec from JSON text or a mapping with dotted keys allowed ("criterion_options.n_examples"). Raises SpecError, a line a problem."""
        if isinstance(data, str | bytes):
            if len(data) > LONGEST_JSON:
                raise SpecError([Problem("spec", f"is too long: at most {LONGEST_JSON:,} characters are read, got {shown(data)}.")])
            try:
                data = json.loads(data)
            except (ValueError, RecursionError) as error:
                raise SpecError([Problem("spec", f"is not valid JSON: {error}.")]) from None
        return cls.model_validate(nested(data) if isinstance(data, Mapping) else data)

    @property
    def is_made_of_another(self) -> bool:
        """Whether it says something of a finished run: a twin, or more training of it. Not where it only starts from another's weights."""
        return self.parent is not None and "parent" in self.protocol_entry.uses

    @property
    def initialisation(self) -> str:
        """How the first weights are drawn: an option of every model."""
        return str(self.model_options.initialisation)  # type: ignore[attr-defined]

    @property
    def title(self) -> str:
        """The run in words: "SNIP 95 % · LeNet-300-100 · MNIST · seed 0"."""
        return " · ".join((self.method, self.model_entry.title, self.dataset_entry.title, f"seed {self.seed}"))

    @property
    def method(self) -> str:
        """What is done to the network, in words: "Magnitude, in steps to 97 %"."""
        entry = self.criterion_entry
        if self.protocol == "score":
            options: Any = self.protocol_options
            names = ", ".join(catalogue.criteria[c].title for c in options.criteria)
            names = names if len(options.criteria) <= NAMED else f"{len(options.criteria)} criteria's"
            of = " by class" if options.classes == "each" else " by number of images" if len(options.batch_sizes) > 1 else ""
            rounds = " in rounds" if options.rounds == "own" else ""
            starts = f", {len(options.initialisations)} initialisations" if len(options.initialisations) > 1 else ""
            return f"{names} scores{of}{rounds}{starts}" + (", shuffled labels" if options.labels == "shuffled" else "")
        if self.protocol == "judge":
            trained = f"{self.epochs:,} {'epoch' if self.epochs == 1 else 'epochs'}"
            return f"Criteria judged, {trained}" if self.epochs else "Criteria judged before training"
        if "criterion" not in self.protocol_entry.uses or entry is None:
            whole = getattr(self.model_options, "family", "") or "Dense"
            return f"{whole}, trained on" if self.protocol == "train_longer" else whole
        how = METHODS.get(self.protocol, "{}")
        if self.protocol == "mask_control":
            how = how.format("{}", getattr(self.protocol_options, "mask", ""))
        unit = " of channels" if self.resolved_granularity == "channel" else ""
        budget = OF.get(getattr(self.protocol_options, "budget", ""), "")
        amount = percent(self.sparsity) + (f" {budget}" if budget else unit)
        unusual = f", {self.who_goes}" if getattr(self.protocol_options, "target", "smallest") != "smallest" else ""
        if self.protocol == "iterative":
            return f"{entry.title}, in steps to {amount}{unusual}"
        if self.protocol == "one_at_a_time":
            value = BY_COST.get(getattr(self.protocol_options, "value", ""), "")
            return f"{entry.title}{value}, one at a time to {amount}"
        if self.protocol_entry.criteria:
            return f"{self.protocol_entry.title} {amount}{unusual}"
        return how.format(f"{entry.title} {amount}{unusual}")

    @property
    def short_method(self) -> str:
        """Criterion and amount alone: "SNIP 95 %"."""
        return f"{self.criterion_entry.title} {percent(self.sparsity)}" if self.criterion_entry else self.method

    @property
    def who_goes(self) -> str:
        """Which units a pruning removes, in words: "smallest first", "by lot"; empty where nothing says so."""
        by = BY_SIZE if self.criterion_entry and self.criterion_entry.family == "magnitude" else BY_SCORE
        return by.get(getattr(self.protocol_options, "target", ""), "")


def nested(data: Mapping[str, Any]) -> dict[str, Any]:
    """{"a.b": 1, "c": 2} -> {"a": {"b": 1}, "c": 2}; one dot at most, as options have no options."""
    result: dict[str, Any] = {}
    for key, value in data.items():
        if isinstance(key, str) and (match := re.fullmatch(r"(\w+_options)\.(\w+)", key)):
            inner = result.setdefault(match[1], {})
            if isinstance(inner, dict):
                result[match[1]] = inner | {match[2]: value}
        else:
            result[key] = value if not isinstance(result.get(key), dict) or not isinstance(value, Mapping) else {**value, **result[key]}
    return result
