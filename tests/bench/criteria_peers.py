"""Our scores beside those of the papers' own code, on the same weights and the same images.

    SYNAPTIC_FLOW=/path SNIP=/path GRASP=/path FORCE=/path python -m tests.bench.criteria_peers       # a minute

Each variable names a folder with the published code (ganguli-lab/Synaptic-Flow, mil-ad/snip, alecwangcq/GraSP, naver/force); torch-pruning and captum
are tried where they can be imported. What is not here is left out and said. The code is run as it is, from its own folder; nothing of it is part of
this repository. Networks are trained for 60 steps on digits and scored in double precision in eval mode, so that what differs is the formula.
"""

import contextlib
import copy
import importlib
import io
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple
from unittest import mock

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from prune_core import catalogue
from prune_core.catalogue import Model
from prune_core.criteria.types import Batch, Scores, Scoring
from prune_core.engine.dataset import open_data
from prune_core.engine.masks import masks_from
from prune_core.models.initialisation import initialise
from prune_core.protocols.schedules import sparsities
from prune_core.steps import Prune

from .measuring import RESULTS, machine

IMAGES, STEPS, SPARSITY = 100, 60, 0.9
CPU = torch.device("cpu")
MODELS = ("lenet_300_100", "lenet_5", "small_conv")


class Case(NamedTuple):
    """A trained network in double precision and eval mode, and the images it is scored on."""

    entry: Model
    module: nn.Module
    batch: Batch

    @property
    def weights(self) -> dict[str, Tensor]:
        parameters = dict(self.module.named_parameters())
        return {layer.name: parameters[layer.name] for layer in self.entry.layers}

    def ask(self, name: str, **options: Any) -> Scores:
        """Our scores of every weight."""
        entry, weights = catalogue.criteria[name], self.weights
        asked = Scoring(
            self.module, weights, {n: tuple(w.shape) for n, w in weights.items()}, [self.batch], entry.options(**options),
            torch.Generator().manual_seed(0), self.entry.input_shape,
        )  # fmt: skip
        found: Scores = catalogue.function_of(entry)(asked)
        return found


class Compared(NamedTuple):
    """Ours beside theirs on one network. `difference`: the largest, relative to the largest of theirs; of masks, the share of entries that differ."""

    criterion: str
    peer: str
    model: str
    what: str
    difference: float
    note: str = ""


class Absent(Exception):  # noqa: N818
    """The peer is not on this machine."""


def case(name: str) -> Case:
    entry = catalogue.models[name]
    module = catalogue.function_of(entry)(entry.options(), entry.classes)
    initialise(module, entry.options().initialisation, torch.Generator().manual_seed(0))
    part = open_data(catalogue.datasets["digits"], CPU, lambda _: None)["train"]
    chance = torch.Generator().manual_seed(1)
    optimiser = torch.optim.SGD(module.parameters(), lr=0.02, momentum=0.9)
    for _ in range(STEPS):
        images, labels = part.batch(torch.randint(len(part), (32,), generator=chance))
        optimiser.zero_grad()
        F.cross_entropy(module(images), labels).backward()
        optimiser.step()
    images, labels = part.batch(torch.randperm(len(part), generator=chance)[:IMAGES])
    module.zero_grad()
    return Case(entry, module.double().eval(), (images.double(), labels))


def code(variable: str, module: str) -> ModuleType:
    """A module of a peer's code, from the folder that the variable names. Raises Absent in words."""
    folder = os.environ.get(variable, "")
    if not folder or not Path(folder).is_dir():
        raise Absent(f"set {variable} to a folder with its code")
    with mock.patch.object(sys, "path", [folder, *sys.path]):
        return importlib.import_module(module)


def installed(module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise Absent(f"{module} can't be imported ({error})") from None


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()):
        yield


def apart(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> float:
    """Largest difference of all scores, after both were brought to the same sum of sizes: global factors rank nothing."""
    a, b = (torch.cat([s[name].flatten().double() for name in ours]) for s in (ours, theirs))
    a, b = a / a.abs().sum(), b / b.abs().sum()
    return float((a - b).abs().max() / b.abs().max())


def masks_apart(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> float:
    a, b = (torch.cat([m[name].flatten().bool() for name in ours]) for m in (ours, theirs))
    return float((a != b).double().mean())


def mask_of(scores: Scores, sparsity: float) -> dict[str, Tensor]:
    return masks_from(Prune(sparsity=sparsity), scores, {n: torch.ones_like(s, dtype=torch.bool) for n, s in scores.items()}, 0)[1]


# ---- the peers


def synaptic_flow(here: Case) -> Iterator[Compared]:
    """Its pruners want its own layers, which hold a mask beside every weight."""
    layers, pruners = code("SYNAPTIC_FLOW", "Layers.layers"), code("SYNAPTIC_FLOW", "Pruners.pruners")
    for criterion, kind, options, note in (
        ("snip", "SNIP", {}, ""), ("grasp", "GraSP", {}, ""),
        ("synflow", "SynFlow", {"reference": True}, ""),
        ("synflow", "SynFlow", {}, "by design: they keep biases and batch norm's shift and mean in absolute value, we leave them out (option: reference)"),
    ):  # fmt: skip
        module = with_their_layers(here.module, layers)
        own = {f"{n}.weight": m for n, m in module.named_modules() if hasattr(m, "weight_mask") and not isinstance(m, nn.BatchNorm2d)}
        pruner = getattr(pruners, kind)([(m.weight_mask, m.weight) for m in own.values()])
        with in_double():
            pruner.score(module, nn.CrossEntropyLoss(), [here.batch], CPU)
        theirs = {name: pruner.scores[id(m.weight)] for name, m in own.items()}
        ours = here.ask(criterion, **options)
        yield Compared(
            criterion, "Synaptic-Flow", here.entry.name, "scores" + (", reference form" if options else ""), apart(ours, theirs), note
        )


@contextlib.contextmanager
def in_double() -> Iterator[None]:
    """SynFlow's image of ones has torch's default type."""
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


def with_their_layers(module: nn.Module, layers: ModuleType) -> nn.Module:
    """A copy of a network in which every convolution and dense layer is one of theirs, with the same weights."""
    copied = copy.deepcopy(module)
    for name, child in list(copied.named_modules()):
        if isinstance(child, nn.Linear):
            new = layers.Linear(child.in_features, child.out_features, child.bias is not None)
        elif isinstance(child, nn.Conv2d):
            new = layers.Conv2d(
                child.in_channels, child.out_channels, child.kernel_size, child.stride, child.padding, bias=child.bias is not None
            )
        else:
            continue
        new = new.double().eval()
        new.load_state_dict(child.state_dict(), strict=False)
        parent, _, last = name.rpartition(".")
        setattr(copied.get_submodule(parent), last, new)
    return copied


def snip_of_mil_ad(here: Case) -> Iterator[Compared]:
    """It draws all weights anew before it scores; that draw is left out here, since it would score another network."""
    peer = code("SNIP", "snip")
    with quiet(), mock.patch("torch.nn.init.xavier_normal_"), log_softmax(peer):
        masks = peer.SNIP(here.module, 1 - SPARSITY, [here.batch], CPU)
    theirs = dict(zip(here.weights, masks, strict=True))
    yield Compared(
        "snip", "mil-ad/snip", here.entry.name, f"masks at {SPARSITY:.0%}", masks_apart(mask_of(here.ask("snip"), SPARSITY), theirs),
        "it keeps int(n (1 - s)) and every tie; its new draw of the weights is left out",
    )  # fmt: skip


@contextlib.contextmanager
def log_softmax(peer: ModuleType) -> Iterator[None]:
    """Its networks end in log-softmax and its loss begins behind it; ours end in logits."""
    with mock.patch.object(peer.F, "nll_loss", F.cross_entropy):
        yield


def grasp_of_its_authors(here: Case) -> Iterator[Compared]:
    peer = code("GRASP", "pruner.GraSP")
    each = 5
    rows = torch.cat([(here.batch[1] == k).nonzero()[:each, 0] for k in range(here.entry.classes)])
    chosen = here._replace(batch=(here.batch[0][rows], here.batch[1][rows]))
    with quiet():
        masks = peer.GraSP(here.module, SPARSITY, [chosen.batch, here.batch], CPU, here.entry.classes, each, reinit=False)
    theirs = {name: masks[here.module.get_submodule(name.rpartition(".")[0])] for name in here.weights}
    ours = mask_of(chosen.ask("grasp"), SPARSITY)
    yield Compared(
        "grasp", "alecwangcq/GraSP", here.entry.name, f"masks at {SPARSITY:.0%}", masks_apart(ours, theirs),
        "it removes one weight less (the threshold stays); its new draw of dense layers is switched off",
    )  # fmt: skip


def force_of_naver(here: Case) -> Iterator[Compared]:
    """Ten rounds of the whole batch, by its exponential schedule, which is ours."""
    peer = code("FORCE", "pruning.pruning_algos")
    rounds = 10
    for criterion, method in (("iterative_snip", 1), ("force", 3)):
        with quiet(), log_softmax(peer):
            masks = peer.iterative_pruning(here.module, [here.batch], CPU, 1 - SPARSITY, method, rounds)
        theirs = dict(zip(here.weights, masks, strict=True))
        yield Compared(
            criterion, "naver/force", here.entry.name, f"masks at {SPARSITY:.0%}, ten rounds", masks_apart(rounds_of(here, criterion, rounds), theirs),
            "as many weights a round as there, int(n d); with ours, the nearest number, one weight more in an early round changes 2 to 10 % of the last mask",
        )  # fmt: skip


def rounds_of(here: Case, criterion: str, rounds: int) -> dict[str, Tensor]:
    """Our masks after so many rounds: FORCE scores dense weights behind a mask, iterative SNIP what is left.

    As many weights stay in every round as there, int(n d): one weight more in an early round changes a few percent of the last mask.
    """
    entry, before = catalogue.criteria[criterion], {n: w.detach().clone() for n, w in here.weights.items()}
    alive = {n: torch.ones_like(w, dtype=torch.bool) for n, w in before.items()}
    masks: dict[str, Tensor] = {}
    total = sum(w.numel() for w in before.values())
    for k, sparsity in enumerate(sparsities(SPARSITY, rounds, "exponential")):
        prune = Prune(sparsity=1 - int(total * (1 - sparsity)) / total, round=k + 1)
        weights = here.weights
        asked = Scoring(
            here.module, weights, {n: tuple(w.shape) for n, w in weights.items()}, [here.batch], entry.options(), torch.Generator().manual_seed(0),
            here.entry.input_shape, masks if entry.rehearses else {},
        )  # fmt: skip
        masks = masks_from(prune, catalogue.function_of(entry)(asked), alive, 0)[1]
        if not entry.rehearses:
            alive = masks
            with torch.no_grad():
                for name, weight in weights.items():
                    weight.mul_(masks[name])
    with torch.no_grad():
        for name, weight in here.weights.items():
            weight.copy_(before[name])
    return masks


def torch_pruning(here: Case) -> Iterator[Compared]:
    """Importance of the first convolution's channels: only what makes them, or only what reads them (`group_reduction="first"`)."""
    peer = installed("torch_pruning")
    if not here.entry.channel_groups:
        return
    module = copy.deepcopy(here.module)
    graph = peer.DependencyGraph().build_dependency(module, here.batch[0][:1])
    first = here.entry.channel_groups[0]
    name = first.members[0].rpartition(".")[0]
    layer = module.get_submodule(name)
    group = graph.get_pruning_group(layer, peer.prune_conv_out_channels, idxs=list(range(first.channels)))
    for criterion, importance, ours in (
        ("l1_norm", peer.importance.MagnitudeImportance(p=1, group_reduction="first", normalizer=None), lambda s: s),
        ("l2_norm", peer.importance.MagnitudeImportance(p=2, group_reduction="first", normalizer=None), torch.square),
    ):
        found = channels(here, criterion)[first.name]
        note = "it gives the squared norm; ours is squared for the comparison" if criterion == "l2_norm" else ""
        yield Compared(criterion, "torch-pruning", here.entry.name, f"scores of {first.title}", one(ours(found), importance(group)), note)
    if first.batch_norm:
        yield Compared(
            "bn_scale", "torch-pruning", here.entry.name, f"scores of {first.title}",
            one(channels(here, "bn_scale")[first.name], peer.importance.BNScaleImportance(group_reduction="first", normalizer=None)(group)),
        )  # fmt: skip
    images, labels = here.batch
    F.cross_entropy(module(images), labels).backward()
    second = module.get_submodule(here.entry.channel_groups[1].name)
    read = graph.get_pruning_group(second, peer.prune_conv_in_channels, idxs=list(range(first.channels)))
    slopes = peer.importance.GroupTaylorImportance(group_reduction="first", normalizer=None, multivariable=True)(read)
    note = "its sum of w g over the weights that read a channel, which is the slope along the channel's gate"
    yield Compared(
        "snip", "torch-pruning", here.entry.name, f"scores of {first.title}", one(channels(here, "snip")[first.name], slopes), note
    )
    ours = channels(here, "taylor")[first.name].sqrt()
    yield Compared("taylor", "torch-pruning", here.entry.name, f"scores of {first.title}", one(ours, slopes), note + "; of ours the root")


def channels(here: Case, name: str, **options: Any) -> Scores:
    """Our scores of every channel."""
    entry, parameters = catalogue.criteria[name], dict(here.module.named_parameters())
    groups = {g.name: g for g in here.entry.channel_groups}
    asked = Scoring(
        here.module, {n: parameters[g.members[0]] for n, g in groups.items()}, {n: (g.channels,) for n, g in groups.items()}, [here.batch],
        entry.options(**options), torch.Generator().manual_seed(0), here.entry.input_shape, groups=groups,
    )  # fmt: skip
    found: Scores = catalogue.scorer_of(entry, "channel")(asked)
    return found


def captum(here: Case) -> Iterator[Compared]:
    """Layer activation times gradient of every image's loss, over space: what gates on channels are read off."""
    peer = installed("captum.attr")
    if not here.entry.channel_groups:
        return
    images, labels = here.batch
    for group in here.entry.channel_groups:
        attribution = peer.LayerGradientXActivation(
            lambda x: F.cross_entropy(here.module(x), labels, reduction="none"),
            here.module.get_submodule(group.batch_norm or group.name),
        ).attribute(images)
        slopes = attribution.double().sum((2, 3))
        maps = attribution.double().mean((2, 3)).abs().mean(0)
        for criterion, options, theirs in (
            ("skeletonization", {"error": "loss"}, -slopes.mean(0)),
            ("snip", {}, slopes.mean(0).abs()),
            ("taylor", {"reduce": "sample"}, slopes.square().mean(0)),
            ("taylor", {"form": "feature_map"}, maps / maps.norm()),
            ("fisher", {}, slopes.square().mean(0) / 2),
        ):
            found = channels(here, criterion, **options)[group.name]
            said = "".join(f", {value.replace('_', ' ')}" for value in options.values())
            yield Compared(criterion, "captum", here.entry.name, f"scores of {group.title}{said}", one(found, theirs))


def one(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs.detach().double()).abs().max() / theirs.detach().abs().max())


PEERS: Mapping[str, Callable[[Case], Iterator[Compared]]] = {
    "ganguli-lab/Synaptic-Flow": synaptic_flow, "mil-ad/snip": snip_of_mil_ad, "alecwangcq/GraSP": grasp_of_its_authors,
    "naver/force": force_of_naver, "torch-pruning": torch_pruning, "captum": captum,
}  # fmt: skip


def main() -> None:
    torch.set_num_threads(1)
    cases = [case(name) for name in MODELS]
    found: list[Compared] = []
    absent: list[str] = []
    for name, compare in PEERS.items():
        try:
            for here in cases:
                found += compare(here)
        except Absent as reason:
            absent.append(f"{name}: {reason}.")
    text = report(found, absent)
    (RESULTS / "criteria_peers.md").write_text(text)
    print(text)


def report(found: list[Compared], absent: list[str]) -> str:
    lines = [
        "# Scores beside the published code", "",
        f"`python -m tests.bench.criteria_peers`, {datetime.now(UTC):%Y-%m-%d}, torch {torch.__version__}, {machine()}. Same weights ({STEPS} training steps "
        f"on digits), same {IMAGES} images, double precision, eval mode. Of scores: the largest difference, relative to the largest, after a common factor; "
        f"of masks: the share of entries that differ.", "",
        "| criterion | peer | network | what | difference | |", "| --- | --- | --- | --- | ---: | --- |",
        *(f"| {c.criterion} | {c.peer} | {c.model} | {c.what} | {c.difference:.1e} | {c.note} |" for c in found),
    ]  # fmt: skip
    return "\n".join([*lines, *(["", "Not here: " + " ".join(absent)] if absent else [])]) + "\n"


if __name__ == "__main__":
    main()
