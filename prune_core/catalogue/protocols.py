"""The protocols there are to choose from."""

from collections.abc import Mapping
from math import ceil
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator

from ..counting import kept
from ..steps import Budget, Cost, Granularity, Target, Value, usual_keep_min
from ..wording import refuse, shown
from . import papers
from .entry import Options, Protocol
from .networks.options import Initialisation

LONGEST_PATTERN = 80
PUBLISHED_EVERY = 100
Schedule = Literal["exponential", "linear", "cubic"]


Measurement = Literal["latency"]
Comparison = Literal["agreement"]


def rate(asked: float | None, usual: float) -> float:
    """A learning rate, the usual one where none was asked for."""
    return usual if asked is None else asked


class TrainingOptions(Options):
    """What every protocol that trains has in common."""

    measure: tuple[Measurement, ...] = Field(
        (), max_length=8, description="Measurements of the final network that only read: latency of a forward pass."
    )


class ChannelOptions(TrainingOptions):
    """What every protocol has in common that removes channels, or takes over that they are removed."""

    later: ClassVar[frozenset[str]] = frozenset({"shared"})
    only: ClassVar[Mapping[str, Granularity]] = {"shared": "channel"}
    shared: bool | None = Field(
        None,
        title="Shared channels",
        description="Remove channels too that several layers write or read, as along a residual network's shortcuts: they go in all of them at once. "
        "Default: only where a network has no others.",
    )


class RemovingOptions(ChannelOptions):
    """What every protocol has in common that decides what goes."""

    later: ClassVar[frozenset[str]] = ChannelOptions.later | {"limits"}
    limits: tuple[str, ...] = Field(
        (), max_length=64, title="Limits of layers",
        description="At most how much of a layer goes, as name=fraction; * and ? stand for any letters. conv1=0 spares the first layer, stage1.*=0.5 leaves "
        "half of every layer of the first stage.",
    )  # fmt: skip

    @field_validator("limits")
    @classmethod
    def are_names_and_fractions(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            name, equals, fraction = text.partition("=")
            try:
                fine = bool(name.strip() and equals and len(text) <= LONGEST_PATTERN and 0 <= float(fraction) <= 1)
            except ValueError:
                fine = False
            if not fine:
                raise refuse(f"must be name=fraction with a fraction between 0 and 1, as conv1=0, got {shown(text)}.")
        return value

    @property
    def most(self) -> dict[str, float]:
        """Pattern of a layer's name -> the fraction of it that may go."""
        parts = (text.partition("=") for text in self.limits)
        return {name.strip(): float(fraction) for name, _, fraction in parts}


class PruningOptions(RemovingOptions):
    """What every protocol that prunes has in common."""

    later: ClassVar[frozenset[str]] = RemovingOptions.later | {"budget", "round_to"}
    only: ClassVar[Mapping[str, Granularity]] = {**RemovingOptions.only, "budget": "channel", "round_to": "channel"}

    target: Target = Field(
        "smallest",
        description="Who goes: the lowest scores (usual), the highest, survivors chosen by lot, or those of each layer from a tenth of its "
        "ranking upwards (decile 0 the lowest, decile 9 the highest tenth, decile 10 the very highest).",
    )
    keep_min: int | None = Field(
        None, ge=0, description="At least so many units stay in every layer. Default: 0 for weights, 1 for channels."
    )
    budget: Budget = Field(
        "units", title="Of what", description="What the removed share is of: the channels, the parameters, the multiply-adds, or the time of a forward pass "
        "of 128 images, measured while it prunes (such a run does not repeat bit for bit).",
    )  # fmt: skip
    round_to: int = Field(
        1,
        ge=1,
        le=64,
        title="Multiples of",
        description="Keep channels in multiples of this, which some devices compute faster; then a few more or fewer go.",
    )
    schedule: Schedule = Field(
        "exponential", description="How rounds share the removal: the same share of what is left each time, equal numbers, or cubic."
    )

    def resolved(self, fields: Mapping[str, Any]) -> Self:
        known: dict[str, Any] = {"keep_min": usual_keep_min(fields["granularity"])} if self.keep_min is None else {}
        return self.model_copy(update=known | ({"schedule": "exponential"} if getattr(self, "rounds", 1) == 1 else {}))


class PruneAtInitOptions(PruningOptions):
    rounds: int | None = Field(
        None,
        ge=1,
        le=1000,
        description="Prune in so many rounds, scoring anew in each, without training between. Default: the criterion's own number.",
    )

    def resolved(self, fields: Mapping[str, Any]) -> Self:
        usual = fields["rounds_of"].get(fields["criterion"], 1)
        known = self.model_copy(update={"rounds": usual}) if self.rounds is None else self
        return super(PruneAtInitOptions, known).resolved(fields)


class IterativeOptions(PruningOptions):
    rounds: int = Field(5, ge=1, le=100, description="Prunings; half of the epochs train before the first, the rest is shared among them.")
    finetune_lr: float | None = Field(None, gt=0, le=100, description="Learning rate after each pruning. Default: a tenth of the first.")

    def resolved(self, fields: Mapping[str, Any]) -> Self:
        return super().resolved(fields).model_copy(update={"finetune_lr": rate(self.finetune_lr, fields["lr"] / 10)})


class PulledOptions(PruningOptions):
    """What protocols have in common that pull structures to 0 while they train, then prune once and fine-tune."""

    finetune: float = Field(
        0.2,
        ge=0,
        lt=1,
        title="Part for fine-tuning",
        description="The part of the epochs that is left for after the pruning; the papers take a fifth.",
    )
    finetune_lr: float | None = Field(None, gt=0, le=100, description="Learning rate after the pruning. Default: a hundredth of the first.")

    def resolved(self, fields: Mapping[str, Any]) -> Self:
        return super().resolved(fields).model_copy(update={"finetune_lr": rate(self.finetune_lr, fields["lr"] / 100)})


class SlimmingOptions(PulledOptions):
    penalty: float = Field(
        1e-4, ge=0, le=1, description="Strength of the L1 penalty on batch norm's scales: 1e-4 for VGG, 1e-5 for ResNets, as published."
    )
    scale: float = Field(
        0.5, gt=0, le=10, title="First scales", description="Where batch norm's scales begin; usually 1, in the paper 0.5."
    )


class StructureOptions(PulledOptions):
    strength: float = Field(0.01, ge=0, le=10, description="How hard the factors are pulled to 0; the released configuration has 0.01.")


class OneAtATimeOptions(RemovingOptions):
    every: int | None = Field(
        None,
        ge=1,
        le=10_000,
        title="Steps between removals",
        description="Training steps between one removal and the next. Default: as many as half of the epochs have room for, at most the published 100.",
    )
    finetune_lr: float | None = Field(
        None, gt=0, le=100, description="Learning rate from the first removal on, constant. Default: a tenth of the first."
    )
    value: Value = Field(
        "delta", title="Goes first",
        description="delta: what raises the loss least. delta_minus_cost: least after beta times what it costs is taken off. delta_over_cost: least for "
        "what it costs. Costs depend on the widths beside a channel and are taken anew after every removal.",
    )  # fmt: skip
    beta: float = Field(
        1.0, ge=0, le=1e6, description="Weight of the cost in delta_minus_cost, which counts as a part of the whole network's."
    )
    cost: Cost = Field(
        "macs",
        description="What a channel costs: multiply-adds, parameters, or time by a model fitted to timings of its layers on the spot.",
    )
    keep_min: int = Field(
        1, ge=0, description="At least so many channels stay in every layer. At 0 a layer may lose all: it then passes zeros on."
    )
    looks: int = Field(
        20, ge=1, le=200, description="How often on the way loss and accuracy are measured before and after a removal, and masks kept."
    )

    def resolved(self, fields: Mapping[str, Any]) -> Self:
        known: dict[str, Any] = {"finetune_lr": rate(self.finetune_lr, fields["lr"] / 10)}
        if self.every is None:
            stretches = fields["channels"] - kept(fields["channels"], fields["sparsity"]) + 1
            room = fields["epochs"] * ceil(fields["training_images"] / (fields["batch_size"] or 1)) // 2
            known["every"] = min(PUBLISHED_EVERY, max(1, room // stretches))
        if self.value != "delta_minus_cost":
            known["beta"] = 1.0
        if self.value == "delta":
            known["cost"] = "macs"
        return self.model_copy(update=known)


class ScoreOptions(Options):
    later: ClassVar[frozenset[str]] = frozenset({"rounds", "measure"})
    criteria: tuple[str, ...] = Field(("snip",), min_length=1, max_length=16, description="Criteria to ask.")
    classes: Literal["each", "all"] = Field("each", description="Score on images of each class by itself, or on all together.")
    batch_sizes: tuple[int, ...] = Field((100,), min_length=1, max_length=16, description="Numbers of images to score on, each by itself.")
    initialisations: tuple[Initialisation, ...] = Field(
        (), max_length=6, description="Initialisations to score at; empty: the model's own."
    )
    labels: Literal["true", "shuffled"] = Field("true", description="'shuffled' is the control: right images, labels dealt out at random.")
    sparsities: tuple[float, ...] = Field(
        tuple(i / 100 for i in range(1, 100)),
        min_length=1,
        max_length=199,
        description="Sparsities at which what would be kept is counted.",
    )
    rounds: Literal["once", "own"] = Field(
        "once",
        description="Ask every criterion once for all sparsities, or those that prune in rounds (SynFlow, iterative SNIP, FORCE) anew for each "
        "sparsity, in their own number of rounds, as a pruning at the start would.",
    )
    measure: tuple[Comparison, ...] = Field(
        (), max_length=1, description="agreement: how many units each two of the criteria would both keep, and how alike they rank them."
    )

    def resolved(self, fields: Mapping[str, Any]) -> Self:
        known: dict[str, Any] = {"initialisations": self.initialisations or (fields["initialisation"],)}
        if all(fields["rounds_of"].get(name, 1) == 1 for name in self.criteria):
            known["rounds"] = "once"
        return self.model_copy(update=known)


ASKED: Mapping[Granularity, tuple[str, ...]] = {
    "weight": ("obd", "fisher", "taylor", "snip", "grasp", "magnitude", "synflow", "random"),
    "channel": ("skeletonization", "mean_activation", "expected_bn", "bn_scale", "l1_norm", "l2_norm", "random"),
}


class JudgeOptions(TrainingOptions):
    unit: Granularity = Field(
        "weight", title="What is taken out", description="Single weights, or channels where the network has groups of them."
    )
    criteria: tuple[str, ...] = Field(
        (),
        max_length=16,
        description="Criteria that predict what each unit is worth; empty: those in use for such units, with random as the control.",
    )
    units: int = Field(
        300, ge=1, le=1000, description="Units that are taken out, each alone: drawn by the run's seed, as many from each layer as it has."
    )
    images: int = Field(1000, ge=1, le=10_000, description="Training images that the true loss is measured on, the same ones every time.")
    n_examples: int | None = Field(
        None, ge=1, le=60_000, title="Scoring images", description="Images that the criteria see. Default: each criterion's own number."
    )
    cut_by: str | None = Field(
        None, description="The criterion that prunes one layer at a time. Default: by magnitude, or by the L2 norm of filters."
    )
    sparsities: tuple[float, ...] = Field(
        tuple(i / 10 for i in range(1, 10)), min_length=1, max_length=99, description="Amounts that each layer alone is pruned by."
    )

    def resolved(self, fields: Mapping[str, Any]) -> Self:
        usual = {"weight": "magnitude", "channel": "l2_norm"}[self.unit]
        able = tuple(name for name in ASKED[self.unit] if name not in fields["unfit"])
        return self.model_copy(update={"criteria": self.criteria or able, "cut_by": self.cut_by or usual})


class MaskControlOptions(ChannelOptions):
    mask: Literal["random", "shuffled", "inverted"] = Field(
        "shuffled",
        description="'random': as many units anywhere; 'shuffled': as many in each layer; 'inverted': exactly those that the parent removed.",
    )


class TrainLongerOptions(ChannelOptions):
    after: int = Field(0, ge=0, le=1_000_000, description="Epochs that the parent has trained: the order of the images goes on from there.")


CUTTING = frozenset({"criterion", "sparsity", "granularity", "allocation", "training", "start"})
ONE_AT_A_TIME = Protocol(
    name="one_at_a_time", title="One channel at a time", short="One by one", trains_first=True, function="prune_core.protocols.one_at_a_time:plan",
    summary="Train the full network, then go on training and remove one channel every few steps.",
    options=OneAtATimeOptions, papers=(papers.THEIS_2018, papers.CROWLEY_2018), uses=frozenset({"criterion", "sparsity", "granularity", "training", "start"}),
    granularities=frozenset({"channel"}),
)  # fmt: skip
SLIMMING = Protocol(
    name="slimming", title="Network slimming", short="By slimming", trains_first=True, function="prune_core.protocols.slimming:plan",
    summary="Train with a penalty on batch norm's scales, prune the channels with the smallest, fine-tune.", options=SlimmingOptions,
    papers=(papers.LIU_2017,), uses=CUTTING, granularities=frozenset({"channel"}), criteria=("bn_scale", "expected_bn"),
)  # fmt: skip
STRUCTURE_SELECTION = Protocol(
    name="structure_selection", title="Sparse structure selection", short="By factors", trains_first=True, options=StructureOptions,
    summary="Train with a factor on every channel that is pulled to 0, prune the channels with the smallest, fine-tune.",
    function="prune_core.protocols.structure_selection:plan", papers=(papers.HUANG_2018,), uses=CUTTING, granularities=frozenset({"channel"}),
    criteria=("structure_scale",),
)  # fmt: skip
DENSE = Protocol(
    name="dense", title="No pruning", short="Not at all", summary="Train the full network: the reference for every other run.",
    function="prune_core.protocols.dense:plan", options=TrainingOptions, uses=frozenset({"training"}),
)  # fmt: skip
PRUNE_AT_INIT = Protocol(
    name="prune_at_init", title="Prune before training", short="At the start", summary="Score and prune the untrained network, then train what is left.",
    function="prune_core.protocols.prune_at_init:plan", options=PruneAtInitOptions, papers=(papers.LEE_2019,),
    uses=CUTTING,
)  # fmt: skip
ITERATIVE = Protocol(
    name="iterative", title="Train, prune, fine-tune", short="In steps", trains_first=True,
    summary="Train the full network, then prune in rounds and train a little after each.",
    function="prune_core.protocols.iterative:plan", options=IterativeOptions, papers=(papers.HAN_2015, papers.ZHU_2017),
    uses=CUTTING,
)  # fmt: skip
SCORE = Protocol(
    name="score", title="Score only", short="Only score", summary="Score the untrained network and count what would be kept; no training.",
    function="prune_core.protocols.score:plan", options=ScoreOptions, papers=(papers.LEE_2019,), uses=frozenset(),
    page="Saliency",
)  # fmt: skip
JUDGE = Protocol(
    name="judge", title="Judge criteria", short="Only judge", trains_first=True, function="prune_core.protocols.judge:plan", options=JudgeOptions,
    summary="Train the full network, or leave it as it was drawn; then take weights out one at a time and prune layers one at a time, and measure.",
    papers=(papers.LEE_2019,), uses=frozenset({"training"}), page="Calibration",
)  # fmt: skip
MASKED = frozenset({"criterion", "sparsity", "granularity", "allocation", "training", "parent"})  # the criterion says whose mask it is
FROM_SCRATCH = Protocol(
    name="from_scratch", title="From scratch", short="From scratch", function="prune_core.protocols.from_scratch:plan",
    summary="The masked network of a finished run, drawn anew and trained with images in an order of its own.",
    options=ChannelOptions, papers=(papers.LIU_2019,), uses=MASKED,
)  # fmt: skip
MASK_CONTROL = Protocol(
    name="mask_control", title="Another mask", short="Another mask", function="prune_core.protocols.mask_control:plan",
    summary="The first weights of a finished run under a mask that is random, shuffled in each layer, or inverted.",
    options=MaskControlOptions, papers=(papers.FRANKLE_2021,), uses=MASKED,
)  # fmt: skip
TRAIN_LONGER = Protocol(
    name="train_longer", title="Train longer", short="Train on", summary="A finished run goes on from its final weights, under its masks.",
    function="prune_core.protocols.train_longer:plan", options=TrainLongerOptions, uses=MASKED,
)  # fmt: skip

PROTOCOLS = (
    PRUNE_AT_INIT,
    ITERATIVE,
    ONE_AT_A_TIME,
    SLIMMING,
    STRUCTURE_SELECTION,
    DENSE,
    SCORE,
    JUDGE,
    FROM_SCRATCH,
    MASK_CONTROL,
    TRAIN_LONGER,
)
