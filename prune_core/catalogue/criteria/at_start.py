"""Criteria for networks that have not been trained yet."""

from typing import Literal

from pydantic import Field

from .. import papers
from ..entry import Criterion
from .options import GradientOptions, LabelOptions, ScopeOptions


class SnipOptions(GradientOptions):
    reinit_after: Literal["no", "he", "glorot", "lecun"] = Field(
        "no", description="Train the kept weights from a new draw, as SNIP's published code does."
    )


class IterativeSnipOptions(GradientOptions):
    resample: bool = Field(True, description="Draw new images in every round; otherwise all rounds look at the same ones.")

    @property
    def same_images(self) -> bool:
        return not self.resample


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


SNIP = Criterion(
    name="snip", title="SNIP", summary="Keeps the weights or channels whose removal would change the loss of one batch most, before any training.",
    function="prune_core.criteria.snip:score", channel_function="prune_core.criteria.snip:score_channels", options=SnipOptions,
    formula=r"s_j = |w_j \, \partial L / \partial w_j|", channel_formula=r"s_k = |\partial L / \partial m_k|, \quad m_k = 1",
    papers=(papers.LEE_2019,), needs=frozenset({"data", "labels", "gradients"}), granularities=frozenset({"weight", "channel"}),
    deviations=(
        "The paper's code scores one random draw and trains another (option: train from a new draw).",
        "The paper's code ranks biases too, which are 0 at the start and all go (option: rank biases).",
        "The paper ranks weights. Channels are ranked by the same slope along one gate on all of a channel, behind its batch norm.",
    ),
    oracle="Central differences of explicit gates on every weight, and of one on every channel, in float64.", family="snip",
    who_goes="least sensitive {}", gated=True,
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
    who_goes="least sensitive {}",
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
    family="snip", who_goes="least sensitive {}",
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
    name="synflow", title="SynFlow", summary="Keeps the weights or channels that most flow from input to output passes through; looks at no data.",
    function="prune_core.criteria.synflow:score", channel_function="prune_core.criteria.synflow:score_channels", options=SynflowOptions,
    formula=r"s_j = |w_j| \, \partial R / \partial |w_j|, \quad R = \mathbf{1}^\top f_{|w|}(\mathbf{1})", papers=(papers.TANAKA_2020,),
    channel_formula=r"s_k = \textstyle\sum_{j \to k} s_j",
    rounds=100, needs=frozenset({"gradients"}), granularities=frozenset({"weight", "channel"}),
    deviations=(
        "The published code computes in float32 (option: dtype), in which the flow of deep networks is not finite.",
        "The published code keeps biases, and batch norm's shift and mean, in absolute value (option: reference); here they are left out, "
        "so that what flows through a layer is the same in all.",
        "The published code removes every tie at the threshold; here the count is exact.",
        "The paper ranks weights. A channel has the flow through it: the sum over the weights that lead into it.",
    ),
    oracle="Every path of a small network, one by one; the same total in every layer, and into and out of every unit and channel.",
    family="synflow",
)  # fmt: skip

AT_START = (SNIP, ITERATIVE_SNIP, FORCE, GRASP, SYNFLOW)
