"""DenseNet for CIFAR without bottlenecks: depth d has (d - 4) / 3 layers a block."""

from pydantic import Field

from .. import papers
from ..anatomy import Anatomy
from ..entry import Model
from ..sketch import Sketch
from . import recipes
from .options import COLOUR, INITIALISATION_HELP, Initialisation, WidthOptions

STEM, GROWTH, BLOCKS, LAYERS = 24, 12, 3, 12


class DenseNetOptions(WidthOptions):
    initialisation: Initialisation = Field(
        "he", description=INITIALISATION_HELP + " Network slimming draws by fan-out, and starts batch norm's scales at 0.5."
    )


def densenet_40(options: DenseNetOptions, classes: int) -> Anatomy:
    s = Sketch(COLOUR)
    x = s.conv(s.image, "conv", "Stem", options.of(STEM), kernel=3, padding=1)
    for i in range(1, BLOCKS + 1):
        for j in range(1, LAYERS + 1):
            name = f"block{i}.layer{j}"
            y = s.relu(s.batch_norm(x, f"{name}.bn"))
            x = s.concatenate(x, s.conv(y, f"{name}.conv", f"{i}.{j} Conv", options.of(GROWTH), kernel=3, padding=1))
        if i < BLOCKS:
            y = s.relu(s.batch_norm(x, f"transition{i}.bn"))
            x = s.avg_pool(s.conv(y, f"transition{i}.conv", f"Transition {i}", x.shape[0], kernel=1))
    return s.anatomy(s.linear(s.mean(s.relu(s.batch_norm(x, "bn"))), "fc", "Output", classes))


DENSENET_40 = Model.drawn(
    densenet_40, DenseNetOptions,
    name="densenet_40", title="DenseNet-40",
    summary="Three blocks of twelve convolutions, each of which sees all before it in its block: a channel that goes goes from all that read it.",
    function="prune_core.models.densenet:densenet_40", papers=(papers.HUANG_2017, papers.LIU_2017), input_shape=COLOUR, reference_seconds=40,
    recipes=recipes.SLIMMING,
)  # fmt: skip
