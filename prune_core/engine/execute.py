"""Carries a plan out, step by step, and says what happens."""

import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import accumulate
from typing import Any

import numpy as np
import torch

from .. import memory
from ..catalogue import datasets
from ..criteria.types import Scores
from ..data.types import DataError
from ..estimate import images
from ..events import (
    LARGEST,
    Cancelled,
    Epoch,
    Evaluated,
    Event,
    Finished,
    Measured,
    Numbered,
    Progress,
    Quality,
    Started,
    Warned,
    to_json,
)
from ..parents import NoParent, Parents, mask_checksum, nobody
from ..planning import plan, records
from ..spec import RunSpec
from ..steps import Evaluate, Inherit, Initialise, Measure, Prune, Remove, Score, Shrink, Step, Train, percent
from ..streams import seed_of
from ..version import __version__
from . import checkpoint
from .asking import answered, ask
from .checkpoint import Position, array, packed_masks
from .dataset import FIXED_TRAIN, open_data
from .errors import RunError
from .evaluation import at_chance, evaluate
from .files import NOWHERE, Files
from .gathering import Gathering
from .masks import generator
from .measurements import MEASUREMENTS
from .network import Network
from .optimiser import OPTIMISERS, Optimiser
from .paths import effective
from .pruning import inherit, prune
from .reading import Reading
from .recording import Recording
from .removing import remove
from .runtime import RuntimeModel
from .shrinking import shrink
from .sparsifying import Penalty, Scales
from .survey import Survey
from .training import Beside, Clock, Sums, learning_rate, train

REPORT_SECONDS = 0.1
FEW_EPOCHS = 10
DOING = {
    "runtime": "Timing layers at other widths", "removal": "Taking {count:,} {unit}s of {layer} out, one at a time", "prediction": "Asking {criterion}",
    "sensitivity": "Pruning {layer} alone",
}  # fmt: skip


def never() -> bool:
    return False


def ignore(_: Progress) -> None: ...


def execute(
    spec: RunSpec,
    *,
    files: Files = NOWHERE,
    parents: Parents = nobody,
    threads: int | None = None,
    stop: Callable[[], bool] = never,
    report: Callable[[Progress], None] = ignore,
    checkpoint_seconds: float = 30.0,
) -> Iterator[Numbered]:
    """Carry out a spec's plan; yields numbered events up to Finished, or Cancelled once `stop` says so.

    Goes on from the newest checkpoint of the same fingerprint in `files`, if there is one: then numbers continue where it stood.
    parents: where a run that starts from another one gets its masks and weights.
    threads: of torch's operators, None leaves them as they are. Raises RunError in words where the run can't go on.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    run = Execution(spec.resolved(), files, parents, stop, report, checkpoint_seconds)
    if problem := memory.refusal(spec, memory.allowed(memory_of(run.device))):
        raise RunError(str(problem))
    try:
        yield from run.events()
    except (DataError, NoParent, torch.cuda.OutOfMemoryError) as error:
        raise RunError(str(error)) from error


def chosen_device(name: str) -> torch.device:
    """The device that a spec asks for. Raises RunError where it is not here.

    A GPU is set to compute the same again each time, and in full float32 as a CPU does: cuDNN by itself chooses among kernels that add in
    any order, and rounds the factors of a convolution to ten bits.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    device = torch.device(("cuda" if count else "cpu") if name == "auto" else name)
    if device.type == "cuda":
        if (device.index or 0) >= count:
            raise RunError(
                f"device: there is no {name} on this machine. Choices: {', '.join(['auto', 'cpu', *map('cuda:{}'.format, range(count))])}."
            )
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.allow_tf32 = False
    return device


def memory_of(device: torch.device) -> int | None:
    """Bytes of a GPU; None for the CPU, whose runs share the machine's."""
    return torch.cuda.get_device_properties(device).total_memory if device.type == "cuda" else None


class Execution:
    """The state of a run while its plan is carried out: network, optimiser, clock, pending scores, next event number."""

    def __init__(
        self,
        spec: RunSpec,
        files: Files,
        parents: Parents,
        stop: Callable[[], bool],
        report: Callable[[Progress], None],
        checkpoint_seconds: float,
    ) -> None:
        self.spec, self.files, self.parents, self.stop, self.report, self.checkpoint_seconds = (
            spec,
            files,
            parents,
            stop,
            report,
            checkpoint_seconds,
        )
        self.plan, self.device, self.fingerprint = plan(spec), chosen_device(spec.device), spec.fingerprint
        self.work = list(accumulate(map(self.images_of, self.plan), initial=0))  # before each step, and in all
        self.number, self.step, self.done, self.said = 0, 0, 0, 0.0
        self.began, self.before = time.monotonic(), 0.0
        self.scores: Scores | None = None
        self.criterion: Score | None = None
        self.held: dict[str, Survey] = {}
        self.answer: tuple[Score, Scores] | None = None
        self.gathering: Gathering | None = None
        self.scales: Scales | None = None
        self.latency: tuple[float, float] | None = None
        self.runtime: RuntimeModel | None = None
        self.test: Quality | None = None
        self.saved: tuple[int, int, int] | None = None  # step, event and iteration of the last checkpoint
        self.broken_off = False  # stopped inside a step, which is to be gone on with

    def events(self) -> Iterator[Numbered]:
        self.tell("Preparing data")
        entry, options = datasets[self.spec.dataset], self.spec.data_options
        self.data = open_data(entry, self.device, self.tell, options.classes).asked(self.spec.dataset_entry, options.images)
        self.lessons = self.data["train"]
        if options.labels == "random":
            self.lessons = self.lessons.with_random_labels(self.data.classes, self.spec.seed)
        self.network = Network(self.spec.model_entry, self.spec.model_options, self.device)
        self.optimiser = self.new_optimiser()
        self.clock = Clock(len(self.data["train"]), self.spec.batch_size or 1, sums=Sums.zero(self.device))
        self.last_checkpoint = time.monotonic()
        if not self.restore():
            yield self.numbered(self.started())
        while self.step < len(self.plan):
            step = self.plan[self.step]
            if not isinstance(step, Measure):
                self.answer = None
            for event in HANDLERS[type(step)](self, step):
                yield self.numbered(event)
            if not self.broken_off:
                self.step += 1
                self.done = self.work[self.step]
            if self.broken_off or (self.scores is None and self.stop()):  # scores are no part of a checkpoint: prune first
                self.save_checkpoint()
                yield self.numbered(Cancelled(epoch=self.clock.epoch))
                return
            if self.checkpoint_due():
                self.save_checkpoint()
        yield from map(self.numbered, self.ending())

    def numbered(self, event: Event) -> Numbered:
        self.number += 1
        return Numbered(self.number - 1, event)

    def started(self) -> Started:
        weights = {layer.name for layer in self.spec.model_entry.layers}
        versions = {"espalier": __version__, "torch": torch.__version__, "numpy": np.__version__, "python": platform.python_version()}
        event = Started(
            spec=self.spec.model_dump(mode="json"), plan=self.plan, versions=versions,
            parameters=tuple((name, tuple(p.shape), name in weights) for name, p in self.network.parameters.items()),
            device=torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "cpu", threads=torch.get_num_threads(),
            train=len(self.data["train"]), validation=len(self.data["validation"]), test=len(self.data["test"]),
        )  # fmt: skip
        return event if len(to_json(event).encode()) <= LARGEST else replace(event, plan=())

    # ---- steps

    def initialise(self, step: Initialise) -> Iterator[Event]:
        from ..models.initialisation import initialise

        initialise(self.network.module, step.initialisation, generator(seed_of(self.spec.seed, step.purpose, step.index)), step.scale)
        self.optimiser = self.new_optimiser()
        self.network.clear_pruned(self.optimiser)
        return iter(())

    def train(self, step: Train) -> Iterator[Event]:
        if self.clock.iteration == 0:
            yield Evaluated(epoch=0.0, part="validation", quality=self.quality("validation"))
        points = self.looks()
        pause = partial(self.pause, step=step, points=points)
        for _ in train(self.spec, step, self.network, self.optimiser, self.lessons, self.clock, pause, self.beside(step)):
            iteration, epoch = self.clock.iteration, self.clock.epoch
            if iteration in points or (step.looks and iteration == self.clock.at(step.until)):
                yield Evaluated(epoch=epoch, part="validation", quality=self.quality("validation"))
            if iteration % self.clock.per_epoch == 0:
                yield self.epoch_over(learning_rate(step, (iteration - 1) / self.clock.per_epoch))
            if self.checkpoint_due():
                self.save_checkpoint()
            if self.stop() and iteration < self.clock.at(step.until):
                self.broken_off = True
                return
        if self.gathering is not None:
            self.gathering.end()
            self.scores, self.gathering = self.gathering.scores(), None
        if self.scales is not None:
            self.network.factors, self.scales = self.scales.fold(), None

    def beside(self, step: Train) -> list[Beside]:
        """What listens to a training step, or pulls at the network beside the loss."""
        self.gathering = Gathering(self.network) if step.gathers else None
        if step.factors and self.scales is None:
            self.scales = Scales(self.network, step.factors)
        penalty = Penalty(self.network, step.penalty) if step.penalty else None
        return [each for each in (self.gathering, self.scales, penalty) if each is not None]

    def pause(self, iteration: int, step: Train, points: set[int]) -> bool:
        trained = (iteration - self.clock.at(step.start)) * self.spec.dataset_entry.train // self.clock.per_epoch
        self.done = min(self.work[self.step] + trained, self.work[self.step + 1])
        self.tell("Training")
        return iteration in points or iteration == self.clock.at(step.until) or self.checkpoint_due() or self.stop()

    def looks(self) -> set[int]:
        """Iterations at which the validation part is measured: every epoch, every quarter where there are few."""
        quarters = 4 if self.spec.epochs < FEW_EPOCHS else 1
        return {self.clock.at(i / quarters) for i in range(1, quarters * self.spec.epochs + 1)}

    def epoch_over(self, lr: float) -> Epoch:
        sums, self.clock.sums = self.clock.sums, Sums.zero(self.device)
        return Epoch(
            epoch=self.clock.epoch,
            loss=float(sums.loss) / sums.images,
            accuracy=int(sums.correct) / sums.images,
            lr=lr,
            seconds=sums.seconds,
        )

    def evaluate(self, step: Evaluate) -> Iterator[Event]:
        self.tell(f"Measuring on the {step.part} images")
        if step.part != "test":
            yield Evaluated(epoch=self.clock.epoch, part=step.part, quality=self.quality(step.part))
            return
        self.save_checkpoint()
        self.test = self.quality("test")

    def measure(self, step: Measure) -> Iterator[Event]:
        doing = DOING.get(step.what, "Measuring {what}").format(what=step.what, **step.options)
        before, after = self.work[self.step : self.step + 2]
        self.tell(doing)

        def go_on(share: float) -> bool:
            self.done = before + int(share * (after - before))
            self.tell(doing)
            return not self.stop()

        reading = Reading(self.network, self.data, self.held, step.options, self.spec.seed, go_on, partial(answered, self))
        values = MEASUREMENTS[step.what](reading)
        if values is None:
            self.broken_off = True
            return
        if step.what == "runtime":
            self.runtime = RuntimeModel(values["coefficients"], values["images"])
        if step.what == "latency":
            self.latency = values["batch_1"]["median"], values["batch_128"]["median"]
        yield Measured(epoch=self.clock.epoch, what=step.what, values=values)
        self.held.clear()

    def ending(self) -> Iterator[Event]:
        layers = self.network.kept_layers()
        validation = self.quality("validation") if self.test else None
        judged = self.quality("train") if validation and self.spec.data_options.labels == "random" else validation
        chance = bool(self.clock.iteration and judged and at_chance(judged, self.data.classes))
        if chance and judged:
            yield Warned(epoch=self.clock.epoch, message=self.words_of_chance(judged))
        file = "weights.safetensors" if self.test else None
        if file:
            self.files.save(file, self.state(), {"fingerprint": self.fingerprint})
        yield Finished(
            epoch=self.clock.epoch, seconds=self.seconds(), test=self.test, validation=validation, layers=layers,
            weights_kept=sum(w.kept for w in layers), weights=sum(w.units for w in layers), at_chance=chance,
            first_layer=self.network.first_layer(), weights_sha256=self.network.weights_sha256(), file=file,
            effective=sum(effective(self.network).values()), masks_sha256=mask_checksum(*packed_masks(self.network.masks)) if self.network.masks else None,
            parameters=self.network.parameters_left(), latency=self.latency,
            macs=sum(kept.kept * layer.positions for kept, layer in zip(layers, self.network.entry.layers, strict=True)),
        )  # fmt: skip

    def words_of_chance(self, judged: Quality) -> str:
        """Where a network got no further than guessing: on validation images, or with random labels on those that it was to learn by heart."""
        right, classes = percent(judged.accuracy), self.data.classes
        if self.spec.data_options.labels == "random":
            return (
                f"The network stayed at chance on its own training images: {right} of {judged.n:,} random labels right with {classes} classes. "
                "It has learnt none of them by heart; more weights, epochs or another learning rate might."
            )
        return (
            f"The network stayed at chance: {right} right with {classes} classes. Training never took "
            "hold; try another initialisation, fewer weights removed or a smaller learning rate."
        )

    # ---- state

    def new_optimiser(self) -> Optimiser:
        weights, gradient = self.network.weights, self.network.gradient
        optimiser = OPTIMISERS[self.spec.optimizer or "sgd"](weights, gradient, self.spec.momentum or 0.0, self.spec.weight_decay or 0.0)
        if not records(self.plan):
            return optimiser
        self.network.recording = Recording(optimiser, weights, gradient)
        return self.network.recording

    def quality(self, part: Any) -> Quality:
        """Measured on the validation part, the test part, or 5,000 fixed training images with the labels that are learnt."""
        return evaluate(
            self.network.module,
            self.lessons if part == "train" else self.data[part],
            self.data.classes,
            FIXED_TRAIN if part == "train" else None,
        )

    def state(self) -> dict[str, Any]:
        return {name: array(tensor) for name, tensor in self.network.module.state_dict().items()}

    def seconds(self) -> float:
        return self.before + time.monotonic() - self.began

    def checkpoint_due(self) -> bool:
        return self.scores is None and self.gathering is None and time.monotonic() - self.last_checkpoint >= self.checkpoint_seconds

    def save_checkpoint(self) -> None:
        """Nothing between a scoring and its pruning or comparison, while one is gathered, nor once the test part was measured: none of that is saved."""
        here = (self.step, self.number, self.clock.iteration)
        if (
            self.scores is not None or self.gathering is not None or self.held or self.test is not None or here == self.saved
        ):  # there again is no way further
            return
        position, scales = (
            Position(self.step, self.number, self.seconds(), self.latency, self.runtime),
            self.scales.state() if self.scales else {},
        )
        tensors, metadata = checkpoint.pack(self.network, self.optimiser, self.clock, position, self.fingerprint, scales)
        self.files.save_checkpoint(self.number, tensors, metadata)
        self.last_checkpoint, self.saved = time.monotonic(), here

    def restore(self) -> bool:
        for tensors, metadata in self.files.checkpoints():
            if checkpoint.fits(metadata, self.fingerprint):
                if metadata.get("shrunk"):
                    self.network.apply_masks(checkpoint.masks_of(tensors, metadata), None)
                    self.network.shrink()
                    self.optimiser = self.new_optimiser()
                self.step, self.number, self.before, self.latency, self.runtime = checkpoint.unpack(
                    tensors, metadata, self.network, self.optimiser, self.clock
                )
                step = self.plan[self.step] if self.step < len(self.plan) else None
                if isinstance(step, Train) and step.factors and (scales := checkpoint.part(tensors, "scales/")):
                    self.scales = Scales(self.network, step.factors)
                    self.scales.restore(scales)
                self.saved = (self.step, self.number, self.clock.iteration)
                return True
        return False

    def images_of(self, step: Step) -> int:
        """Work of a step for the progress bar, in images seen forward and backward."""
        return int(images(self.spec, step)) if isinstance(step, Train | Score | Measure) else 0

    def tell(self, doing: str) -> None:
        now = time.monotonic()
        if now - self.said >= REPORT_SECONDS:
            self.said = now
            epoch = self.clock.epoch if hasattr(self, "clock") else 0.0
            self.report(Progress(epoch, float(self.spec.epochs), self.done, max(self.work[-1], 1), doing))


HANDLERS: dict[type, Callable[[Execution, Any], Iterator[Event]]] = {
    Initialise: Execution.initialise, Inherit: inherit, Score: ask, Prune: prune, Train: Execution.train,
    Remove: remove, Shrink: shrink, Evaluate: Execution.evaluate, Measure: Execution.measure,
}  # fmt: skip
