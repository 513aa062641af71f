"""What a measurement may look at."""

from collections.abc import Mapping
from typing import NamedTuple

from .dataset import Data
from .network import Network
from .survey import Survey


class Reading(NamedTuple):
    """`held`: criterion -> what it would keep, of the scorings that were held for this measurement, in their order."""

    network: Network
    data: Data
    held: Mapping[str, Survey]
