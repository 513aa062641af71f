"""How the units to keep are shared out over the layers; one file an allocation.

Every function: (ranking, count, options) -> bool (n,) with exactly `count` True, none of them dead, and of every layer at least
min(its `least`, alive). `cut` in the engine sees to it that such a count exists; what an allocation demands beyond it raises ValueError with numbers.
"""
