"""How kept units are shared out over layers."""

from .entry import Allocation

GLOBAL = Allocation(
    name="global",
    title="One ranking over all layers",
    summary="The best scores of the whole network stay.",
    function="prune_core.allocations.global_ranking:allocate",
)
PER_LAYER = Allocation(
    name="per_layer",
    title="The same share of every layer",
    summary="Every layer keeps the same share of its own.",
    function="prune_core.allocations.per_layer:allocate",
)

ALLOCATIONS = (GLOBAL, PER_LAYER)
