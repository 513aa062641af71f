"""The sections of a report about one run."""

from collections.abc import Sequence

import numpy as np
from latex2mathml.converter import convert

from .. import markup, method_words
from ..catalogue import Entry
from ..charts import accuracy, calibration, first_layer, layers, sensitivity, speedup, staircase, words
from ..charts.saliency import saliency
from ..overrides import command
from ..spec_words import ENTRIES, settings_of
from . import blocks
from .blocks import Number
from .subject import Subject
from .truth import ZEROS, truth_table

ROWS = (0.5, 0.8, 0.9, 0.95, 0.99)
OVER = ("finished", "failed", "cancelled")


def numbers(run: Subject) -> list[Number]:
    """The few numbers that matter, each with what to compare it with."""
    history, spec, result = run.history, run.result.spec, run.result
    found = []
    end = history.finished
    if end and end.test:
        beside = f"validation {words.accuracy(end.validation.accuracy)}" if end.validation else ""
        found.append(
            Number(
                "Test accuracy",
                words.accuracy(end.test.accuracy),
                f"of {end.test.n:,} images; {beside}" if beside else f"of {end.test.n:,} images",
            )
        )
    elif history.validation:
        at = history.validation[-1]
        found.append(
            Number("Validation accuracy", words.accuracy(at.quality.accuracy), f"after {words.epoch(at.epoch)} of {spec.epochs} epochs")
        )
    if history.weights and history.weights_kept is not None and run.trains:
        found.append(
            Number(
                "Weights kept",
                f"{history.weights_kept:,}",
                f"of {history.weights:,}, or {words.share(history.weights_kept / history.weights)}",
            )
        )
    if result.effective is not None and history.prunings:
        found.append(Number("On a path", f"{result.effective:,}", "kept weights between input and output"))
    if run.trains:
        trained = words.epoch(history.epochs[-1].epoch) if history.epochs else "0"
        found.append(
            Number(
                "Trained",
                f"{trained} epochs",
                f"in {words.duration(result.seconds)}" if result.seconds is not None else f"of {spec.epochs}",
            )
        )
    return found[:4]


def pictures(run: Subject, prefix: str) -> list[str]:
    """The pictures of a run, each with its sentence and numbers."""
    if not run.trains:
        return scored(run)
    history, found = run.history, []
    curve = accuracy.accuracy(history)
    if curve.epochs or curve.cuts:
        images = f"Measured on {history.started.validation:,} validation images." if history.started else ""
        found.append(
            blocks.plot(
                lambda theme: accuracy.draw(curve, theme),
                f"{prefix}-accuracy",
                "Validation accuracy over the epochs of training",
                curve.sentence,
                curve.table(),
                images,
            )
        )
    found += judged(run, prefix)
    if not history.prunings:
        return found
    left = layers.layers(history)
    found.append(
        blocks.plot(
            lambda theme: layers.draw(left, theme),
            f"{prefix}-layers",
            f"{words.capital(left.what)} kept per layer",
            left.sentence,
            left.table(),
        )
    )
    found += sped_up(run, prefix)
    mask = first_layer.first_layer(history)
    if mask.counts is not None:
        picture = mask.counts if mask.counts.ndim == 2 else first_layer.tiled(mask.counts)
        where = "at an input pixel" if mask.layout == "pixels" else "at a place of a filter"
        found.append(blocks.mask(picture, mask.largest, mask.of, mask.alt, mask.sentence, {}, where))
    return found


def sped_up(run: Subject, prefix: str) -> list[str]:
    """How fast its network was measured to be, beside the full one; of a run that measured it."""
    numbers = speedup.speedup(run.history)
    if len(numbers.rows) < 2:
        return []
    note = "Medians of warm passes, all networks in turns. No speed-up is shown that was not measured."
    label = "Measured time for one image and for many, and size of the file, a row a network"
    return [blocks.plot(lambda theme: speedup.draw(numbers, theme), f"{prefix}-speed", label, numbers.sentence, numbers.table(), note)]


def judged(run: Subject, prefix: str) -> list[str]:
    """What taking units out alone did, beside what criteria had said, and what cutting each layer alone did; of a run that measured it."""
    found, truth, cuts = list[str](), calibration.calibration(run.history), sensitivity.sensitivity(run.history)
    if truth.judged:
        images = f"Mean loss over {truth.images:,} training images; {len(truth.units):,} {truth.unit}s drawn by lot, each taken out alone."
        found.append(
            blocks.plot(
                lambda theme: calibration.draw(truth, theme), f"{prefix}-calibration", "Rank of each criterion's score against the true change",
                truth.sentence, truth.table(), images,
            )
        )  # fmt: skip
    if cuts.rows:
        found.append(
            blocks.plot(
                lambda theme: sensitivity.draw(cuts, theme), f"{prefix}-sensitivity", "Accuracy lost, by layer and by how much was removed",
                cuts.sentence, cuts.table(), f"Each layer pruned alone by {cuts.criterion}; {cuts.images:,} validation images.",
            )
        )  # fmt: skip
    return found


def scored(run: Subject) -> list[str]:
    """What criteria would keep, class by class, of a run that only scores."""
    found = []
    for name in dict.fromkeys(e.criterion for e in run.history.scorings):
        grid = saliency(run.history, run.scores, name)
        if not grid.classes:
            continue
        rows: list[tuple[str, list[np.ndarray], float]] = []
        for sparsity in ROWS:
            counts = grid.at(sparsity)
            shown = [first_layer.tiled(one) if one.ndim == 3 else one for one in counts]
            rows.append((f"{words.share(sparsity)} removed", shown, float(counts.max())))
        names = grid.classes if grid.means is not None else tuple(f"{e.options.get('n_examples', '')} images" for e in run.history.scorings)
        columns = names if len(names) == len(grid.classes) else grid.classes
        note = f"Bright: kept. Each row is drawn to its own brightest place; {grid.of:,} weights meet at each."
        found.append(blocks.masks(rows, columns, grid.sentence, grid.table(ROWS), note))
    return found


def plan_of(run: Subject) -> str:
    """What was done, step by step."""
    return blocks.lines([f"Step {line.steps}: {line.words}." for line in staircase.staircase(run.result.spec).lines])


def truth(run: Subject) -> str:
    return truth_table(run) if run.trains else ""


def computed(runs: Sequence[Subject]) -> str:
    """How it was computed: the entries behind the runs, each once, with formula, papers, deviations and what checks the code."""
    entries: dict[str, Entry] = {}
    for run in runs:
        resolved = run.result.spec.resolved()
        names = [("criterion", name) for name in getattr(resolved.protocol_options, "criteria", ())]
        for field, name in (
            *names,
            *((field, getattr(resolved, field)) for field in ("criterion", "allocation", "protocol", "model", "dataset")),
        ):
            if name:
                entries.setdefault(f"{field}.{name}", ENTRIES[field][name])
    return "".join(described(entry) for entry in entries.values())


def described(entry: Entry) -> str:
    formula = getattr(entry, "formula", "")
    facts = [pair for pair in method_words.facts(entry) if pair[0] not in ("On the command line", "Download")]
    facts += [("Published in", method_words.paper(p)) for p in entry.papers]
    facts += [("Differs from the paper", told) for told in getattr(entry, "deviations", ())]
    facts += [("Checked by", entry.oracle)] if getattr(entry, "oracle", "") else []  # type: ignore[attr-defined]
    drawn = f'<div class="formula">{convert(formula, display="block")}</div>' if formula else ""
    return f"<h3>{markup.text(entry.title)}</h3>{blocks.paragraph(entry.summary)}{drawn}{markup.facts(facts)}"


def settings(run: Subject) -> str:
    """Every setting in words; those that somebody chose first."""
    found = settings_of(run.result.spec)
    head = ["Setting", "Value", "Belongs to", ""]
    rows = [[s.title, s.value, s.group, "as usual" if s.usual else "chosen"] for s in sorted(found, key=lambda s: s.usual)]
    return markup.table(head, rows, "Every setting")


def origin(run: Subject) -> str:
    """With what it was computed, when, and how to repeat it."""
    start, end = run.history.started, run.history.finished
    pairs = [("Seed", f"{run.result.seed}: names every use of chance, and repeats the run bit for bit on one device and version")]
    if run.started:
        pairs.append(("Started", f"{run.started:%d %B %Y, %H:%M} UTC".lstrip("0")))
    if start:
        pairs.append(("Computed on", f"{start.device}, {start.threads} {'thread' if start.threads == 1 else 'threads'}"))
        pairs += [(f"Version of {name}", told) for name, told in start.versions.items()]
    if run.attempts > 1:
        pairs.append(("Attempts", f"{run.attempts}: its worker was lost and the run went on from a checkpoint, with the same result"))
    if run.result.spec.parent:
        pairs.append(("Starts from", f"the run of fingerprint {run.result.spec.parent.fingerprint}"))
    pairs += [("Fingerprint", run.result.fingerprint)]
    pairs += [("Final weights, SHA-256", end.weights_sha256)] if end else []
    again = (
        ""
        if run.result.spec.parent
        else f"<p>The same run on the command line:</p><pre><code>{markup.text(command(run.result.spec))}</code></pre>"
    )
    return markup.facts(pairs) + again


def not_shown(run: Subject) -> list[str]:
    """What a reader could take for granted and should not."""
    history, told = run.history, []
    if run.result.state not in OVER:
        told.append("The run was still going when this was written; everything here is as it stood then.")
    if run.result.state in ("failed", "cancelled"):
        told.append(f"The run {'failed' if run.result.state == 'failed' else 'was cancelled'}: nothing here is a final result.")
    if run.result.at_chance:
        told.append("The network stayed at chance: its accuracy says nothing about pruning.")
    if caution := run.result.spec.dataset_entry.caution:
        told.append(caution)
    told.append("One seed: how much of these numbers is chance is not shown. Several seeds of the same run would tell.")
    if run.trains:
        told.append(
            "The curve is measured on validation images; the test images were used once, at the end."
            if history.finished
            else "The test images are used once, at the end."
        )
        told.append(
            f"No claim about speed: {ZEROS[:1].lower()}{ZEROS[1:]}"
            if not any(event.what == "latency" for event in history.measurements)
            else "Speed was measured on one machine only."
        )
    else:
        told.append("Nothing was trained: what a criterion would keep says nothing about how well the network would learn.")
    return [*told, *history.warnings]
