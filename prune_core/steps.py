"""The kinds of step that a plan is made of, as data: previewed, costed, carried out, resumed and shown from the same list.

Points in training are epochs as real numbers, counted from the start of the run.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

Granularity = Literal["weight", "channel"]
Decile = Literal[
    "decile_0", "decile_1", "decile_2", "decile_3", "decile_4", "decile_5", "decile_6", "decile_7", "decile_8", "decile_9", "decile_10"
]
Target = Literal["smallest", "largest", "random", Decile]
DECILES: Mapping[str, int] = {target: j for j, target in enumerate(get_args(Decile))}
WHICH: Mapping[str, str] = {
    "smallest": "lowest-scored {}", "largest": "highest-scored {}", "random": "randomly chosen {}",
    **{target: f"{{}} from decile D{j} of each layer upwards" for target, j in DECILES.items()}, "decile_10": "highest-scored {} of each layer",
}  # fmt: skip
Budget = Literal["units", "parameters", "macs", "latency"]
OF: Mapping[str, str] = {"parameters": "of the parameters", "macs": "of the multiply-adds", "latency": "of the time of a forward pass"}
Value = Literal["delta", "delta_minus_cost", "delta_over_cost"]
Cost = Literal["macs", "parameters", "latency"]
LOWEST: Mapping[str, str] = {
    "delta": "lowest score", "delta_minus_cost": "lowest score less its share of {cost}", "delta_over_cost": "lowest score for its share of {cost}",
}  # fmt: skip
COSTS: Mapping[str, str] = {"macs": "multiply-adds", "parameters": "parameters", "latency": "time"}
Part = Literal["train", "validation", "test"]
MEASURED: Mapping[str, str] = {
    "removal": "Take {count:,} {unit}s of {layer} out, each alone, and measure the loss on {images:,} training images",
    "runtime": "Time the layers at other widths, and fit a model of what a channel takes",
    "prediction": "Ask {criterion} what each of these {unit}s is worth",
    "sensitivity": "Prune {layer} alone by {criterion}, by several amounts, and measure on the validation images",
}


def usual_keep_min(granularity: Granularity) -> int:
    """Units that stay in every layer where nothing is said: of weights a layer may lose all, as published algorithms do, of channels one stays."""
    return int(granularity == "channel")


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Initialise(Frozen):
    """Draw every weight; batch norm's scales begin at `scale`. `purpose` and `index` name the random stream: a re-initialisation never
    repeats the first draw.
    """

    kind: Literal["initialise"] = "initialise"
    initialisation: str
    purpose: Literal["initialise", "reinitialise"] = "initialise"
    index: int | None = None
    scale: float = 1.0

    @property
    def words(self) -> str:
        again = "again " if self.purpose == "reinitialise" else ""
        return f"Draw all weights {again}({self.initialisation} initialisation)"


class Prune(Frozen):
    """Remove units by the last scores until exactly `sparsity` of all prunable ones is gone.

    `budget`: what the sparsity is of: of the units themselves, or of what channels cost. `round_to`: every group keeps a multiple of it, near what it
    would have kept.

    `target`: who goes. `decile_j`: within each layer, its survivors ascending from rank floor(j n / 10) upwards; `decile_10` its highest.
    `limits`: of layers whose name matches a pattern at most this fraction goes. `adjusts`: the criterion of these scores then gives what is left new
    values.
    """

    kind: Literal["prune"] = "prune"
    sparsity: float
    granularity: Granularity = "weight"
    allocation: str = "global"
    allocation_options: dict[str, Any] = Field(default_factory=dict)
    target: Target = "smallest"
    keep_min: int = 0
    limits: dict[str, float] = Field(default_factory=dict)
    budget: Budget = "units"
    round_to: int = 1
    round: int = 0
    adjusts: bool = False

    @property
    def words(self) -> str:
        then = ", and adjust what is left" if self.adjusts else ""
        gone = f"{percent(self.sparsity)} {OF[self.budget]}" if self.budget in OF else percent(self.sparsity)
        return f"Remove the {WHICH[self.target].format(f'{self.granularity}s')}, {gone} gone in all{then}"


class Score(Frozen):
    """Ask a criterion for a score of every weight (or channel) that is left.

    `sparsities`: not for pruning but for looking: count for each of them what would be kept, per input pixel and layer.
    `rehearsals`: prunings tried one after another before the scores that count, each by scores of what the one before it left; none is put on.
    `lasting`: what a rehearsal takes away stays away in those after it; else it has a score again and may return.
    `held`: the scores are held for the measurement that compares them.
    """

    kind: Literal["score"] = "score"
    criterion: str
    options: dict[str, Any] = Field(default_factory=dict)
    granularity: Granularity = "weight"
    round: int = 0
    sparsities: tuple[float, ...] = ()
    rehearsals: tuple[Prune, ...] = ()
    lasting: bool = False
    held: bool = False

    @property
    def scorings(self) -> int:
        """How often the criterion is asked."""
        return len(self.rehearsals) + 1

    @property
    def words(self) -> str:
        n, classes = self.options.get("n_examples"), self.options.get("classes")
        images = "" if n is None else f" on {n:,} images" if isinstance(n, int) else " on all images"
        only = f" of class {', '.join(map(str, classes))}" if classes else ""
        labels = " with shuffled labels" if self.options.get("labels") == "shuffled" else ""
        between = f"removing {self.granularity}s" if self.lasting else "with weights returning"
        times = f", {self.scorings:,} times, {between} between" if self.rehearsals else ""
        return f"Score every {self.granularity} by {self.criterion}{images}{only}{labels}{times}"


class Inherit(Frozen):
    """Take over the masks of the parent, or its final weights with them, or what its weights are worth on other images (`start`): then the output layer stays
    as it was drawn where the classes are others.

    `control` puts another mask in their place: as many units anywhere (`random`), as many in each layer (`shuffled`), or the others (`inverted`).
    """

    kind: Literal["inherit"] = "inherit"
    what: Literal["masks", "weights", "start"] = "masks"
    control: Literal["none", "random", "shuffled", "inverted"] = "none"
    granularity: Granularity = "weight"

    @property
    def words(self) -> str:
        if self.what == "start":
            return "Start from the final weights of the finished run"
        if self.what == "weights":
            return "Take over the final weights and masks of the finished run"
        which = {
            "none": "the masks of the finished run", "random": "a random mask with as many left as in the finished run",
            "shuffled": "the masks of the finished run, shuffled in each layer", "inverted": "the masks of the finished run, inverted",
        }[self.control]  # fmt: skip
        return f"Put on {which}"


class Remove(Frozen):
    """Remove one channel: that of the lowest score s, or of the lowest s - beta C or s / C, where C is what the channel costs at present widths.

    C is a part of what the whole network costs. `number` of `of` such removals, after which `sparsity` of all channels is gone. `looks`: the network is
    measured before and after.
    """

    kind: Literal["remove"] = "remove"
    number: int
    of: int
    sparsity: float
    value: Value = "delta"
    beta: float = 0.0
    cost: Cost = "macs"
    keep_min: int = 1
    limits: dict[str, float] = Field(default_factory=dict)
    looks: bool = False

    @property
    def words(self) -> str:
        return f"Remove the channel of the {self.lowest}, {self.number:,} of {self.of:,}"

    @property
    def lowest(self) -> str:
        """What is lowest, in words."""
        return LOWEST[self.value].format(cost=COSTS[self.cost])


class Shrink(Frozen):
    """Take removed channels out of the network: from here on it is an ordinary smaller one, proven to compute the same."""

    kind: Literal["shrink"] = "shrink"

    @property
    def words(self) -> str:
        return "Take the removed channels out: what is left is an ordinary smaller network"


class Train(Frozen):
    """Train from epoch `start` to epoch `until`; the learning rate falls to a tenth at every milestone (epochs of the run).

    `order` names the random stream that shuffles the images, `order_from` its index at the run's first epoch. `gathers`: Fisher's score of every
    channel is gathered on the way, for the removal that follows. `looks`: the network is measured at the end, and not only every epoch.
    `penalty`: strength of an L1 penalty on batch norm's scales. `factors`: strength of one on a factor of its own for every channel.
    """

    kind: Literal["train"] = "train"
    start: float
    until: float
    lr: float
    milestones: tuple[float, ...] = ()
    order: Literal["order", "reorder"] = "order"
    order_from: int = 0
    gathers: bool = False
    looks: bool = True
    penalty: float = 0.0
    factors: float = 0.0

    @property
    def words(self) -> str:
        n = self.until - self.start
        pulled = f", batch norm's scales pulled to 0 by {self.penalty:g}" if self.penalty else ""
        pulled = f", with a factor on every channel that is pulled to 0 by {self.factors:g}" if self.factors else pulled
        return f"Train {n:.4g} {'epoch' if n == 1 else 'epochs'} at learning rate {self.lr:g}{pulled}"


class Evaluate(Frozen):
    """Measure loss and accuracy on a whole part of the data."""

    kind: Literal["evaluate"] = "evaluate"
    part: Part = "test"

    @property
    def words(self) -> str:
        return f"Measure on the {self.part} images, save the weights" if self.part == "test" else f"Measure on the {self.part} images"


class Measure(Frozen):
    """A measurement that only reads: it never changes the run. `what` names it, `options` are its own."""

    kind: Literal["measure"] = "measure"
    what: str
    options: dict[str, Any] = Field(default_factory=dict)

    @property
    def words(self) -> str:
        return MEASURED.get(self.what, "Measure {what}").format(what=self.what, **self.options)


Step = Annotated[Initialise | Inherit | Score | Prune | Remove | Shrink | Train | Evaluate | Measure, Field(discriminator="kind")]
STEPS: TypeAdapter[tuple[Step, ...]] = TypeAdapter(tuple[Step, ...])


def percent(fraction: float) -> str:
    """A fraction as people write it: 0.95 -> "95 %", 0.9375 -> "93.8 %"; never "100 %" for less: 0.9995 -> "99.95 %"."""
    digits = next((d for d in range(1, 16) if round(100 * fraction, d) < 100 or fraction >= 1), 16)
    return f"{100 * fraction:.{digits}f}".removesuffix(".0") + " %"
