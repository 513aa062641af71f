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
WANG_2020 = Paper(
    authors="Wang, Zhang & Grosse", title="Picking winning tickets before training by preserving gradient flow", year=2020, venue="ICLR"
)
TANAKA_2020 = Paper(
    authors="Tanaka, Kunin, Yamins & Ganguli", year=2020, venue="NeurIPS",
    title="Pruning neural networks without any data by iteratively conserving synaptic flow",
)  # fmt: skip
DE_JORGE_2021 = Paper(
    authors="de Jorge, Sanyal, Behl, Torr, Rogez & Dokania", year=2021, venue="ICLR",
    title="Progressive skeletonization: trimming more fat from a network at initialization",
)  # fmt: skip
ALPAYDIN_1998 = Paper(authors="Alpaydin & Kaynak", title="Optical recognition of handwritten digits (UCI)", year=1998)
LIU_2019 = Paper(authors="Liu, Sun, Zhou, Huang & Darrell", title="Rethinking the value of network pruning", year=2019, venue="ICLR")
FRANKLE_2021 = Paper(
    authors="Frankle, Dziugaite, Roy & Carbin", title="Pruning neural networks at initialization: why are we missing the mark?", year=2021,
    venue="ICLR",
)  # fmt: skip
MOCANU_2018 = Paper(
    authors="Mocanu et al.", title="Scalable training of artificial neural networks with adaptive sparse connectivity inspired by network science",
    year=2018, venue="Nature Communications",
)  # fmt: skip
GALE_2019 = Paper(authors="Gale, Elsen & Hooker", title="The state of sparsity in deep neural networks", year=2019)
EVCI_2020 = Paper(
    authors="Evci, Gale, Menick, Castro & Elsen", title="Rigging the lottery: making all tickets winners", year=2020, venue="ICML"
)
LIU_2017 = Paper(
    authors="Liu, Li, Shen, Huang, Yan & Zhang", title="Learning efficient convolutional networks through network slimming", year=2017,
    venue="ICCV",
)  # fmt: skip
HUANG_2018 = Paper(authors="Huang & Wang", title="Data-driven sparse structure selection for deep neural networks", year=2018, venue="ECCV")
BARTOLDSON_2020 = Paper(
    authors="Bartoldson, Morcos, Barbu & Erlebacher", title="The generalization-stability tradeoff in neural network pruning", year=2020,
    venue="NeurIPS",
)  # fmt: skip
LEE_2021 = Paper(
    authors="Lee, Park, Mo, Ahn & Shin", title="Layer-adaptive sparsity for the magnitude-based pruning", year=2021, venue="ICLR"
)
MOZER_1989 = Paper(
    authors="Mozer & Smolensky", title="Skeletonization: a technique for trimming the fat from a network via relevance assessment",
    year=1989, venue="NIPS",
)  # fmt: skip
LECUN_1990 = Paper(authors="LeCun, Denker & Solla", title="Optimal brain damage", year=1990, venue="NIPS")
KARNIN_1990 = Paper(
    authors="Karnin", title="A simple procedure for pruning back-propagation trained neural networks", year=1990,
    venue="IEEE Transactions on Neural Networks",
)  # fmt: skip
HASSIBI_1993 = Paper(
    authors="Hassibi & Stork", title="Second order derivatives for network pruning: optimal brain surgeon", year=1993, venue="NIPS"
)
DONG_2017 = Paper(
    authors="Dong, Chen & Pan", title="Learning to prune deep neural networks via layer-wise optimal brain surgeon", year=2017, venue="NIPS"
)
THEIS_2018 = Paper(
    authors="Theis, Korshunova, Tejani & Huszár", title="Faster gaze prediction with dense networks and Fisher pruning", year=2018
)
MOLCHANOV_2017 = Paper(
    authors="Molchanov, Tyree, Karras, Aila & Kautz", title="Pruning convolutional neural networks for resource efficient inference",
    year=2017, venue="ICLR",
)  # fmt: skip
MOLCHANOV_2019 = Paper(
    authors="Molchanov, Mallya, Tyree, Frosio & Kautz", title="Importance estimation for neural network pruning", year=2019, venue="CVPR"
)
KRIZHEVSKY_2009 = Paper(authors="Krizhevsky", title="Learning multiple layers of features from tiny images", year=2009)
KRIZHEVSKY_2012 = Paper(
    authors="Krizhevsky, Sutskever & Hinton",
    title="ImageNet classification with deep convolutional neural networks",
    year=2012,
    venue="NIPS",
)
SIMONYAN_2015 = Paper(
    authors="Simonyan & Zisserman", title="Very deep convolutional networks for large-scale image recognition", year=2015, venue="ICLR"
)
HE_2016 = Paper(authors="He, Zhang, Ren & Sun", title="Deep residual learning for image recognition", year=2016, venue="CVPR")
HE_2016_IDENTITY = Paper(authors="He, Zhang, Ren & Sun", title="Identity mappings in deep residual networks", year=2016, venue="ECCV")
ZAGORUYKO_2016 = Paper(authors="Zagoruyko & Komodakis", title="Wide residual networks", year=2016, venue="BMVC")
HUANG_2017 = Paper(
    authors="Huang, Liu, van der Maaten & Weinberger", title="Densely connected convolutional networks", year=2017, venue="CVPR"
)
CROWLEY_2018 = Paper(
    authors="Crowley, Turner, Storkey & O'Boyle", title="A closer look at structured pruning for neural network compression", year=2018
)
FRANKLE_2019 = Paper(
    authors="Frankle & Carbin", title="The lottery ticket hypothesis: finding sparse, trainable neural networks", year=2019, venue="ICLR"
)
