"""How kept units are shared out over layers."""

from pydantic import Field, field_validator

from ..wording import refuse, shown
from . import papers
from .entry import Allocation, Options

WEIGHTS = frozenset({"weight"})  # their rules speak of the shapes or the values of weights


class FractionsOptions(Options):
    fractions: tuple[float, ...] = Field(
        (),
        max_length=64,
        description="How much goes of each layer beside the others, from 0 (stays whole) to 1, in the order of the network. "
        "All are scaled by one factor to the amount removed, and hold as they stand where they come to it. Empty: the same of every layer.",
    )

    @field_validator("fractions")
    @classmethod
    def are_fractions(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if wrong := [v for v in value if not 0 <= v <= 1]:
            raise refuse(f"must be between 0 and 1, got {shown(wrong[0])}.")
        return value


GLOBAL = Allocation(
    name="global", title="One ranking over all layers", summary="The best scores of the whole network stay.",
    function="prune_core.allocations.global_ranking:allocate", within="network",
)  # fmt: skip
PER_LAYER = Allocation(
    name="per_layer", title="The same share of every layer", summary="Every layer keeps the same share of its own, which papers call uniform.",
    function="prune_core.allocations.per_layer:allocate",
)  # fmt: skip
ERK = Allocation(
    name="erk", title="Erdős-Rényi with kernels (ERK)", function="prune_core.allocations.erk:erk", granularities=WEIGHTS,
    summary="A layer keeps weights in proportion to its inputs, outputs and kernel sides added up, so small layers stay denser than large ones.",
    papers=(papers.EVCI_2020, papers.LEE_2021),
)  # fmt: skip
ER = Allocation(
    name="er", title="Erdős-Rényi (ER)", function="prune_core.allocations.erk:er", granularities=WEIGHTS,
    summary="A layer keeps weights in proportion to its inputs and outputs added up, whatever its kernels.", papers=(papers.MOCANU_2018,),
)  # fmt: skip
UNIFORM_PLUS = Allocation(
    name="uniform_plus", title="Uniform+", function="prune_core.allocations.uniform_plus:allocate", granularities=WEIGHTS,
    summary="The first convolution stays whole, the last layer keeps at least a fifth, and every other layer keeps the same share.",
    papers=(papers.GALE_2019, papers.LEE_2021),
)  # fmt: skip
LAMP = Allocation(
    name="lamp", title="LAMP", function="prune_core.allocations.lamp:allocate", granularities=WEIGHTS,
    summary="Every layer keeps as much as a ranking of its squared weights by their share of all larger ones says; the criterion decides which.",
    papers=(papers.LEE_2021,),
)  # fmt: skip
FRACTIONS = Allocation(
    name="fractions", title="Given fractions", summary="Every layer loses the fraction that is given for it.",
    function="prune_core.allocations.fractions:allocate", options=FractionsOptions, papers=(papers.BARTOLDSON_2020,),
)  # fmt: skip

ALLOCATIONS = (GLOBAL, PER_LAYER, ERK, ER, UNIFORM_PLUS, LAMP, FRACTIONS)
