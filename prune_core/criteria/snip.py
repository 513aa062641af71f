"""SNIP: connection sensitivity (Lee, Ajanthan, Torr 2019, equations 5 and 6).

With a gate c_j on every weight, how fast does the loss change as the gate closes?

    s_j = |dL(c * w) / dc_j| at c = 1  =  |w_j * dL/dw_j|

With one gate on all of a channel (channel_gates.py), the same: s_k = |mean over images of g_nk|.

The paper divides by the sum of all s. That never changes the ranking, and in float32 it merges near-ties, so raw values are returned.
"""

import torch

from ..catalogue.criteria.at_start import SnipOptions
from .channel_gates import mean_sizes
from .gradients import accumulated
from .types import Scores, Scoring


def score(scoring: Scoring[SnipOptions]) -> Scores:
    """Sensitivity of every weight; higher is kept. Float64, of the weight's shape, in units of the loss."""
    return accumulated(scoring)


def score_channels(scoring: Scoring[SnipOptions]) -> Scores:
    """Sensitivity of every channel; higher is kept. Float64, shape (channels,), in units of the loss."""
    return mean_sizes(scoring, torch.abs)
