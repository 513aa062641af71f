"""Asks a criterion, on images drawn for it, and leaves the network exactly as it was."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor, nn

from ..catalogue import criteria, named, scorer_of
from ..catalogue.criteria.options import DataOptions, LabelOptions, ScopeOptions
from ..criteria.types import Batch, CriterionError, Scores, Scoring
from ..events import Histogram
from ..steps import Prune, Score
from ..streams import seed_of
from .channels import channel_flags, rows
from .dataset import Data, Images
from .errors import RunError
from .masks import generator, masks_from
from .network import Network

BINS = 40
BINS_IN_ALL = 2_400  # of a network's many layers each gets fewer: an event stays small
NOTHING: Mapping[str, Tensor] = MappingProxyType({})


def score(step: Score, network: Network, data: Data, seed: int, masks: Mapping[str, Tensor] = NOTHING) -> Scores:
    """Scores of every unit, name -> float64 tensor on the CPU; higher stays. Raises RunError where one is not finite, naming the layer.

    masks: what a rehearsal has left, by parameter; empty before the first.
    """
    entry = criteria[step.criterion]
    with question(step, network, data, seed, masks) as scoring:
        scores: Scores = scorer_of(entry, step.granularity)(scoring)
    scores = {name: values.cpu() for name, values in scores.items()}
    for name, values in scores.items():
        if not bool(values.sum().isfinite()) and (bad := int((~values.isfinite()).sum())):
            raise RunError(
                f"{entry.title}: {name} has a score that is not finite ({bad:,} of {values.numel():,}). "
                "Activations or gradients ran over; try another initialisation or a smaller learning rate."
            )
    return scores


def adjusted(step: Score, network: Network, data: Data, seed: int, kept: Mapping[str, Tensor]) -> Scores:
    """New values of parameters, name -> tensor of its shape, by the criterion of the scores that decided what is `kept`; it looks at the same images.

    Raises RunError where a value is not finite. Changes nothing.
    """
    entry = criteria[step.criterion]
    assert entry.update is not None
    with question(step, network, data, seed) as scoring:
        values: Scores = named(entry.update)(scoring, {name: mask.to(network.device) for name, mask in kept.items()})
    for name, new in values.items():
        if not bool(new.isfinite().all()):
            raise RunError(f"{entry.title}: {name} would get weights that are not finite. Try a larger criterion_options.damping.")
    return values


@contextmanager
def question(step: Score, network: Network, data: Data, seed: int, masks: Mapping[str, Tensor] = NOTHING) -> Iterator[Scoring]:
    """What a criterion is asked: the same each time for the same step and network. What has no answer is a RunError."""
    options = criteria[step.criterion].options.model_validate(step.options)
    assert isinstance(options, ScopeOptions)
    weights, units = ranked(step, network, options)
    chance = generator(seed_of(seed, options.stream, None if options.draws_once else step.round))
    channels = step.granularity == "channel"
    groups = {g.name: g for g in network.entry.channel_groups} if channels else {}
    left = {} if channels else {name: network.masks[name] for name in weights if name in network.masks}
    recorded = network.recorded(weights) if "recorded" in criteria[step.criterion].needs else {}
    with untouched(network.module):
        batches = prepared(network.module, data, options, seed, images_round(step, options)) if isinstance(options, DataOptions) else []
        try:
            yield Scoring(
                network.module,
                weights,
                units,
                batches,
                options,
                chance,
                network.entry.input_shape,
                masks,
                groups,
                recorded,
                left,
                network.factors,
            )
        except CriterionError as error:
            raise RunError(str(error)) from error


def rehearse(pruning: Prune, step: Score, network: Network, data: Data, seed: int, masks: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What a pruning of the step's rehearsals would leave, by scores of what `masks` leave: name -> bool tensor. Changes nothing."""
    scores = score(step.model_copy(update={"round": pruning.round}), network, data, seed, masks)
    weights = network.parameters if step.granularity == "weight" else None
    return masks_from(pruning, scores, alive(step, network, scores), seed, weights)[1]


def images_round(step: Score, options: DataOptions) -> int:
    """The round whose images a scoring looks at: its own, unless all rounds are to look at those of the first."""
    return 1 if options.same_images else step.round


def ranked(step: Score, network: Network, options: ScopeOptions) -> tuple[dict[str, Tensor], dict[str, tuple[int, ...]]]:
    """(what is ranked, shape of its scores): parameters, or the producing weight of every channel group."""
    if step.granularity == "channel":
        groups = network.entry.channel_groups
        return {g.name: rows(g, network.parameters[g.producer]) for g in groups}, {g.name: (g.channels,) for g in groups}
    weights = network.prunable(options)
    if not weights:
        raise RunError(f"criterion_options: include and exclude leave nothing to prune. Parameters: {', '.join(network.parameters)}.")
    return weights, {name: tuple(w.shape) for name, w in weights.items()}


def alive(step: Score, network: Network, scores: Scores) -> dict[str, Tensor]:
    """Bool tensors of the scores' shapes, on the CPU: the units that no earlier pruning removed."""
    if step.granularity == "channel":
        return channel_flags(network.entry, network.mask_of)
    return {name: network.mask_of(name).cpu() for name in scores}


@contextmanager
def untouched(module: nn.Module) -> Iterator[None]:
    """Scoring in eval mode; modes, buffers and the global random state are found again bit for bit."""
    modes = {m: m.training for m in module.modules()}
    buffers = [(b, b.clone()) for b in module.buffers()]
    state = torch.get_rng_state()
    module.eval()
    try:
        yield
    finally:
        torch.set_rng_state(state)
        with torch.no_grad():
            for buffer, before in buffers:
                buffer.copy_(before)
        for m, training in modes.items():
            m.training = training


def prepared(module: nn.Module, data: Data, options: DataOptions, seed: int, round: int) -> list[Batch]:
    """The scoring batches, after batch norm was set as the options say."""
    batches = scoring_batches(data, options, seed, round)
    normalisations = [m for m in module.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    if options.calibrate_bn:
        for m in normalisations:
            m.train()
        with torch.no_grad():
            for images, _ in batches[: options.calibrate_bn]:
                module(images)
    for m in normalisations:
        m.train(options.bn_mode == "train")
    return batches


def scoring_batches(data: Data, options: DataOptions, seed: int, round: int) -> list[Batch]:
    """Images drawn without repetition from the options' part and classes, by the run's seed and round; a longer draw begins with a shorter one."""
    part = data[options.source]
    rows = draw(part, options, data, seed, round)
    control = isinstance(options, LabelOptions) and options.labels == "shuffled"
    labels = shuffled(part.labels, seed) if control else part.labels
    return [(part.standardised(part.images[chunk]), labels[chunk]) for chunk in rows.split(options.scoring_batch)]


def draw(part: Images, options: DataOptions, data: Data, seed: int, round: int) -> Tensor:
    order = torch.randperm(len(part), generator=generator(seed_of(seed, "scoring", round))).to(part.labels.device)
    if options.classes:
        order = order[torch.isin(part.labels[order], torch.tensor(options.classes, device=order.device))]
    n = len(order) if options.n_examples == "all" else options.n_examples
    if n > len(order):
        of = f" of class {', '.join(data.entry.classes[c] for c in options.classes)}" if options.classes else ""
        raise RunError(
            f"criterion_options.n_examples: {n:,} images asked, {data.entry.title} has {len(order):,}{of} in its {options.source} part."
        )
    if not options.balanced:
        return order[:n]
    wanted = options.classes or tuple(range(data.classes))
    each = [order[part.labels[order] == c] for c in wanted]
    counts = [n // len(wanted) + (i < n % len(wanted)) for i in range(len(wanted))]
    if short := [c for c, rows, k in zip(wanted, each, counts, strict=True) if k > len(rows)]:
        raise RunError(f"criterion_options.balanced: class {data.entry.classes[short[0]]} has too few images for {n:,} in all.")
    return torch.cat([rows[:k] for rows, k in zip(each, counts, strict=True)])


def shuffled(labels: Tensor, seed: int) -> Tensor:
    """The control: all labels of a part, dealt out anew by the run's seed."""
    return labels[torch.randperm(len(labels), generator=generator(seed_of(seed, "label_control"))).to(labels.device)]


def histograms(scores: Scores, living: Mapping[str, Tensor]) -> tuple[Histogram, ...]:
    """Scores of what is left, per layer, in bins of log10 common to all layers."""
    bins = min(BINS, max(1, BINS_IN_ALL // len(scores)))
    values = {name: s[living[name]].abs().cpu().numpy() for name, s in scores.items()}
    logs = {name: np.log10(v[v > 0]) for name, v in values.items()}
    low = min((float(v.min()) for v in logs.values() if v.size), default=0.0)
    high = max((float(v.max()) for v in logs.values() if v.size), default=1.0)
    edges = np.linspace(low, high if high > low else low + 1, bins + 1)
    rounded = tuple(round(float(e), 4) for e in edges)
    return tuple(
        Histogram(name=name, edges=rounded, counts=tuple(np.histogram(v, edges)[0].tolist()), zeros=int(values[name].size - v.size))
        for name, v in logs.items()
    )
