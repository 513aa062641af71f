"""The criteria there are to choose from."""

from typing import Literal

from pydantic import Field, field_validator

from ..wording import refuse
from . import papers
from .entry import Criterion, Options

LONGEST_PATTERN = 80


class ScopeOptions(Options):
    """What every criterion ranks."""

    include_bias: bool = Field(False, description="Rank biases too and count them as prunable, as SNIP's published code does.")
    include: tuple[str, ...] = Field((), max_length=64, description="Only parameters whose name matches one of these patterns (* and ?).")
    exclude: tuple[str, ...] = Field((), max_length=64, description="No parameter whose name matches one of these patterns (* and ?).")

    @field_validator("include", "exclude")
    @classmethod
    def are_as_short_as_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Every scoring repeats its options in an event, and events are small."""
        for pattern in value:
            if len(pattern) > LONGEST_PATTERN:
                raise refuse(f"patterns have at most {LONGEST_PATTERN} characters, got one of {len(pattern):,}.")
        return value


class DataOptions(ScopeOptions):
    """What every criterion that looks at data has in common."""

    n_examples: int | Literal["all"] = Field(100, description="Training images that the scores are computed from.")
    scoring_batch: int = Field(
        100, ge=1, le=100_000, description="Images in one pass while scoring; a short last batch weighs by its size."
    )
    classes: tuple[int, ...] = Field((), max_length=1000, description="Only images of these classes; empty: of all.")
    balanced: bool = Field(False, description="Equally many images of each class.")
    source: Literal["train", "validation"] = Field("train", description="The part of the data that the images are drawn from.")
    labels: Literal["true", "shuffled"] = Field("true", description="'shuffled' is the control: right images, labels dealt out at random.")
    bn_mode: Literal["eval", "train"] = Field(
        "eval", description="Batch norm by running statistics (eval) or by those of the batch (train)."
    )
    calibrate_bn: int = Field(0, ge=0, le=10_000, description="Batches in training mode that set the batch norm statistics before scoring.")

    @field_validator("classes")
    @classmethod
    def each_once_in_order(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        """The same classes are the same run; named twice, a class would lend its images twice."""
        return tuple(sorted(set(value)))

    @field_validator("n_examples")
    @classmethod
    def is_a_number_of_images(cls, value: int | str) -> int | str:
        """A bound on the field itself would be put to 'all' too."""
        if isinstance(value, int) and value < 1:
            raise refuse(f"must be at least 1, got {value}.")
        return value


class ScoringOptions(DataOptions):
    """What every criterion that takes the absolute value of a first derivative has in common."""

    reduce: Literal["total", "batch", "sample"] = Field(
        "total", description="Where the absolute value is taken: of the mean over all images, of each batch, or of each image."
    )
    accumulate: Literal["mean", "ema"] = Field("mean", description="How batches are combined: their mean, or a moving average (0.9).")


class RandomOptions(ScopeOptions):
    stay: bool = Field(True, description="Draw once a run and keep the draw in every round, so that rounds give the one-shot mask.")


class MagnitudeOptions(ScopeOptions):
    threshold: Literal["rank", "std"] = Field(
        "rank",
        description="Rank |w| as it is, or in units of its layer's standard deviation (Han et al.: one quality factor for all layers).",
    )


class L2NormOptions(ScopeOptions):
    normalize: Literal["none", "mean", "size"] = Field(
        "none", description="Divide by the layer's mean norm or by the filter's size, to compare layers of different width."
    )


class SnipOptions(ScoringOptions):
    reinit_after: Literal["no", "he", "glorot", "lecun"] = Field(
        "no", description="Train the kept weights from a new draw, as SNIP's published code does."
    )


class IterativeSnipOptions(ScoringOptions):
    resample: bool = Field(True, description="Draw new images in every round; otherwise all rounds look at the same ones.")


class GraspOptions(DataOptions):
    balanced: bool = Field(True, description="Equally many images of each class: 10 of each of ten, in the paper's runs on CIFAR.")
    temperature: float = Field(200.0, gt=0, le=1e6, description="Logits are divided by it before the loss.")
    reinit_linear: bool = Field(
        False, description="Score dense layers at a new Glorot draw, as GraSP's published code does; that draw is not what is trained."
    )
    absolute: bool = Field(
        False, description="Rank the size of the change in gradient flow instead of its sign: keep what changes it most, either way."
    )


class SynflowOptions(ScopeOptions):
    dtype: Literal["float64", "float32"] = Field(
        "float64", description="Numbers to compute in: the flow of a deep network leaves the range of float32."
    )
    reference: bool = Field(
        False, description="Keep the absolute values of biases and of batch norm's shift and mean, as Synaptic-Flow's published code does."
    )


RANDOM = Criterion(
    name="random", title="Random", summary="Keeps weights by lot: the honest baseline.", function="prune_core.criteria.random:score",
    options=RandomOptions, formula=r"s_j \sim U(0, 1)", needs=frozenset(), granularities=frozenset({"weight", "channel"}),
    deviations=("Synaptic-Flow's code draws anew in every round and can revive pruned weights; ours never revives.",),
    oracle="Positions kept over 2,000 seeds are uniform (chi-squared).", family="random",
)  # fmt: skip
MAGNITUDE = Criterion(
    name="magnitude", title="Magnitude", summary="Keeps the weights that are largest in absolute value.",
    function="prune_core.criteria.magnitude:score", options=MagnitudeOptions, formula=r"s_j = |w_j|", papers=(papers.HAN_2015,),
    needs=frozenset({"trained"}), granularities=frozenset({"weight"}),
    deviations=(
        "Han et al. choose a quality factor per layer and take what count comes out; here 'std' ranks |w| / std(layer) and the count is exact.",
    ),
    oracle="torch.nn.utils.prune.global_unstructured gives the same masks.", family="magnitude",
)  # fmt: skip
SNIP = Criterion(
    name="snip", title="SNIP", summary="Keeps the weights whose removal would change the loss of one batch most, before any training.",
    function="prune_core.criteria.snip:score", options=SnipOptions, formula=r"s_j = |w_j \, \partial L / \partial w_j|",
    papers=(papers.LEE_2019,), needs=frozenset({"data", "labels", "gradients"}), granularities=frozenset({"weight"}),
    deviations=(
        "The paper's code scores one random draw and trains another (option: train from a new draw).",
        "The paper's code ranks biases too, which are 0 at the start and all go (option: rank biases).",
    ),
    oracle="Central differences of explicit gates on every weight, in float64.", family="snip",
)  # fmt: skip
L2_NORM = Criterion(
    name="l2_norm", title="Filter norm (L2)", summary="Keeps the channels whose filters have the largest norm.",
    function="prune_core.criteria.l2_norm:score", options=L2NormOptions, formula=r"s_k = \sqrt{\textstyle\sum_{i} W_{k,i}^2}",
    papers=(papers.LI_2017,), needs=frozenset({"trained"}), granularities=frozenset({"channel"}), default_allocation="per_layer",
    deviations=("Biases are not included. Norms of layers with different fan-in are ranked within each layer by default.",),
    oracle="A loop over filters, in Python floats.", family="magnitude",
)  # fmt: skip

ITERATIVE_SNIP = Criterion(
    name="iterative_snip", title="Iterative SNIP", summary="SNIP in many small rounds: what is left is scored anew after each.",
    function="prune_core.criteria.iterative_snip:score", options=IterativeSnipOptions,
    formula=r"s_j = |c_j w_j \, \partial L / \partial w_j (c \odot w)|", papers=(papers.DE_JORGE_2021, papers.LEE_2019), rounds=60,
    needs=frozenset({"data", "labels", "gradients"}), granularities=frozenset({"weight"}),
    deviations=(
        "The published code gives pruned weights the lowest score there is, so that they return where scores tie at it; here they never do.",
        "The published code scores with batch norm in training mode (option: batch norm mode) and keeps every tie at the threshold.",
        "Where one scoring stands by itself (score only, or each round of train, prune, fine-tune) it is SNIP's.",
    ),
    oracle="Central differences of explicit gates in every round, in float64; with one round, SNIP's masks.", family="snip",
)  # fmt: skip
FORCE = Criterion(
    name="force", title="FORCE", summary="SNIP in many small rounds, in which removed weights may return until the last.",
    function="prune_core.criteria.force:score", options=IterativeSnipOptions,
    formula=r"s_j = |w_j \, \partial L / \partial w_j (c \odot w)|", papers=(papers.DE_JORGE_2021,), rounds=60, rehearses=True,
    needs=frozenset({"data", "labels", "gradients"}), granularities=frozenset({"weight"}),
    deviations=(
        "The rounds are rehearsed on a copy and only the last mask is put on, once; after that nothing returns.",
        "The published code scores with batch norm in training mode (option: batch norm mode) and keeps every tie at the threshold.",
        "Weights return in pruning at the start alone; where one scoring stands by itself it is SNIP's.",
    ),
    oracle="Central differences of the loss at the sparse network times the dense weights; scores by hand of a network in which a weight returns.",
    family="snip",
)  # fmt: skip
GRASP = Criterion(
    name="grasp", title="GraSP", summary="Keeps the weights whose removal would weaken the flow of gradients most, before any training.",
    function="prune_core.criteria.grasp:score", options=GraspOptions, formula=r"s_j = w_j \, (H \, \partial L / \partial w)_j",
    papers=(papers.WANG_2020,), needs=frozenset({"data", "labels", "gradients"}), granularities=frozenset({"weight"}), signed=True,
    deviations=(
        "The paper removes from the top of \N{MINUS SIGN}w H g; here the sign is turned, so that a higher score stays as everywhere.",
        "The published code scores dense layers at another draw than is trained (option: re-initialise linear).",
        "The published code scores in training mode (option: batch norm mode), in two halves of disjoint classes, and removes one weight less.",
    ),
    oracle="An explicit Hessian in float64, and the gradient norm of the network without the weight.", family="grasp",
)  # fmt: skip
SYNFLOW = Criterion(
    name="synflow", title="SynFlow", summary="Keeps the weights that most flow from input to output passes through; looks at no data.",
    function="prune_core.criteria.synflow:score", options=SynflowOptions,
    formula=r"s_j = |w_j| \, \partial R / \partial |w_j|, \quad R = \mathbf{1}^\top f_{|w|}(\mathbf{1})", papers=(papers.TANAKA_2020,),
    rounds=100, needs=frozenset({"gradients"}), granularities=frozenset({"weight"}),
    deviations=(
        "The published code computes in float32 (option: dtype), in which the flow of deep networks is not finite.",
        "The published code keeps biases, and batch norm's shift and mean, in absolute value (option: reference); here they are left out, "
        "so that what flows through a layer is the same in all.",
        "The published code removes every tie at the threshold; here the count is exact.",
    ),
    oracle="Every path of a small network, one by one; the same total in every layer, and into and out of every unit.", family="synflow",
)  # fmt: skip

CRITERIA = (SNIP, ITERATIVE_SNIP, FORCE, GRASP, SYNFLOW, MAGNITUDE, RANDOM, L2_NORM)
