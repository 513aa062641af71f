"""What a run does when a criterion is asked: rehearsals, scores, and what of them is stored."""

import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from ..catalogue import criteria
from ..criteria.types import Scores
from ..events import LARGEST, Event, Scored, to_json
from ..steps import Score
from .checkpoint import array
from .network import first_layer_form
from .scoring import alive, histograms, rehearse, score
from .survey import Survey, mean_image, survey

if TYPE_CHECKING:
    from .execute import Execution


def ask(run: "Execution", step: Score) -> Iterator[Event]:
    """Score all units: for the pruning that follows, or, at a step with sparsities, to look at what would be kept."""
    began = time.perf_counter()
    with run.network.found_again() if step.lasting else nullcontext():
        masks = rehearsed(run, step)
        if run.broken_off:
            return
        scores = score(step, run.network, run.data, run.spec.seed, masks)
        looking = survey(step, run.network, scores, run.spec.seed) if step.sparsities else None
        living = alive(step, run.network, scores)
    told = Scored(
        epoch=run.clock.epoch, criterion=step.criterion, options=step.options, seconds=time.perf_counter() - began,
        histograms=histograms(scores, living), layers=tuple(scores), scorings=step.scorings,
    )  # fmt: skip
    yield for_a_pruning(run, step, scores, told) if looking is None else for_looking(run, step, looking, told)


def for_a_pruning(run: "Execution", step: Score, scores: Scores, told: Scored) -> Scored:
    """Keep the scores, and store those that can't be computed again from the weights alone."""
    run.scores, run.criterion = scores, step
    if not criteria[step.criterion].needs & {"data", "recorded"}:
        return told
    name = f"scores-{run.number:04d}.safetensors"
    run.files.save(name, {n: array(s.float()) for n, s in scores.items()}, {})
    return replace(told, file=name)


def for_looking(run: "Execution", step: Score, looking: Survey, told: Scored) -> Scored:
    """Store what would be kept of the first layer beside the mean image; hold the rest for a comparison that follows."""
    name, classes = f"scores-{run.number:04d}.safetensors", step.options.get("classes", ())
    layout = first_layer_form(run.spec.model_entry.layers[0], run.spec.model_entry.input_shape)
    tensors: dict[str, Any] = {"mean_image": mean_image(run.data, tuple(classes))}
    if looking.first_layer is not None:
        shape = (len(step.sparsities), -1) if layout["layout"] == "pixels" else (len(step.sparsities), *layout["shape"])
        tensors[layout["layout"]] = looking.first_layer.reshape(shape)
    run.files.save(name, tensors, {"classes": str(list(classes))})
    if step.held:
        run.held[step.criterion] = looking
    return small(replace(told, sparsities=step.sparsities, kept=looking.kept, file=name))


def rehearsed(run: "Execution", step: Score) -> dict[str, torch.Tensor]:
    """Carry out the rehearsals of a scoring: the masks that it is to look through, none where what went is gone from the network itself."""
    run.tell(f"Scoring by {step.criterion}")
    masks: dict[str, torch.Tensor] = {}
    for rehearsal in step.rehearsals:
        if run.stop():
            run.broken_off = True
            break
        masks = rehearse(rehearsal, step, run.network, run.data, run.spec.seed, masks)
        if step.lasting:
            run.network.apply_masks(run.network.channel_masks(masks) if step.granularity == "channel" else masks, None)
            masks = {}
        run.done += (run.work[run.step + 1] - run.work[run.step]) // step.scorings
        run.tell(f"Scoring by {step.criterion}")
    return masks


def answered(run: "Execution", step: Score) -> Scores:
    """Scores for a measurement. Those of the last question are kept while the run only measures: layers cut one after another share them."""
    if run.answer is None or run.answer[0] != step:
        run.answer = None  # two networks' worth of scores need not fit
        run.answer = step, score(step, run.network, run.data, run.spec.seed)
    return run.answer[1]


def small(event: Scored) -> Scored:
    """The event as it stands, or with one number for all layers at each sparsity where those of every layer would not fit."""
    return event if len(to_json(event).encode()) <= LARGEST else replace(event, kept=tuple((sum(layers),) for layers in event.kept))
