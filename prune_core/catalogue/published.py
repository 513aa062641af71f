"""Results that papers print, as data: reference points beside our own, each with its paper and with what it counted."""

from typing import Literal

from pydantic import Field

from .anatomy import Data
from .entry import Paper
from .papers import HAN_2015, LEE_2019

GUO_2016 = Paper(authors="Guo, Yao & Chen", title="Dynamic network surgery for efficient DNNs", year=2016, venue="NIPS")
CARREIRA_2018 = Paper(
    authors="Carreira-Perpiñán & Idelbayev", title='"Learning-compression" algorithms for neural net pruning', year=2018, venue="CVPR"
)
ULLRICH_2017 = Paper(
    authors="Ullrich, Meeds & Welling", title="Soft weight-sharing for neural network compression", year=2017, venue="ICLR"
)
MOLCHANOV_2017 = Paper(
    authors="Molchanov, Ashukha & Vetrov", title="Variational dropout sparsifies deep neural networks", year=2017, venue="ICML"
)
LECUN_1990 = Paper(authors="LeCun, Denker & Solla", title="Optimal brain damage", year=1990, venue="NIPS")
DONG_2017 = Paper(
    authors="Dong, Chen & Pan", title="Learning to prune deep neural networks via layer-wise optimal brain surgeon", year=2017, venue="NIPS"
)

Prunings = Literal["none", "one", "many", "soft"]
SNIP_COUNTED = "Sparsity over all parameters, biases among them, as its published code counts; test error printed to one digit."
QUOTED = "As SNIP's Table 1 quotes it; whether biases count, and how long it was trained, is not said there."


class Published(Data):
    """One printed result: `error` (fraction of the test images) at `sparsity` (fraction removed; None: the full network of that paper)."""

    model: str
    dataset: str
    method: str
    criterion: str = Field(description="What decided, in the paper's words.")
    sparsity: float | None = Field(None, ge=0, lt=1)
    error: float = Field(ge=0, le=1)
    prunings: Prunings
    paper: Paper
    printed_in: Paper = LEE_2019
    where: str = "Table 1"
    counted: str = QUOTED
    family: str | None = Field(
        None, description="The family of our criterion that does the same; None: we have none, or it is not one of ours."
    )

    @property
    def source(self) -> str:
        """Where the number stands: "Han et al. 2015, quoted by Lee, Ajanthan & Torr 2019, Table 1"."""
        printed = f"{self.printed_in.short}, {self.where}"
        return printed if self.paper == self.printed_in else f"{self.paper.short}, quoted by {printed}"


# method, criterion, prunings, paper, family, then (sparsity, error) of LeNet-300-100 and of LeNet-5 on MNIST in per cent, as printed
ROWS: tuple[tuple[str, str, Prunings, Paper, str | None, tuple[tuple[float, float], ...], tuple[tuple[float, float], ...]], ...] = (
    ("LWC", "magnitude", "many", HAN_2015, "magnitude", ((91.7, 1.6),), ((91.7, 0.8),)),
    ("DNS", "magnitude", "many", GUO_2016, "magnitude", ((98.2, 2.0),), ((99.1, 0.9),)),
    ("LC", "magnitude", "many", CARREIRA_2018, "magnitude", ((99.0, 3.2),), ((99.0, 1.1),)),
    ("SWS", "Bayesian", "soft", ULLRICH_2017, None, ((95.6, 1.9),), ((99.5, 1.0),)),
    ("SVD", "Bayesian", "soft", MOLCHANOV_2017, None, ((98.5, 1.9),), ((99.6, 0.8),)),
    ("OBD", "Hessian", "many", LECUN_1990, "fisher", ((92.0, 2.0),), ((92.0, 2.7),)),
    ("L-OBS", "Hessian", "many", DONG_2017, "fisher", ((98.5, 2.0),), ((99.0, 2.1),)),
    ("SNIP", "connection sensitivity", "one", LEE_2019, "snip", ((95.0, 1.6), (98.0, 2.4)), ((98.0, 0.8), (99.0, 1.1))),
)
REFERENCES = (("lenet_300_100", 1.7), ("lenet_5", 0.9))


def table_1() -> tuple[Published, ...]:
    """SNIP's Table 1: pruning results of LeNets on MNIST."""
    full = [
        Published(
            model=model, dataset="mnist", method="Full network", criterion="none", error=percent / 100, prunings="none", paper=LEE_2019,
            counted=SNIP_COUNTED,
        )
        for model, percent in REFERENCES
    ]  # fmt: skip
    pruned = [
        Published(
            model=model, dataset="mnist", method=method, criterion=criterion, sparsity=round(sparsity / 100, 3), error=round(error / 100, 3),
            prunings=prunings, paper=paper, family=family, counted=SNIP_COUNTED if paper == LEE_2019 else QUOTED,
        )
        for method, criterion, prunings, paper, family, *networks in ROWS
        for (model, _), points in zip(REFERENCES, networks, strict=True)
        for sparsity, error in points
    ]  # fmt: skip
    return (*full, *pruned)


PUBLISHED = table_1()


def published(model: str, dataset: str) -> tuple[Published, ...]:
    """What papers print of that network on those images; mostly nothing."""
    return tuple(entry for entry in PUBLISHED if (entry.model, entry.dataset) == (model, dataset))
