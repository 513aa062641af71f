"""The criteria there are to choose from."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from ..wording import refuse
from . import papers
from .entry import Criterion, Options

LONGEST_PATTERN = 80
Accumulate = Annotated[Literal["mean", "ema"], Field(description="How batches are combined: their mean, or a moving average (0.9).")]


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


class DataOptions(ScopeOptions):
    """What every criterion that looks at images has in common."""

    n_examples: int | Literal["all"] = Field(100, description="Training images that the scores are computed from.")
    scoring_batch: int = Field(
        100, ge=1, le=100_000, description="Images in one pass while scoring; a short last batch weighs by its size."
    )
    classes: tuple[int, ...] = Field((), max_length=1000, description="Only images of these classes; empty: of all.")
    balanced: bool = Field(False, description="Equally many images of each class.")
    source: Literal["train", "validation"] = Field("train", description="The part of the data that the images are drawn from.")
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


class LabelOptions(DataOptions):
    """What every criterion that knows the classes of the images has in common."""

    labels: Literal["true", "shuffled"] = Field("true", description="'shuffled' is the control: right images, labels dealt out at random.")


class GradientOptions(LabelOptions):
    """What every criterion that takes the size of a mean gradient over images has in common."""

    reduce: Literal["total", "batch", "sample"] = Field(
        "total", description="Where the absolute value is taken: of the mean over all images, of each batch, or of each image."
    )
    accumulate: Accumulate = "mean"

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


class FilterNormOptions(ScopeOptions):
    normalize: Literal["none", "mean", "size"] = Field(
        "none", description="Divide by the layer's mean norm or by the filter's size, to compare layers of different width."
    )


class ExpectedBnOptions(ScopeOptions):
    signed: bool = Field(
        False,
        description="Keep the sign of batch norm's scale, as a variant of the published code does: a negative one makes a negative score.",
    )


class MeanActivationOptions(DataOptions):
    statistic: Literal["mean", "abs_mean", "std", "l2"] = Field(
        "mean",
        description="Of a channel's numbers over images and positions: mean, mean size, standard deviation, or root mean square (l2).",
    )
    accumulate: Accumulate = "mean"
    position: Literal["post", "pre"] = Field("post", description="Take the numbers after the ReLU or before it.")


class SkeletonizationOptions(LabelOptions):
    accumulate: Accumulate = "mean"
    error: Literal["linear", "loss"] = Field(
        "linear", description="What must not rise: the sum of |target - probability| over the classes, or the training loss."
    )
    absolute: bool = Field(False, description="Keep what changes the error much either way; else what would lower it by going goes first.")


class SnipOptions(GradientOptions):
    reinit_after: Literal["no", "he", "glorot", "lecun"] = Field(
        "no", description="Train the kept weights from a new draw, as SNIP's published code does."
    )


class IterativeSnipOptions(GradientOptions):
    resample: bool = Field(True, description="Draw new images in every round; otherwise all rounds look at the same ones.")


class GraspOptions(LabelOptions):
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


class CurvatureOptions(LabelOptions):
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
    function="prune_core.criteria.l2_norm:score", options=FilterNormOptions, formula=r"s_k = \sqrt{\textstyle\sum_{i} W_{k,i}^2}",
    papers=(papers.LI_2017,), needs=frozenset({"trained"}), granularities=frozenset({"channel"}), default_allocation="per_layer",
    deviations=("Biases are not included. Norms of layers with different fan-in are ranked within each layer by default.",),
    oracle="A loop over filters, in Python floats.", family="magnitude",
)  # fmt: skip
L1_NORM = Criterion(
    name="l1_norm", title="Filter norm (L1)", summary="Keeps the channels whose filters have the largest sum of absolute weights.",
    function="prune_core.criteria.l1_norm:score", options=FilterNormOptions, formula=r"s_k = \textstyle\sum_{i} |W_{k,i}|",
    papers=(papers.LI_2017,), needs=frozenset({"trained"}), granularities=frozenset({"channel"}), default_allocation="per_layer",
    deviations=(
        "The code of pytorch-prunes sums signed weights under this name and ranks over all layers; here absolute values, in each layer.",
        "Only the filters that make a channel count, not those of the next layer that read it, and no biases.",
        "Li et al. choose a share for each layer by how sensitive it is; by default all layers lose the same share here.",
    ),
    oracle="A loop over filters, in Python floats.", family="magnitude",
)  # fmt: skip
BN_SCALE = Criterion(
    name="bn_scale", title="Batch norm scale", summary="Keeps the channels that batch norm scales up most; before training all are alike.",
    function="prune_core.criteria.bn_scale:score", options=ScopeOptions, formula=r"s_k = |\gamma_k|", papers=(papers.LIU_2017,),
    needs=frozenset({"trained"}), granularities=frozenset({"channel"}),
    deviations=(
        "The paper trains with a penalty on the size of the scales, so that unneeded ones shrink. No protocol here does, "
        "and without it the scale says less about what a channel is worth.",
        "The paper's code keeps what lies above a threshold: one channel fewer than asked, and fewer still where scales tie. "
        "Here the count is exact.",
        "In the paper's code a layer can lose all its channels; here one stays in every layer unless the protocol is told otherwise.",
    ),
    oracle="A loop that sorts the scales of all layers as Python floats.", family="gates",
)  # fmt: skip
EXPECTED_BN = Criterion(
    name="expected_bn", title="Expected activation", family="taylor",
    summary="Keeps the channels whose mean after the ReLU would be largest if batch norm saw a normal distribution; looks at no data.",
    function="prune_core.criteria.expected_bn:score", options=ExpectedBnOptions, papers=(papers.BARTOLDSON_2020,),
    formula=r"s_k = E[\max(0, \gamma_k z + \beta_k)] = |\gamma_k| \, \varphi(r_k) + \beta_k \, \Phi(r_k), "
    r"\quad r_k = \beta_k / |\gamma_k|, \quad z \sim N(0, 1)",
    needs=frozenset({"trained"}), granularities=frozenset({"channel"}), default_allocation="per_layer",
    deviations=(
        "The paper's code divides by the share of positive activations, multiplies by it again and repairs what was 0 / 0. "
        "Here the same mean in one expression and in double precision, exact far out in the tails.",
        "The paper chooses a share for each layer; by default all layers lose the same share here.",
    ),
    oracle="Numerical integration (scipy.integrate.quad) and four million random draws.",
)  # fmt: skip
MEAN_ACTIVATION = Criterion(
    name="mean_activation", title="Mean activation", summary="Keeps the channels that are most active over a number of images.",
    function="prune_core.criteria.mean_activation:score", options=MeanActivationOptions, family="taylor",
    formula=r"s_k = \frac{1}{N H W} \sum_{n,h,w} a_{n,k,h,w}, \quad a = \max(0, \mathrm{BN}(\cdot))", papers=(papers.BARTOLDSON_2020,),
    needs=frozenset({"data", "trained"}), granularities=frozenset({"channel"}), default_allocation="per_layer",
    deviations=(
        "The paper's code sums sizes of activations before the ReLU, at every tenth training batch, in a moving average that starts at 0. "
        "Here the mean after the ReLU, over images drawn for the scoring; a moving average starts at the first batch.",
    ),
    oracle="A loop that sums and counts single numbers; integrals of the normal distribution where batch norm's input is one.",
)  # fmt: skip
SKELETONIZATION = Criterion(
    name="skeletonization", title="Skeletonization", family="taylor", signed=True,
    summary="Keeps the channels without which the error would rise most, by the slope of a gate on each.",
    function="prune_core.criteria.skeletonization:score", options=SkeletonizationOptions, papers=(papers.MOZER_1989,),
    formula=r"s_k = -\frac{\partial E}{\partial \alpha_k} \Big|_{\alpha_k = 1}, \quad E = \frac{1}{N} \sum_{n,o} |t_{n,o} - p_{n,o}|",
    needs=frozenset({"data", "labels", "gradients", "trained"}), granularities=frozenset({"channel"}),
    deviations=(
        "The paper removes one unit at a time and trains in between; here a protocol says how many go at once and when.",
        "The paper ranks the inputs of a network too; here only channels of hidden layers.",
        "Here outputs are probabilities (softmax) and targets 0 and 1.",
    ),
    oracle="Central differences of a gate on every channel, with the error summed in a loop; a loop over single images for the loss.",
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

CRITERIA = (
    SNIP, ITERATIVE_SNIP, FORCE, GRASP, SYNFLOW, MAGNITUDE, LAMP, RANDOM, TAYLOR, FISHER, OBD,
    L2_NORM, L1_NORM, BN_SCALE, EXPECTED_BN, MEAN_ACTIVATION, SKELETONIZATION,
)  # fmt: skip
