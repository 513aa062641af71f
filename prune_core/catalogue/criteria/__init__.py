"""The criteria there are to choose from, in the order in which they are offered."""

from .at_start import AT_START
from .baselines import BASELINES
from .channels import CHANNELS
from .trained import TRAINED

CRITERIA = (*AT_START, *BASELINES, *TRAINED, *CHANNELS)
