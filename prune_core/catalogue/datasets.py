"""The data sets there are to choose from."""

from . import papers
from .entry import DataSet, File, Recipe

DIGIT_NAMES = tuple("0123456789")
MNIST_RECIPE = Recipe(optimizer="sgd", lr=0.1, momentum=0.9, weight_decay=5e-4, batch_size=100, lr_milestones=(0.5, 0.75), augment=False)
DIGITS_RECIPE = MNIST_RECIPE.model_copy(update={"batch_size": 32, "lr": 0.02})  # few images: smaller batches give enough steps

DIGITS = DataSet(
    name="digits", title="Digits", summary="1,797 handwritten digits of 8 x 8 pixels that ship with scikit-learn, enlarged to 28 x 28.",
    function="prune_core.data.digits:load", papers=(papers.ALPAYDIN_1998,), licence="CC BY 4.0",
    shape=(1, 28, 28), classes=DIGIT_NAMES, train=1294, validation=143, test=360, mean=(0.3052,), std=(0.3244,), recipe=DIGITS_RECIPE,
)  # fmt: skip
MNIST = DataSet(
    name="mnist", title="MNIST", summary="70,000 handwritten digits, the field's oldest benchmark.",
    function="prune_core.data.mnist:load_mnist", papers=(papers.LECUN_1998,), licence="CC BY-SA 3.0",
    shape=(1, 28, 28), classes=DIGIT_NAMES, train=54_000, validation=6_000, test=10_000, mean=(0.1307,), std=(0.3081,),
    files=(
        File(path="MNIST/raw/train-images-idx3-ubyte.gz", bytes=9_912_422),
        File(path="MNIST/raw/train-labels-idx1-ubyte.gz", bytes=28_881),
        File(path="MNIST/raw/t10k-images-idx3-ubyte.gz", bytes=1_648_877),
        File(path="MNIST/raw/t10k-labels-idx1-ubyte.gz", bytes=4_542),
    ),
    recipe=MNIST_RECIPE,
)  # fmt: skip
FASHION_MNIST = DataSet(
    name="fashion_mnist", title="Fashion-MNIST", summary="70,000 pictures of clothing in MNIST's format: the same size, harder.",
    function="prune_core.data.mnist:load_fashion_mnist", papers=(papers.XIAO_2017,), licence="MIT",
    shape=(1, 28, 28), train=54_000, validation=6_000, test=10_000, mean=(0.2860,), std=(0.3530,),
    classes=("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    files=(
        File(path="FashionMNIST/raw/train-images-idx3-ubyte.gz", bytes=26_421_880),
        File(path="FashionMNIST/raw/train-labels-idx1-ubyte.gz", bytes=29_515),
        File(path="FashionMNIST/raw/t10k-images-idx3-ubyte.gz", bytes=4_422_102),
        File(path="FashionMNIST/raw/t10k-labels-idx1-ubyte.gz", bytes=5_148),
    ),
    recipe=MNIST_RECIPE,
)  # fmt: skip

DATASETS = (DIGITS, MNIST, FASHION_MNIST)
