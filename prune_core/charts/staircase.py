"""A plan as a staircase of what is kept, and the same steps in words with what they cost."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from .. import catalogue
from ..counting import kept
from ..planning import plan
from ..spec import RunSpec
from ..steps import WHICH, Evaluate, Inherit, Initialise, Measure, Prune, Remove, Score, Step, Train
from . import words
from .accuracy import epoch_ticks, spaced
from .theme import SCISSORS, Theme, faded, figure

MOST_MARKS = 20  # scissors that can be told apart; of more cuts only those that say how much is left have one


class Line(NamedTuple):
    """One line of the plan in words: which steps ("2–11"), what they do, seconds they take (None: nobody said)."""

    steps: str
    words: str
    seconds: float | None


class Staircase(NamedTuple):
    """Units kept over epochs: `corners` are (epoch, units kept from there on), the first at epoch 0 with all `units`."""

    corners: tuple[tuple[float, int], ...]
    units: int
    until: float
    what: str
    lines: tuple[Line, ...]

    @property
    def sentence(self) -> str:
        cuts, last = self.corners[1:], self.corners[-1][1]
        if not cuts:
            return (
                f"All {self.units:,} {self.what} are trained for {words.epoch(self.until)} epochs."
                if self.until
                else "Nothing is pruned or trained."
            )
        rounds = "Once" if len(cuts) == 1 else f"{words.capital(words.counted(len(cuts)))} times"
        when = "before training" if cuts[-1][0] == 0 else "after training" if cuts[0][0] >= self.until else "in mid-training"
        return f"{rounds}, {when}: {words.of(last, self.units, self.what)} stay."

    @property
    def seconds(self) -> float | None:
        known = [line.seconds for line in self.lines if line.seconds is not None]
        return sum(known) if len(known) == len(self.lines) else None

    def table(self) -> dict[str, list[object]]:
        return {
            "Epoch": [epoch for epoch, _ in self.corners],
            f"{words.capital(self.what)} kept": [n for _, n in self.corners],
            "Share kept (%)": [round(100 * n / self.units, 3) for _, n in self.corners],
        }


def staircase(spec: RunSpec, seconds: Sequence[float] | None = None) -> Staircase:
    """The plan of a spec. `seconds`: what each of its steps costs, in the order of `plan(spec)`; None where nobody knows."""
    steps, entry = plan(spec), spec.model_entry
    if seconds is not None and len(seconds) != len(steps):
        raise ValueError(f"seconds: the plan has {len(steps)} steps, got {len(seconds)} numbers.")
    channels = spec.resolved_granularity == "channel" and "sparsity" in spec.protocol_entry.uses
    units = entry.channels if channels else entry.weights
    corners, epoch = [(0.0, units)], 0.0
    for step in steps:
        if isinstance(step, Train):
            epoch = step.until
        elif isinstance(step, Prune):
            corners.append((epoch, kept(units, step.sparsity)))
        elif isinstance(step, Inherit) and step.what != "start" and spec.criterion is not None:
            left = kept(units, spec.sparsity)
            corners.append((epoch, units - left if step.control == "inverted" else left))
        elif isinstance(step, Remove):
            corners.append((epoch, units - step.number))
    return Staircase(tuple(corners), units, epoch, "channels" if channels else "weights", tuple(lines(spec, steps, seconds)))


def lines(spec: RunSpec, steps: Sequence[Step], seconds: Sequence[float] | None) -> Iterable[Line]:
    """The plan in words, alike rounds on one line."""
    phrases = list(phrased(spec, steps))
    i = 0
    while i < len(phrases):
        span, text = phrases[i]
        again = 1
        while i + again < len(phrases) and phrases[i + again][1] == text and "remove the " in text:
            again += 1
        first, last = span[0], phrases[i + again - 1][0][1]
        said = f"{words.capital(words.counted(again))} times: {text}" if again > 1 else words.capital(text)
        cost = sum(seconds[first - 1 : last]) if seconds is not None else None
        yield Line(str(first) if first == last else f"{first}–{last}", said, cost)
        i += again


def phrased(spec: RunSpec, steps: Sequence[Step]) -> Iterable[tuple[tuple[int, int], str]]:
    """Steps as phrases with (first, last) number; a scoring, the pruning by it and the training after it are one phrase."""
    pruned, scored = False, 0
    i = 0
    while i < len(steps):
        step, first = steps[i], i + 1
        match step:
            case Score(sparsities=()) if i + 1 < len(steps) and isinstance(steps[i + 1], Prune):
                prune = steps[i + 1]
                assert isinstance(prune, Prune)
                text, i, pruned = removal(step, prune), i + 1, True
                if spec.protocol == "iterative" and i + 1 < len(steps) and isinstance(after := steps[i + 1], Train):
                    text, i = f"{text}, train {epochs(spec, after)}", i + 1
            case Train() if (found := removing(steps[i + 1 :])) is not None:
                asked, remove = found
                score = f"score with {catalogue.criteria[asked.criterion].title}, " if asked else ""
                text, i, pruned = (
                    f"train {epochs(spec, step)}, {score}remove the channel of the {remove.lowest}",
                    i + (2 if asked else 1),
                    True,
                )
            case Score():
                while i + 1 < len(steps) and isinstance(steps[i + 1], Score):
                    i += 1
                scored = i + 2 - first
                names = words.listed(
                    list(dict.fromkeys(catalogue.criteria[s.criterion].title for s in steps[first - 1 : i + 1] if isinstance(s, Score)))
                )
                text = f"score with {names}" + (f", {words.counted(scored)} times" if scored > 1 else "")
            case Train():
                text = f"train {'what is left' if pruned else 'the full network'}, {epochs(spec, step)}"
            case Inherit():
                text, pruned = step.words[:1].lower() + step.words[1:], pruned or step.what != "start"
            case Initialise():
                text = "draw all weights" + (" again" if step.purpose == "reinitialise" else "")
            case Evaluate(part="test"):
                text = f"measure on the {spec.dataset_entry.test:,} test images, save weights"
            case Measure(what=what):
                while i + 1 < len(steps) and isinstance(after := steps[i + 1], Measure) and after.what == what:
                    i += 1
                text = measuring(spec, [s for s in steps[first - 1 : i + 1] if isinstance(s, Measure)])
            case _:
                text = step.words[:1].lower() + step.words[1:]
        yield (first, i + 1), text
        i += 1


def removing(after: Sequence[Step]) -> tuple[Score | None, Remove] | None:
    """The removal of one channel that follows a training, with the scoring before it; None where something else follows."""
    asked = after[0] if after and isinstance(after[0], Score) else None
    following = after[1:2] if asked else after[:1]
    return (asked, following[0]) if following and isinstance(following[0], Remove) else None


def removal(score: Score, prune: Prune) -> str:
    entry, first = catalogue.criteria[score.criterion], ""
    which = WHICH["random"] if entry.control else entry.who_goes if prune.target == "smallest" else WHICH[prune.target]
    if "data" in entry.needs:
        n = score.options.get("n_examples")
        again = f" {words.counted(score.scorings)} times, what went returning between" if score.rehearsals else ""
        first = f"score with {entry.title} on {f'{n:,}' if isinstance(n, int) else 'all'} images{again}, "
    return f"{first}remove the {which.format(f'{prune.granularity}s')}{' and adjust what is left' if prune.adjusts else ''}"


def measuring(spec: RunSpec, alike: Sequence[Measure]) -> str:
    """Measurements of one kind as one phrase."""
    what, options, n = alike[0].what, alike[0].options, len(alike)
    match what:
        case "removal":
            units = sum(step.options["count"] for step in alike)
            return f"take out {units:,} {options['unit']}s, each alone, and measure the loss on {options['images']:,} training images"
        case "prediction":
            return f"ask {words.listed([catalogue.criteria[s.options['criterion']].title for s in alike])} what each of them is worth"
        case "sensitivity":
            by, times = catalogue.criteria[options["criterion"]].title, words.counted(len(options["sparsities"]))
            layers = f"each of the {words.counted(n)} layers" if n > 1 else "the layer"
            return f"prune {layers} alone by {by}, {times} amounts each, and measure on the validation images"
        case "runtime":
            return alike[0].words[:1].lower() + alike[0].words[1:]
        case _:
            return words.listed([f"measure {step.what}" for step in alike])


def epochs(spec: RunSpec, step: Train) -> str:
    """How long it trains: in steps where that is less than an epoch."""
    n = step.until - step.start
    if n < 1:
        count = max(1, round(n * math.ceil(spec.dataset_entry.train / (spec.resolved().batch_size or 1))))
        return f"{count:,} {'step' if count == 1 else 'steps'}"
    return f"{words.epoch(n)} {'epoch' if n == 1 else 'epochs'}"


def draw(numbers: Staircase, theme: Theme, height: int = 300, colour: str | None = None) -> go.Figure:
    """The staircase, one scissors mark a pruning. `colour`: of the line, leaf if nothing is said."""
    colour = colour or theme.leaf
    until, final = numbers.until or 1.0, numbers.corners[-1][1]
    ticks = [0, 0.25, 0.5, 0.75, 1]
    fig = figure(
        theme, height, margin={"l": 62, "r": 84, "t": 30, "b": 46, "pad": 4},
        xaxis={"title": {"text": "Epoch of training"}, "range": [0, until], "showgrid": False, **epoch_ticks(until)},
        yaxis={
            "title": {"text": f"{words.capital(numbers.what)} kept"}, "range": [0, 1.02], "tickvals": ticks,
            "ticktext": ["0", *(f"{100 * t:g} %" for t in ticks[1:])],
        },
    )  # fmt: skip
    x = [epoch for epoch, _ in numbers.corners] + [until]
    y = [n / numbers.units for _, n in numbers.corners] + [final / numbers.units]
    fig.add_scatter(
        x=x, y=y, mode="lines", line={"color": colour, "width": 2.25, "shape": "hv"}, fill="tozeroy", fillcolor=faded(colour, 0.13),
        name="kept",
        customdata=[words.of(n, numbers.units, numbers.what) for n in (*(n for _, n in numbers.corners), final)],
        hovertemplate="from epoch %{x:.4g}: %{customdata}<extra></extra>", cliponaxis=False,
    )  # fmt: skip
    cuts = list(zip(numbers.corners, numbers.corners[1:], strict=False))
    marks = [(epoch, (before / numbers.units), True) for (_, before), (epoch, _) in cuts]
    labels = dict.fromkeys(epoch for epoch, _, _ in spaced(marks, until))
    at: dict[float, int] = {}
    for (_, before), (epoch, after) in cuts:
        if epoch not in at and (len(cuts) <= MOST_MARKS or epoch in labels):
            fig.add_annotation(
                x=epoch, y=before / numbers.units, text=SCISSORS, showarrow=False, yanchor="bottom", yshift=2,
                xanchor="left" if epoch == 0 else "center",
                font={"size": 15, "color": theme.text},
            )  # fmt: skip
        at[epoch] = after
    for epoch, after in at.items():
        if epoch in labels and after != final:
            inside = after / numbers.units > 0.12
            fig.add_annotation(
                x=epoch, y=after / numbers.units, text=words.rough(after / numbers.units), showarrow=False, xanchor="left", xshift=4,
                name="wide",
                yanchor="top" if inside else "bottom", yshift=-2 if inside else 2, font={"size": 13, "color": theme.text},
            )  # fmt: skip
    fig.add_annotation(
        x=until, y=final / numbers.units, text=f"{final:,}<br>{numbers.what}", showarrow=False, xanchor="left", align="left", xshift=10,
        font={"size": 15, "color": colour, "weight": 700},
    )  # fmt: skip
    return fig
