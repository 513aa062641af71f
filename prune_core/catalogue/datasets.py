"""The data sets there are to choose from."""

from . import papers
from .entry import Balance, DataSet, File, Recipe

DIGIT_NAMES = tuple("0123456789")
MNIST_RECIPE = Recipe(optimizer="sgd", lr=0.1, momentum=0.9, weight_decay=5e-4, batch_size=100, lr_milestones=(0.5, 0.75), augment=False)
DIGITS_RECIPE = MNIST_RECIPE.model_copy(update={"batch_size": 32, "lr": 0.02})  # few images: smaller batches give enough steps
# SNIP 5.1: the rate falls every 30,000 steps, of 150,000 in its released code.
CIFAR_RECIPE = MNIST_RECIPE.model_copy(update={"batch_size": 128, "lr_milestones": (0.2, 0.4, 0.6, 0.8), "augment": True})
CIFAR_LICENCE = "none stated by its authors, who ask for a citation"

DIGITS = DataSet(
    name="digits", title="Digits", summary="1,797 handwritten digits of 8 x 8 pixels that ship with scikit-learn, enlarged to 28 x 28.",
    function="prune_core.data.digits:load", papers=(papers.ALPAYDIN_1998,), licence="CC BY 4.0",
    shape=(1, 28, 28), classes=DIGIT_NAMES, train=1294, validation=143, test=360, mean=(0.3052,), std=(0.3244,), recipe=DIGITS_RECIPE,
    balance=Balance(
        train=(129, 125, 125, 133, 120, 129, 137, 140, 133, 123),
        validation=(12, 15, 19, 11, 19, 13, 11, 15, 10, 18),
        test=(37, 42, 33, 39, 42, 40, 33, 24, 31, 39),
    ),
)  # fmt: skip
MNIST = DataSet(
    name="mnist", title="MNIST", summary="70,000 handwritten digits, the field's oldest benchmark.",
    function="prune_core.data.mnist:load_mnist", papers=(papers.LECUN_1998,), licence="CC BY-SA 3.0",
    shape=(1, 28, 28), classes=DIGIT_NAMES, train=54_000, validation=6_000, test=10_000, mean=(0.1307,), std=(0.3081,),
    balance=Balance(
        train=(5327, 6060, 5378, 5506, 5296, 4841, 5339, 5598, 5271, 5384),
        validation=(596, 682, 580, 625, 546, 580, 579, 667, 580, 565),
        test=(980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
    ),
    files=(
        File(path="MNIST/raw/train-images-idx3-ubyte.gz", bytes=9_912_422),
        File(path="MNIST/raw/train-labels-idx1-ubyte.gz", bytes=28_881),
        File(path="MNIST/raw/t10k-images-idx3-ubyte.gz", bytes=1_648_877),
        File(path="MNIST/raw/t10k-labels-idx1-ubyte.gz", bytes=4_542),
    ),
    augmentation=("shift",), recipe=MNIST_RECIPE,
)  # fmt: skip
FASHION_MNIST = DataSet(
    name="fashion_mnist", title="Fashion-MNIST", summary="70,000 pictures of clothing in MNIST's format: the same size, harder.",
    function="prune_core.data.mnist:load_fashion_mnist", papers=(papers.XIAO_2017,), licence="MIT",
    shape=(1, 28, 28), train=54_000, validation=6_000, test=10_000, mean=(0.2860,), std=(0.3530,),
    classes=("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    balance=Balance(
        train=(5364, 5400, 5391, 5422, 5409, 5429, 5406, 5413, 5414, 5352),
        validation=(636, 600, 609, 578, 591, 571, 594, 587, 586, 648),
        test=(1000,) * 10,
    ),
    files=(
        File(path="FashionMNIST/raw/train-images-idx3-ubyte.gz", bytes=26_421_880),
        File(path="FashionMNIST/raw/train-labels-idx1-ubyte.gz", bytes=29_515),
        File(path="FashionMNIST/raw/t10k-images-idx3-ubyte.gz", bytes=4_422_102),
        File(path="FashionMNIST/raw/t10k-labels-idx1-ubyte.gz", bytes=5_148),
    ),
    augmentation=("shift", "mirror"), recipe=MNIST_RECIPE,
)  # fmt: skip
CIFAR_10 = DataSet(
    name="cifar_10", title="CIFAR-10", summary="60,000 small colour photographs of ten kinds of animals and vehicles.",
    function="prune_core.data.cifar:load_cifar_10", papers=(papers.KRIZHEVSKY_2009,), licence=CIFAR_LICENCE,
    shape=(3, 32, 32), train=45_000, validation=5_000, test=10_000, mean=(0.4914, 0.4822, 0.4465), std=(0.2470, 0.2435, 0.2616),
    classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    balance=Balance(
        train=(4512, 4520, 4511, 4474, 4490, 4503, 4479, 4472, 4523, 4516),
        validation=(488, 480, 489, 526, 510, 497, 521, 528, 477, 484),
        test=(1000,) * 10,
    ),
    files=(File(path="cifar-10-python.tar.gz", bytes=170_498_071, unpacked="cifar-10-batches-py/test_batch"),),
    augmentation=("shift", "mirror"), recipe=CIFAR_RECIPE,
)  # fmt: skip
CIFAR_10_SMALL = CIFAR_10.model_copy(
    update={
        "name": "cifar_10_small", "title": "CIFAR-10 small", "function": "prune_core.data.cifar:load_cifar_10_small",
        "summary": "The first 8,000 training and 2,000 test images of CIFAR-10, for quick runs: accuracies on it are not accuracies on CIFAR-10.",
        "caution": "A fifth of the images: no accuracy on CIFAR-10.", "train": 7_200, "validation": 800, "test": 2_000,
        "balance": Balance(
            train=(716, 683, 737, 735, 724, 689, 739, 724, 735, 718),
            validation=(80, 82, 80, 74, 82, 76, 93, 85, 74, 74),
            test=(196, 198, 195, 199, 198, 185, 216, 193, 217, 203),
        ),
        "files": (File(path="cifar_10_small.npz", bytes=28_279_313),), "downloads": False,
    }
)  # fmt: skip
CIFAR_100 = DataSet(
    name="cifar_100", title="CIFAR-100", summary="60,000 small colour photographs of a hundred kinds of things, 600 of each.",
    function="prune_core.data.cifar:load_cifar_100", papers=(papers.KRIZHEVSKY_2009,), licence=CIFAR_LICENCE,
    shape=(3, 32, 32), train=45_000, validation=5_000, test=10_000, mean=(0.5071, 0.4865, 0.4409), std=(0.2673, 0.2564, 0.2762),
    classes=(
        "apple", "aquarium fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle", "bowl", "boy", "bridge", "bus",
        "butterfly", "camel", "can", "castle", "caterpillar", "cattle", "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch", "crab",
        "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish", "forest", "fox", "girl", "hamster", "house", "kangaroo", "keyboard",
        "lamp", "lawn mower", "leopard", "lion", "lizard", "lobster", "man", "maple tree", "motorcycle", "mountain", "mouse", "mushroom",
        "oak tree", "orange", "orchid", "otter", "palm tree", "pear", "pickup truck", "pine tree", "plain", "plate", "poppy", "porcupine",
        "possum", "rabbit", "raccoon", "ray", "road", "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper", "snail",
        "snake", "spider", "squirrel", "streetcar", "sunflower", "sweet pepper", "table", "tank", "telephone", "television", "tiger",
        "tractor", "train", "trout", "tulip", "turtle", "wardrobe", "whale", "willow tree", "wolf", "woman", "worm",
    ),
    balance=Balance(train=(450,) * 100, validation=(50,) * 100, test=(100,) * 100, exact=False),
    files=(File(path="cifar-100-python.tar.gz", bytes=169_001_437, unpacked="cifar-100-python/test"),),
    augmentation=("shift", "mirror"), recipe=CIFAR_RECIPE,
)  # fmt: skip

DATASETS = (DIGITS, MNIST, FASHION_MNIST, CIFAR_10, CIFAR_10_SMALL, CIFAR_100)
