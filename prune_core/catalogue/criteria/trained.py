"""Criteria that judge the weights of a trained network by the loss around it."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from ...steps import Granularity
from ...wording import refuse
from .. import papers
from ..anatomy import Layer
from ..entry import Criterion
from .options import DataOptions, GradientOptions, LabelOptions, ScopeOptions

PATCHES = 2_000_000  # numbers of unfolded images that layer-wise OBS takes at a time, 16 MB of them, of which up to four copies are held
DENSE = 2  # dimensions of a weight whose squares one product of matrices gives for all images
PER_SAMPLE_CHUNK = Field(
    32, ge=1, le=100_000, description="Images whose own gradients are in memory at the same time, those of one layer after the other."
)


def squared(layer: Layer) -> int:
    """Numbers that the squares of one image's gradients in a layer take: in a convolution those of a row of its kernel, what this row sees,
    and the image and its slopes in the order of that product.
    """
    if len(layer.shape) == DENSE:
        return 0
    out, into, _, columns = layer.shape
    return out * into * columns + layer.positions * (into * (columns + 3) + 3 * out)


class TaylorOptions(GradientOptions):
    later: ClassVar[frozenset[str]] = frozenset({"form"})
    only: ClassVar[Mapping[str, Granularity]] = {**GradientOptions.only, "form": "channel", "per_sample_chunk": "weight"}

    reduce: Literal["total", "batch", "sample"] = Field(
        "batch", description="Where the square is taken: of the mean over all images, of each batch, or of each image."
    )
    form: Literal["gate", "feature_map"] = Field(
        "gate",
        description="For channels: the squared slope along a gate on each (gate), or its size for each image, a position, in units of its layer's "
        "(feature_map).",
    )
    per_sample_chunk: int = PER_SAMPLE_CHUNK

    @field_validator("form")
    @classmethod
    def goes_with_where_sizes_are_taken(cls, form: str, info: ValidationInfo) -> str:
        """Of feature maps it is always each image."""
        if form == "feature_map" and (reduce := info.data.get("reduce", "batch")) != "batch":
            raise refuse(
                f"feature_map takes the size of each image by itself, so that reduce says nothing; got '{reduce}' for it. Leave it out."
            )
        return form

    @property
    def per_sample(self) -> bool:
        return super().per_sample or self.form == "feature_map"

    def gradients(self, layers: Sequence[Layer]) -> int:
        return max(map(squared, layers), default=0) if self.reduce == "sample" else 0


class CurvatureOptions(LabelOptions):
    """Where the curvature of the loss is told from gradients of single images."""

    only: ClassVar[Mapping[str, Granularity]] = {**LabelOptions.only, "per_sample_chunk": "weight"}

    fisher_labels: Literal["empirical", "sampled", "exact"]
    draws: int = Field(1, ge=1, le=10_000, description="With sampled labels: labels drawn for each image.")
    per_sample_chunk: int = PER_SAMPLE_CHUNK

    @property
    def per_sample(self) -> bool:
        return True

    def gradients(self, layers: Sequence[Layer]) -> int:
        return max(map(squared, layers), default=0) if self.per_sample else 0

    def passes(self, classes: int, layers: Sequence[Layer]) -> int:
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

    def passes(self, classes: int, layers: Sequence[Layer]) -> int:
        curvature = 2 * self.probes if self.hessian == "hutchinson" else super().passes(classes, layers)
        return curvature + self.first_order


class KarninOptions(ScopeOptions):
    absolute: bool = Field(
        False, description="Keep what would change the loss much either way; else weights that training only made worse go first."
    )


class ObsOptions(CurvatureOptions):
    n_examples: int | Literal["all"] = Field(200, description="Training images that the curvature is computed from.")
    hessian: Literal["fisher", "exact"] = Field(
        "fisher",
        description="What stands for the Hessian: the Gauss-Newton or Fisher matrix, whose inverse is built up image by image (fisher), or itself (exact), "
        "for networks that stand at a minimum.",
    )
    fisher_labels: Literal["empirical", "sampled", "exact"] = Field(
        "exact",
        description="For fisher: every class weighed by its predicted probability (exact, the Gauss-Newton matrix; one gradient a class), labels "
        "drawn from it, or the data's own (empirical).",
    )
    damping: float = Field(
        1e-4, gt=0, le=1e6, description="Added to the diagonal of the curvature: where nothing bends, nothing moves far."
    )
    update: Literal["exact", "none"] = Field(
        "exact", description="What is left: moved to where the loss rises least without the others (exact), or as it was (none)."
    )
    max_weights: int = Field(
        2_000, ge=1, le=20_000, description="Most weights to rank: a matrix of so many by so many is built and inverted, 32 MB for 2,000."
    )

    @property
    def per_sample(self) -> bool:
        return self.hessian == "fisher"

    @property
    def adjusts(self) -> bool:
        return self.update != "none"

    def too_many(self, weights: int) -> str:
        if weights <= self.max_weights:
            return ""
        return (
            f"obs inverts a matrix over all weights that it ranks, at most {self.max_weights:,}, and here are {weights:,}. Rank fewer by "
            "criterion_options.include, such as fc3.weight alone, or choose l_obs, which takes every layer by itself."
        )

    def gradients(self, layers: Sequence[Layer]) -> int:
        """Of all weights that are ranked: themselves, and twice in double precision."""
        return 5 * sum(layer.weights for layer in layers) if self.per_sample else 0

    def matrices(self, layers: Sequence[Layer]) -> int:
        """The curvature, a factor of it, the inverse, and columns of that."""
        return 4 * sum(layer.weights for layer in layers) ** 2

    def solving(self, layers: Sequence[Layer], images: int, classes: int, left: float) -> float:
        """Every gradient goes through the inverse twice; then a factor."""
        weights = left * sum(layer.weights for layer in layers)
        rows = images * self.passes(classes, layers) if self.hessian == "fisher" else 0
        return 2 * rows * weights**2 + weights**3

    def passes(self, classes: int, layers: Sequence[Layer]) -> int:
        return 2 * sum(layer.weights for layer in layers) if self.hessian == "exact" else super().passes(classes, layers)


class LObsOptions(DataOptions):
    n_examples: int | Literal["all"] = Field(1000, description="Training images whose inputs to every layer are looked at.")
    n_patches: int = Field(
        100_000, ge=1, le=10**8,
        description="For convolutions: at most so many places in all, as many of each image, drawn by lot; at least one of each.",
    )  # fmt: skip
    damping: float = Field(
        1e-6,
        gt=0,
        le=1e3,
        description="Added to the diagonal of the inputs' second moments, in units of its mean, for inputs that are always zero or follow others.",
    )
    update: Literal["exact", "none"] = Field(
        "exact", description="What is left of a layer: fitted to what it put out before (exact: least squares), or as it was (none)."
    )
    inputs: Literal["dense", "pruned"] = Field(
        "dense", description="What a layer is fitted on: inputs from the layers before as they were, or as they are once fitted themselves."
    )

    @field_validator("include_bias")
    @classmethod
    def keeps_biases(cls, value: bool) -> bool:
        """A bias is the weight of an input that is always 1: it is fitted with the others, and never removed."""
        if value:
            raise refuse("biases are fitted with what is left and never removed here, got true. Choices: false.")
        return value

    @property
    def adjusts(self) -> bool:
        return self.update != "none"

    def matrices(self, layers: Sequence[Layer]) -> int:
        """Of one layer at a time: second moments, the part of them that an output has, its factor, its inverse. And patches, a copy of all weights."""
        largest = max((inputs(layer) for layer in layers), default=0)
        return 4 * largest**2 + 4 * PATCHES + 3 * sum(layer.weights for layer in layers)

    def solving(self, layers: Sequence[Layer], images: int, classes: int, left: float) -> float:
        """A forward pass for each layer, its second moments, a factor and an inverse: one for all outputs at first, then one for each."""
        total = float(images * len(layers) * sum(layer.macs for layer in layers))
        for layer in layers:
            places = images * min(layer.positions, max(1, self.n_patches // images))
            total += places * inputs(layer) ** 2 + (layer.shape[0] if left < 1 else 1) * (left * inputs(layer)) ** 3
        return total


def inputs(layer: Layer) -> int:
    """Numbers that an output of the layer is a weighted sum of, a bias counted as one."""
    return prod(layer.shape[1:]) + 1


TAYLOR = Criterion(
    name="taylor", title="Taylor", summary="Keeps the weights or channels whose removal would change the loss most, by its slope, squared.",
    function="prune_core.criteria.taylor:score", channel_function="prune_core.criteria.taylor:score_channels", options=TaylorOptions,
    formula=r"s_j = \frac{1}{B} \sum_{b} \left(w_j \, \partial L_b / \partial w_j\right)^2",
    channel_formula=r"s_k = \frac{1}{B} \sum_{b} \left(\partial L_b / \partial m_k\right)^2, \quad m_k = 1",
    papers=(papers.MOLCHANOV_2019, papers.MOLCHANOV_2017), needs=frozenset({"data", "labels", "gradients", "trained"}),
    granularities=frozenset({"weight", "channel"}),
    deviations=(
        "The paper's code averages over 30 minibatches of training and then, with momentum 0.9, over prunings; "
        "here over the scoring batches of one pruning (options: where the square is taken, moving average).",
        "The paper's code removes all scores up to a threshold and counts what is pruned already as 0; here the count is exact.",
        "Torch-Pruning sums |w g| instead of squares, under the same name, and for channels over the weights that make and read each.",
        "For channels the gate stands behind batch norm, as in the paper's best form; the sum of w g over a filter with batch norm behind it is not its slope.",
        "Published code for feature maps averages over images before it takes sizes, so that they cancel; here the size is taken for each image, as in the "
        "2017 paper (option: form). Its regulariser by cost is left out.",
    ),
    oracle="Central differences of explicit gates; a loop over single images; in a trained network, the loss without each weight or channel in turn.",
    family="taylor", gated=True,
)  # fmt: skip
FISHER = Criterion(
    name="fisher", title="Fisher", summary="Keeps the weights or channels whose removal would raise the loss most, by its curvature at a trained network.",
    function="prune_core.criteria.fisher:score", channel_function="prune_core.criteria.fisher:score_channels", options=FisherOptions,
    formula=r"s_j = \tfrac{1}{2} w_j^2 F_{jj}, \quad F_{jj} = \frac{1}{N} \sum_{n} \left(\partial \ell_n / \partial w_j\right)^2",
    channel_formula=r"s_k = \frac{1}{2N} \sum_{n} \left(\partial \ell_n / \partial m_k\right)^2, \quad m_k = 1",
    papers=(papers.THEIS_2018,), needs=frozenset({"data", "labels", "per_sample", "trained"}), granularities=frozenset({"weight", "channel"}),
    deviations=(
        "The paper gates feature maps, which is how channels are ranked; where weights are, every weight has its gate.",
        "The paper weighs what a map is worth against what it costs to compute, and removes one at a time; here cost plays no part.",
        "The paper, and all code, takes the true labels, which is the empirical Fisher (options: labels drawn from the network, or all classes).",
        "pytorch-prunes accumulates while the weights are fine-tuned, with batch norm in training mode and gradients of the mean loss: too small "
        "by the square of the batch size. Here the weights stand still and every image counts with its own gradient.",
        "Torch-Pruning 1.6.0 overwrites its sum at every call, so that only the last image counts.",
    ),
    oracle="A loop over single images; the Gauss-Newton diagonal from the Jacobian of the outputs; in a trained network, the loss without "
    "each weight or channel in turn.",
    family="fisher", gated=True,
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
OBS = Criterion(
    name="obs", title="Optimal brain surgeon", family="fisher",
    summary="Keeps the weights whose removal the others can make up for least, and moves those that stay to where the loss rises least.",
    function="prune_core.criteria.obs:score", update="prune_core.criteria.obs:update", options=ObsOptions,
    formula=r"s_q = \frac{w_q^2}{2 [H^{-1}]_{qq}}, \quad \delta w = -H^{-1}_{:,S} \, (H^{-1}_{SS})^{-1} w_S",
    papers=(papers.HASSIBI_1993,), needs=frozenset({"data", "labels", "per_sample", "curvature", "trained"}), granularities=frozenset({"weight"}),
    deviations=(
        "The paper removes one weight at a time and ranks anew after each; here a pruning removes all by one ranking, and the others move to "
        "where removing them one after the other ends.",
        "The paper's derivatives are of the outputs under a squared error; here of the cross-entropy, by labels as the network predicts them.",
        "The paper assumes a minimum, where the slope is zero, and so does this.",
        "At most 2,000 weights are ranked unless an option says otherwise; layer-wise OBS is for larger networks.",
    ),
    oracle="A linear regression fitted again without the removed variables; the conditions for a constrained minimum; torch.linalg.inv of the explicit "
    "matrix; in a converged network, the loss after each weight's removal and the others' move.",
)  # fmt: skip
L_OBS = Criterion(
    name="l_obs", title="Layer-wise OBS", family="fisher",
    summary="Keeps the weights whose removal would change what their layer puts out most, and fits those that stay to make up for the others.",
    function="prune_core.criteria.l_obs:score", update="prune_core.criteria.l_obs:update", options=LObsOptions,
    formula=r"s_j = \frac{w_j^2}{2 [A^{-1}]_{jj}}, \quad A = \frac{1}{n} \sum_{n} y_n y_n^\top, "
    r"\quad w \leftarrow \arg\min_{v} (v - w)^\top A (v - w), \; v_j = 0 \text{ where } j \text{ goes}",
    papers=(papers.DONG_2017,), needs=frozenset({"data", "trained"}), granularities=frozenset({"weight"}), default_allocation="per_layer",
    deviations=(
        "The paper removes one weight at a time and moves the others of its output after each. Here all go at once by the scores of one look, and "
        "what stays is the least-squares fit, which no order of single moves can beat.",
        "The paper's code looks at the inverse of the full layer throughout, so that later moves stir weights that are gone, and are masked again; "
        "here weights of earlier prunings are left out of scores and fits.",
        "The paper's code ranks biases with the weights; here they are fitted and never removed.",
        "The paper's code adds 1e-6 to A as it is; here damping is in units of its mean diagonal.",
        "The paper chooses a share for each layer; by default all layers lose the same share here.",
    ),
    oracle="Least-squares fits by numpy on the inputs that are left, layer by layer; the change of a layer's output, measured.",
)  # fmt: skip

KARNIN = Criterion(
    name="karnin", title="Karnin's sensitivity", signed=True,
    summary="Keeps the weights whose way through training lowered the loss most. Of historical interest: noisy where a weight hardly moved.",
    function="prune_core.criteria.karnin:score", options=KarninOptions,
    formula=r"s_j = \Bigl[ \sum_{n} -\frac{\partial L}{\partial w_j}(n) \, \Delta w_j(n) \Bigr] \, \frac{w_j}{w_j - w_j(0)}",
    papers=(papers.KARNIN_1990,), needs=frozenset({"recorded", "trained"}), granularities=frozenset({"weight"}),
    deviations=(
        "With plain gradient descent a step is the rate times the slope, and the sum one of squared steps. Here every step counts as the optimiser "
        "made it, with momentum, weight decay and a falling rate; the slope is that of the loss of the data alone.",
        "A weight that ended where it began, within 1e-8 of its layer's root mean square, scores 0.",
        "After a pruning the record of what is left goes on; that of what went is cleared.",
        "The formula follows from what it is to estimate and is as surveys give it; the paper itself was not at hand.",
    ),
    oracle="Closed forms on quadratic losses; the loss itself along a fine path; a training loop in plain torch that notes gradients and steps.",
    family="taylor",
)  # fmt: skip

TRAINED = (TAYLOR, FISHER, OBD, OBS, L_OBS, KARNIN)
