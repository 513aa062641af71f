"""Iterative SNIP (de Jorge et al. 2021, section 4; Lee et al. 2019 for the score).

    s_j = |c_j w_j * dL/dw_j| at c * w        with the mask c of the rounds before

The network that is scored is the masked one already, so a round's score is SNIP's; what makes it iterative is the number of rounds.
"""

from ..catalogue.criteria.at_start import IterativeSnipOptions
from .gradients import accumulated
from .types import Scores, Scoring


def score(scoring: Scoring[IterativeSnipOptions]) -> Scores:
    """Sensitivity of every weight, 0 for pruned ones; higher is kept. Float64, of the weight's shape, in units of the loss."""
    return accumulated(scoring)
