"""A run's state and numbers in words: the line over its progress bar, and the few numbers under it."""

from typing import NamedTuple

from prune_core.charts import words
from prune_core.charts.accuracy import accuracy, planned_prunings
from prune_core.charts.layers import layers
from prune_core.charts.speedup import SMALLER, faster, speedup
from prune_core.estimate import Speeds, seconds_left
from prune_core.history import History
from prune_core.planning import plan
from prune_core.steps import Remove
from prune_core.store import Run

from .times import left, when

ALIVE = ("queued", "running")
GONE = "A channel that is removed goes with all that writes and reads it. At the end the network is made smaller, and measured: see Speed."
ZEROS = "Removed weights are zeros: the network has fewer of them, and zeros do not make dense kernels faster."


class Headline(NamedTuple):
    """How far a run is, from 0 to 1, and what it is doing."""

    share: float
    words: str


class Number(NamedTuple):
    """One of the few numbers on top: value with unit, what to compare it with, what it means."""

    label: str
    value: str
    reference: str
    help: str


def headline(run: Run, history: History, ahead: int, speeds: Speeds, zone: str | None = None) -> Headline:
    """The line over the progress bar. `ahead`: queued runs before this one. `zone`: the visitor's time zone."""
    spec, progress = run.spec, run.progress
    share = min(1.0, progress.done / progress.total) if progress and progress.total else 0.0
    reached = words.epoch(history.epochs[-1].epoch) if history.epochs else "0"
    if run.state == "queued":
        wait = "starts as soon as a slot is free" if not ahead else f"{words.counted(ahead)} {'run' if ahead == 1 else 'runs'} ahead"
        return Headline(share, f"Queued · {wait}")
    if run.state == "running":
        if run.cancel_requested:
            return Headline(share, f"Cancelling · epoch {reached} of {spec.epochs}")
        if progress is None:
            return Headline(share, "Running · getting ready")
        if progress.epoch <= 0 or not progress.epochs:
            return Headline(share, f"Running · {progress.doing[:1].lower()}{progress.doing[1:]}")
        now = min(spec.epochs, int(progress.epoch) + 1)
        remains = left(seconds_left(spec, progress, [e.seconds for e in history.epochs], speeds))
        return Headline(share, f"Running · epoch {now} of {spec.epochs} · {remains}")
    moment = f" · {when(run.ended, zone)}" if run.ended else ""
    if run.state == "finished":
        took = f" in {words.duration(run.summary.seconds)}" if run.summary else ""
        trained = f"{spec.epochs} epochs" if "training" in spec.protocol_entry.uses else "all scored"
        return Headline(1.0, f"Finished · {trained}{took}{moment}")
    if run.state == "failed":
        return Headline(share, f"Failed{moment}")
    return Headline(share, f"Cancelled · after epoch {reached} of {spec.epochs}{moment}")


def numbers(run: Run, history: History, dense: float | None = None) -> tuple[Number, ...]:
    """Accuracy, what is kept, prunings. `dense`: test accuracy of the same network without pruning, where such a run is here."""
    return (right(run, history, dense), kept(run, history), prunings(run, history))


def right(run: Run, history: History, dense: float | None) -> Number:
    end = history.finished
    if end and end.test:
        images = f"Share of the {end.test.n:,} test images that the final network gets right. They were used once, here."
        validation = f"validation {words.accuracy(end.validation.accuracy)}" if end.validation else ""
        beside = f"dense {words.accuracy(dense)}" if dense is not None else validation
        return Number("Test accuracy", words.accuracy(end.test.accuracy), beside, images)
    help = "Share of the validation images that the network gets right now. They are a tenth of the training set, never trained on."
    if not history.validation:
        return Number("Validation accuracy", "–", "not measured yet", help)
    best = max(history.validation, key=lambda e: e.quality.accuracy)
    reference = f"best {words.accuracy(best.quality.accuracy)}, epoch {words.epoch(best.epoch)}"
    return Number("Validation accuracy", words.accuracy(history.validation[-1].quality.accuracy), reference, help)


def kept(run: Run, history: History) -> Number:
    found = layers(history)
    units, left = sum(b.units for b in found.bars), sum(b.kept for b in found.bars)
    if not units:
        units = left = run.spec.model_entry.weights
    help = GONE if found.what == "channels" else ZEROS
    return Number(f"{words.capital(found.what)} kept", f"{left:,}", f"of {units:,}, or {words.share(left / units)}", help)


def prunings(run: Run, history: History) -> Number:
    help = "How often the network is pruned, and how often it has been."
    if history.started is None:
        return Number("Prunings done", "–", "not started", help)
    if singles := sum(isinstance(step, Remove) for step in history.started.plan or plan(run.spec)):
        return removals(history, singles)
    planned, done = tuple(planned_prunings(history.started.plan)), len(history.prunings)
    if not planned and done:
        taken = "Where the masks of this run come from. They were put on before training, and nothing is pruned after."
        return Number("Masks", "taken over", f"{words.share(1 - history.prunings[-1].kept / history.prunings[-1].units)} removed", taken)
    if not planned:
        return Number("Prunings done", "none", "this run does not prune", help)
    if done == len(planned):
        amount = words.share(history.prunings[-1].sparsity)
        return Number("Prunings done", f"{done} of {len(planned)}", f"{amount} removed", help)
    following = "" if history.ending else f"next at epoch {words.epoch(planned[done][0])}"
    return Number("Prunings done", f"{done} of {len(planned)}", following, help)


def removals(history: History, planned: int) -> Number:
    """Of a run that goes channel by channel: how many went, and what that leaves."""
    help = "Channels go one by one, each after some more steps of training. Every removal is on record: Widths moves through them."
    last = history.removals[-1] if history.removals else None
    left = f"{last.parameters:,} parameters left" if last else "none removed yet"
    return Number("Channels removed", f"{len(history.removals):,} of {planned:,}", left, help)


def sentence(run: Run, history: History) -> str:
    """What one sees, of any run in any state."""
    if run.state == "failed":
        return run.message or "The run failed; its log says more."
    if "training" not in run.spec.protocol_entry.uses:
        scored = len(history.scorings)
        what = f"{words.capital(words.counted(scored))} {'scoring' if scored == 1 else 'scorings'} of {run.spec.model_entry.title}"
        return f"{what} on {run.spec.dataset_entry.title}, untrained. Nothing is removed; the page Saliency draws what would be kept."
    return f"{accuracy(history).sentence}{smaller(history)}"


def smaller(history: History) -> str:
    """What surgery came to, and how much faster it was measured to be; empty where there was none."""
    if history.finished is None or history.shrunk is None:
        return ""
    before, after = history.shrunk.parameters
    told = f" It was made smaller, to {words.of(after, before, 'parameters')}"
    gains = speedup(history).gains(SMALLER)
    return f"{told}, and is {faster(*gains, 128)}." if gains else f"{told}."


def resumed(run: Run) -> str:
    """Why a run has more than one attempt; empty for most."""
    if run.attempt < 2:
        return ""
    times = "once" if run.attempt == 2 else f"{words.counted(run.attempt - 1)} times"
    return f"Its worker was lost {times}; the run went on from its last checkpoint, and ends in the same weights as an undisturbed one."
