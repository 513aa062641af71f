"""The papers behind the entries."""

from .entry import Paper

LECUN_1998 = Paper(authors="LeCun et al.", title="Gradient-based learning applied to document recognition", year=1998, venue="Proc. IEEE")
HAN_2015 = Paper(authors="Han et al.", title="Learning both weights and connections for efficient neural networks", year=2015, venue="NIPS")
XIAO_2017 = Paper(
    authors="Xiao et al.", title="Fashion-MNIST: a novel image dataset for benchmarking machine learning algorithms", year=2017
)
LI_2017 = Paper(authors="Li et al.", title="Pruning filters for efficient ConvNets", year=2017, venue="ICLR")
ZHU_2017 = Paper(
    authors="Zhu & Gupta", title="To prune, or not to prune: exploring the efficacy of pruning for model compression", year=2017
)
LEE_2019 = Paper(
    authors="Lee, Ajanthan & Torr", title="SNIP: single-shot network pruning based on connection sensitivity", year=2019, venue="ICLR"
)
ALPAYDIN_1998 = Paper(authors="Alpaydin & Kaynak", title="Optical recognition of handwritten digits (UCI)", year=1998)
LIU_2019 = Paper(authors="Liu, Sun, Zhou, Huang & Darrell", title="Rethinking the value of network pruning", year=2019, venue="ICLR")
FRANKLE_2021 = Paper(
    authors="Frankle, Dziugaite, Roy & Carbin", title="Pruning neural networks at initialization: why are we missing the mark?", year=2021,
    venue="ICLR",
)  # fmt: skip
KRIZHEVSKY_2009 = Paper(authors="Krizhevsky", title="Learning multiple layers of features from tiny images", year=2009)
