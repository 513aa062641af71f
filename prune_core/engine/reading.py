"""What a measurement may look at."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ..criteria.types import Scores
from ..steps import Score
from .dataset import Data
from .network import Network
from .survey import Survey

Values = dict[str, Any]


class Reading(NamedTuple):
    """`held`: criterion -> what it would keep, of the scorings that were held for this measurement, in their order.

    options: the step's own. seed: of the run. go_on: whether to, given the share of the work that is done; what takes long asks it.
    ask: the scores of all units of the network as it stands; a question that is asked again at once is answered from memory.
    """

    network: Network
    data: Data
    held: Mapping[str, Survey]
    options: Mapping[str, Any]
    seed: int
    go_on: Callable[[float], bool]
    ask: Callable[[Score], Scores]
