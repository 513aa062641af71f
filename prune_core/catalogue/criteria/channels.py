"""Criteria that rank whole channels."""

from typing import ClassVar, Literal

from pydantic import Field

from .. import papers
from ..entry import Criterion
from .options import Accumulate, DataOptions, LabelOptions, ScopeOptions

Aggregate = Literal["mean", "sum", "max", "first"]


class WriterOptions(ScopeOptions):
    """What every criterion has that scores the layers that write a channel."""

    later: ClassVar[frozenset[str]] = frozenset({"aggregate"})
    aggregate: Aggregate = Field(
        "mean",
        title="Of several layers",
        description="Where several layers write the same channels: the mean, sum or largest of their scores, or the first's.",
    )


class FilterNormOptions(WriterOptions):
    normalize: Literal["none", "mean", "size"] = Field(
        "none", description="Divide by the layer's mean norm or by the filter's size, to compare layers of different width."
    )


class ExpectedBnOptions(WriterOptions):
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


OF_FILTERS = (
    "Only the filters that make a channel count, not those of the next layer that read it, and no biases.",
    "Li et al. choose a share for each layer by how sensitive it is; by default all layers lose the same share here.",
)
L2_NORM = Criterion(
    name="l2_norm", title="Filter norm (L2)", summary="Keeps the channels whose filters have the largest norm.",
    function="prune_core.criteria.l2_norm:score", options=FilterNormOptions, formula=r"s_k = \sqrt{\textstyle\sum_{i} W_{k,i}^2}",
    papers=(papers.LI_2017,), needs=frozenset({"trained"}), granularities=frozenset({"channel"}), default_allocation="per_layer",
    deviations=("Norms of layers with different fan-in are ranked within each layer by default.", *OF_FILTERS),
    oracle="A loop over filters, in Python floats.", family="magnitude", who_goes="weakest {}",
)  # fmt: skip
L1_NORM = Criterion(
    name="l1_norm", title="Filter norm (L1)", summary="Keeps the channels whose filters have the largest sum of absolute weights.",
    function="prune_core.criteria.l1_norm:score", options=FilterNormOptions, formula=r"s_k = \textstyle\sum_{i} |W_{k,i}|",
    papers=(papers.LI_2017,), needs=frozenset({"trained"}), granularities=frozenset({"channel"}), default_allocation="per_layer",
    deviations=(
        "The code of pytorch-prunes sums signed weights under this name and ranks over all layers; here absolute values, in each layer.",
        *OF_FILTERS,
    ),
    oracle="A loop over filters, in Python floats.", family="magnitude", who_goes="weakest {}",
)  # fmt: skip
BN_SCALE = Criterion(
    name="bn_scale", title="Batch norm scale", summary="Keeps the channels that batch norm scales up most; before training all are alike.",
    function="prune_core.criteria.bn_scale:score", options=WriterOptions, formula=r"s_k = |\gamma_k|", papers=(papers.LIU_2017,),
    needs=frozenset({"batch_norm", "trained"}), granularities=frozenset({"channel"}),
    deviations=(
        "The paper trains with a penalty on the size of the scales, so that unneeded ones shrink. No protocol here does, "
        "and without it the scale says less about what a channel is worth.",
        "The paper's code keeps what lies above a threshold: one channel fewer than asked, and fewer still where scales tie. "
        "Here the count is exact.",
        "In the paper's code a layer can lose all its channels; here one stays in every layer unless the protocol is told otherwise.",
    ),
    oracle="A loop that sorts the scales of all layers as Python floats.", family="gates", who_goes="smallest-scaled {}",
)  # fmt: skip
EXPECTED_BN = Criterion(
    name="expected_bn", title="Expected activation", family="taylor",
    summary="Keeps the channels whose mean after the ReLU would be largest if batch norm saw a normal distribution; looks at no data.",
    function="prune_core.criteria.expected_bn:score", options=ExpectedBnOptions, papers=(papers.BARTOLDSON_2020,),
    formula=r"s_k = E[\max(0, \gamma_k z + \beta_k)] = |\gamma_k| \, \varphi(r_k) + \beta_k \, \Phi(r_k), "
    r"\quad r_k = \beta_k / |\gamma_k|, \quad z \sim N(0, 1)",
    needs=frozenset({"batch_norm", "trained"}), granularities=frozenset({"channel"}), default_allocation="per_layer",
    deviations=(
        "The paper's code divides by the share of positive activations, multiplies by it again and repairs what was 0 / 0. "
        "Here the same mean in one expression and in double precision, exact far out in the tails.",
        "The paper chooses a share for each layer; by default all layers lose the same share here.",
    ),
    oracle="Numerical integration (scipy.integrate.quad) and four million random draws.", who_goes="least active {}",
)  # fmt: skip
MEAN_ACTIVATION = Criterion(
    name="mean_activation", title="Mean activation", summary="Keeps the channels that are most active over a number of images.",
    function="prune_core.criteria.mean_activation:score", options=MeanActivationOptions, family="taylor",
    formula=r"s_k = \frac{1}{N H W} \sum_{n,h,w} a_{n,k,h,w}, \quad a = \max(0, \mathrm{BN}(\cdot))", papers=(papers.BARTOLDSON_2020,),
    needs=frozenset({"data", "trained"}), granularities=frozenset({"channel"}), default_allocation="per_layer",
    deviations=(
        "The paper's code sums sizes of activations before the ReLU, at every tenth training batch, in a moving average that starts at 0. "
        "Here the mean after the ReLU, over images drawn for the scoring; a moving average starts at the first batch.",
        "Caffe's LeNet-5 has no ReLU behind its convolutions; there it is the mean of what one would let pass (option: before the ReLU).",
    ),
    oracle="A loop that sums and counts single numbers; integrals of the normal distribution where batch norm's input is one.",
    who_goes="least active {}",
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
    who_goes="least relevant {}",
)  # fmt: skip

STRUCTURE_SCALE = Criterion(
    name="structure_scale", title="Structure scale", summary="Keeps the channels whose factor stayed largest while training pulled all of them to 0.",
    function="prune_core.criteria.structure_scale:score", options=ScopeOptions, formula=r"s_k = \lambda_k \ge 0", papers=(papers.HUANG_2018,),
    needs=frozenset({"factors", "trained"}), granularities=frozenset({"channel"}),
    deviations=(
        "The paper removes what has a factor of exactly 0, however much that is; here as much as was asked, zeros first.",
        "The paper also scales whole residual branches and groups of convolutions; here channels alone.",
        "A factor stands on all that reads a channel, so that it can be put into those weights at the end, batch norm or not.",
    ),
    oracle="The recursion on one number, by hand to its fixed point; a network before and after its factors went into the weights.", family="gates",
    who_goes="smallest-scaled {}",
)  # fmt: skip

CHANNELS = (L2_NORM, L1_NORM, BN_SCALE, EXPECTED_BN, MEAN_ACTIVATION, SKELETONIZATION, STRUCTURE_SCALE)
