"""Criteria that look at the weights alone, or at nothing."""

from typing import Literal

from pydantic import Field

from ...streams import Purpose
from .. import papers
from ..entry import Criterion
from .options import ScopeOptions


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


class LampOptions(ScopeOptions):
    @property
    def stream(self) -> Purpose:
        return "ties"

    @property
    def draws_once(self) -> bool:
        """The order of weights of equal size, which decides their scores, stays over all rounds."""
        return True


MAGNITUDE = Criterion(
    name="magnitude", title="Magnitude", summary="Keeps the weights that are largest in absolute value.",
    function="prune_core.criteria.magnitude:score", options=MagnitudeOptions, formula=r"s_j = |w_j|", papers=(papers.HAN_2015,),
    needs=frozenset({"trained"}), granularities=frozenset({"weight"}),
    deviations=(
        "Han et al. choose a quality factor per layer and take what count comes out; here 'std' ranks |w| / std(layer) and the count is exact.",
    ),
    oracle="torch.nn.utils.prune.global_unstructured gives the same masks.", family="magnitude", who_goes="smallest {}",
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
RANDOM = Criterion(
    name="random", title="Random", summary="Keeps weights by lot: the honest baseline.", function="prune_core.criteria.random:score",
    options=RandomOptions, formula=r"s_j \sim U(0, 1)", needs=frozenset(), granularities=frozenset({"weight", "channel"}),
    deviations=("Synaptic-Flow's code draws anew in every round and can revive pruned weights; ours never revives.",),
    oracle="Positions kept over 2,000 seeds are uniform (chi-squared).", family="random", control=True,
)  # fmt: skip

BASELINES = (MAGNITUDE, LAMP, RANDOM)
