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

    @property
    def draws_once(self) -> bool:
        """Whether chance is drawn once a run, the same in every round."""
        return False

    @field_validator("include", "exclude")
    @classmethod
    def are_as_short_as_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Every scoring repeats its options in an event, and events are small."""
        for pattern in value:
            if len(pattern) > LONGEST_PATTERN:
                raise refuse(f"patterns have at most {LONGEST_PATTERN} characters, got one of {len(pattern):,}.")
        return value


class ScoringOptions(ScopeOptions):
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

    @property
    def per_sample(self) -> bool:
        """Whether the gradient of each image alone is needed, which batch norm by the statistics of the batch does not have."""
        return False

    def passes(self, classes: int) -> int:
        """Gradients of the loss computed for every scoring image, second derivatives counted as two; for estimates of time."""
        return 1


class GradientOptions(ScoringOptions):
    """Where first derivatives of many images are combined."""

    reduce: Literal["total", "batch", "sample"] = Field(
        "total", description="Where the absolute value is taken: of the mean over all images, of each batch, or of each image."
    )
    accumulate: Literal["mean", "ema"] = Field("mean", description="How batches are combined: their mean, or a moving average (0.9).")

    @property
    def per_sample(self) -> bool:
        return self.reduce == "sample"


class RandomOptions(ScopeOptions):
    stay: bool = Field(True, description="Draw once a run and keep the draw in every round, so that rounds give the one-shot mask.")

    @property
    def draws_once(self) -> bool:
        return self.stay


class MagnitudeOptions(ScopeOptions):
    threshold: Literal["rank", "std"] = Field(
        "rank",
        description="Rank |w| as it is, or in units of its layer's standard deviation (Han et al.: one quality factor for all layers).",
    )


class L2NormOptions(ScopeOptions):
    normalize: Literal["none", "mean", "size"] = Field(
        "none", description="Divide by the layer's mean norm or by the filter's size, to compare layers of different width."
    )


class SnipOptions(GradientOptions):
    reinit_after: Literal["no", "he", "glorot", "lecun"] = Field(
        "no", description="Train the kept weights from a new draw, as SNIP's published code does."
    )


class LampOptions(ScopeOptions):
    @property
    def draws_once(self) -> bool:
        """The order of weights of equal size, which decides their scores, stays over all rounds."""
        return True


PER_SAMPLE_CHUNK = Field(
    32, ge=1, le=100_000, description="Images whose own gradients are in memory at the same time, each as large as the network."
)


class TaylorOptions(GradientOptions):
    reduce: Literal["total", "batch", "sample"] = Field(
        "batch", description="Where the square is taken: of the mean over all images, of each batch, or of each image."
    )
    per_sample_chunk: int = PER_SAMPLE_CHUNK


class CurvatureOptions(ScoringOptions):
    """Where the curvature of the loss is told from gradients of single images."""

    fisher_labels: Literal["empirical", "sampled", "exact"]
    draws: int = Field(1, ge=1, le=10_000, description="With sampled labels: labels drawn for each image.")
    per_sample_chunk: int = PER_SAMPLE_CHUNK

    @property
    def per_sample(self) -> bool:
        return True

    def passes(self, classes: int) -> int:
        return {"empirical": 1, "sampled": self.draws, "exact": classes}[self.fisher_labels]


class FisherOptions(CurvatureOptions):
    fisher_labels: Literal["empirical", "sampled", "exact"] = Field(
        "empirical",
        description="Labels of the Fisher information: the data's own (empirical), drawn from the network's predictions (sampled), "
        "or every class weighed by its predicted probability (exact; one gradient a class).",
    )


class ObdOptions(CurvatureOptions):
    hessian: Literal["gn", "hutchinson"] = Field(
        "gn",
        description="Diagonal of the Gauss-Newton matrix (gn, never negative), or of the Hessian, estimated by random probes (hutchinson).",
    )
    fisher_labels: Literal["exact", "sampled"] = Field(
        "exact",
        description="For gn: every class weighed by its predicted probability (exact; one gradient a class), or labels drawn from it.",
    )
    probes: int = Field(
        100, ge=1, le=100_000, description="For hutchinson: random sign vectors. The error falls as 1 / √probes; a ranking needs hundreds."
    )
    negative: Literal["keep", "zero"] = Field(
        "keep", description="For hutchinson: a negative diagonal entry stays (its weight goes first), or counts as zero."
    )
    first_order: bool = Field(False, description="Add the slope of the loss, -w g, for a network that is not at a minimum.")
    weight_decay: float = Field(
        0.0, ge=0, le=1, description="Judge the loss with this weight decay in it, which is what training minimised; 0: the loss alone."
    )

    @property
    def per_sample(self) -> bool:
        return self.hessian == "gn"

    def passes(self, classes: int) -> int:
        curvature = 2 * self.probes if self.hessian == "hutchinson" else super().passes(classes)
        return curvature + self.first_order


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
TAYLOR = Criterion(
    name="taylor", title="Taylor", summary="Keeps the weights whose removal would change the loss most, by its slope, squared.",
    function="prune_core.criteria.taylor:score", options=TaylorOptions,
    formula=r"s_j = \frac{1}{B} \sum_{b} \left(w_j \, \partial L_b / \partial w_j\right)^2",
    papers=(papers.MOLCHANOV_2019,), needs=frozenset({"data", "labels", "gradients", "trained"}), granularities=frozenset({"weight"}),
    deviations=(
        "The paper's code averages over 30 minibatches of training and then, with momentum 0.9, over prunings; "
        "here over the scoring batches of one pruning (options: where the square is taken, moving average).",
        "The paper's code removes all scores up to a threshold and counts what is pruned already as 0; here the count is exact.",
        "Torch-Pruning sums |w g| instead of squares, under the same name.",
    ),
    oracle="Central differences of explicit gates; a loop over single images; in a converged network, the loss without each weight in turn.",
    family="taylor",
)  # fmt: skip
FISHER = Criterion(
    name="fisher", title="Fisher", summary="Keeps the weights whose removal would raise the loss most, by its curvature at a trained network.",
    function="prune_core.criteria.fisher:score", options=FisherOptions,
    formula=r"s_j = \tfrac{1}{2} w_j^2 F_{jj}, \quad F_{jj} = \frac{1}{N} \sum_{n} \left(\partial \ell_n / \partial w_j\right)^2",
    papers=(papers.THEIS_2018,), needs=frozenset({"data", "labels", "per_sample", "trained"}), granularities=frozenset({"weight"}),
    deviations=(
        "The paper gates feature maps; here every weight has its gate.",
        "The paper, and all code, takes the true labels, which is the empirical Fisher (options: labels drawn from the network, or all classes).",
        "pytorch-prunes accumulates while the weights are fine-tuned, with batch norm in training mode and gradients of the mean loss: too small "
        "by the square of the batch size. Here the weights stand still and every image counts with its own gradient.",
        "Torch-Pruning 1.6.0 overwrites its sum at every call, so that only the last image counts.",
    ),
    oracle="A loop over single images; the Gauss-Newton diagonal from the Jacobian of the outputs; in a converged network, the loss without "
    "each weight in turn.",
    family="fisher",
)  # fmt: skip
OBD = Criterion(
    name="obd", title="Optimal brain damage", summary="Keeps the weights whose removal would raise the loss most, by its second derivative.",
    function="prune_core.criteria.obd:score", options=ObdOptions,
    formula=r"s_j = \tfrac{1}{2} w_j^2 H_{jj}, \quad H = \nabla^2 L",
    papers=(papers.LECUN_1990,), needs=frozenset({"data", "labels", "curvature", "trained"}), granularities=frozenset({"weight"}),
    deviations=(
        "The paper has a recursion of its own for the diagonal; here it is the Gauss-Newton diagonal from gradients of single images, or an "
        "estimate of the Hessian's by random probes.",
        "A diagonal that is estimated by probes can be negative; such weights go first (option: count as zero).",
        "The paper assumes a minimum, where the slope is zero (option: add the slope).",
    ),
    oracle="The Gauss-Newton diagonal from the Jacobian of the outputs; the explicit Hessian, with the probes' own standard error; in a "
    "converged network, the loss without each weight in turn.",
    family="fisher",
)  # fmt: skip
LAMP = Criterion(
    name="lamp", title="LAMP", summary="Keeps the weights that are large beside all larger ones of their layer, so that no layer empties.",
    function="prune_core.criteria.lamp:score", options=LampOptions,
    formula=r"s_j = \frac{w_j^2}{\sum_{i: |w_i| \ge |w_j|} w_i^2}",
    papers=(papers.LEE_2021,), needs=frozenset({"trained"}), granularities=frozenset({"weight"}),
    deviations=(
        "The paper's code turns one threshold into an amount for each layer, rounded there; here the count is exact over all layers.",
        "The paper's code sums in float32 from the small end, which puts the largest weight of 5 million at 1.0137; here it is exactly 1.",
        "Torch-Pruning's LAMP normalises the norms of channel groups: another method.",
    ),
    oracle="The definition, summed anew for every weight, in exact fractions; masks of the published procedure with torch.nn.utils.prune.",
    family="magnitude",
)  # fmt: skip

CRITERIA = (SNIP, MAGNITUDE, RANDOM, L2_NORM, TAYLOR, FISHER, OBD, LAMP)
