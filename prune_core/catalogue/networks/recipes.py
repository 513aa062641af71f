"""How the papers train their networks on CIFAR. Runs here say how many epochs; what stands here are rates, batches, and when the rate falls.

A rate falls to a tenth at each milestone, a fraction of the training.
"""

from ..entry import Recipe

CIFAR = ("cifar_10", "cifar_100")


def on_cifar(recipe: Recipe) -> dict[str, Recipe]:
    return dict.fromkeys(CIFAR, recipe)


def adam(lr: float, batch_size: int, lr_milestones: tuple[float, ...] = ()) -> dict[str, Recipe]:
    """Adam as the papers use it, without decay and augmentation."""
    return on_cifar(
        Recipe(optimizer="adam", lr=lr, momentum=0.9, weight_decay=0.0, batch_size=batch_size, lr_milestones=lr_milestones, augment=False)
    )


def sgd(batch_size: int, weight_decay: float, lr_milestones: tuple[float, ...]) -> dict[str, Recipe]:
    """SGD from 0.1 on augmented images."""
    return on_cifar(
        Recipe(
            optimizer="sgd", lr=0.1, momentum=0.9, weight_decay=weight_decay, batch_size=batch_size, lr_milestones=lr_milestones, augment=True
        )
    )  # fmt: skip


STABILITY = adam(1e-3, 128, (150 / 325, 300 / 325))  # Bartoldson et al. 2020: 325 epochs
SNIP = sgd(128, 5e-4, (0.2, 0.4, 0.6, 0.8))  # Lee et al. 2019: every 30,000 of 150,000 iterations
SLIMMING = sgd(64, 1e-4, (0.5, 0.75))  # Liu et al. 2017 and 2019: at 80 and 120 of 160 epochs
LOTTERY = sgd(128, 1e-4, (0.5, 0.75))  # open_lth: the same epochs
WIDE = sgd(128, 5e-4, (0.3, 0.6, 0.8))  # Crowley et al. 2018: at 60, 120 and 160 of 200 epochs, there to a fifth
