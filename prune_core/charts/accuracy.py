"""How right the network is while it trains, and what every pruning did to that."""

from collections.abc import Iterable
from typing import NamedTuple

import plotly.graph_objects as go

from ..events import Cancelled, Failed, Pruned
from ..history import History
from ..spec import RunSpec
from ..steps import Prune, Remove, Step, Train
from . import words
from .layers import titles_of
from .theme import SCISSORS, Ink, Theme, faded, figure

FLOORS = (0.0, 0.5, 0.8, 0.9, 0.95)


class Cut(NamedTuple):
    """What the prunings of one moment did: accuracy on the validation images before the first and after the last of them."""

    epoch: float
    kept: int
    units: int
    before: float
    after: float


class Accuracy(NamedTuple):
    """Validation accuracy (0 to 1) over epochs of training.

    `planned`: (epoch, share kept) of prunings to come; `until`: the plan's last epoch.
    """

    epochs: tuple[float, ...] = ()
    accuracy: tuple[float, ...] = ()
    cuts: tuple[Cut, ...] = ()
    planned: tuple[tuple[float, float], ...] = ()
    until: float = 0.0
    what: str = "weights"
    sentence: str = "Nothing has been measured yet."

    @property
    def now(self) -> tuple[float, float] | None:
        """Where the curve ends: (epoch, accuracy) of the last measurement, or after the last pruning if nothing was measured since."""
        if self.cuts and (not self.epochs or self.cuts[-1].epoch >= self.epochs[-1]):
            return self.cuts[-1].epoch, self.cuts[-1].after
        return (self.epochs[-1], self.accuracy[-1]) if self.epochs else None

    @property
    def floor(self) -> float:
        """Where the accuracy axis starts: as high as all but the first tenth of the curve, and every drop, allow."""
        settled = self.accuracy[max(1, len(self.accuracy) // 10) :] or self.accuracy
        lowest = min([*settled, *(c.after for c in self.cuts if c.epoch > 0)], default=0.0)
        return max(f for f in FLOORS if f == 0 or f <= lowest - 0.005)

    def table(self) -> dict[str, list[object]]:
        rows: list[tuple[float, int, str, float, str]] = [
            (e, 2, "measured", a, "") for e, a in zip(self.epochs, self.accuracy, strict=True)
        ]
        for cut in self.cuts:
            kept = words.of(cut.kept, cut.units, self.what)
            rows += [(cut.epoch, 0, "before pruning", cut.before, ""), (cut.epoch, 1, "after pruning", cut.after, kept)]
        rows.sort(key=lambda row: row[:2])
        return {
            "Epoch": [row[0] for row in rows],
            "Moment": [row[2] for row in rows],
            "Validation accuracy (%)": [round(100 * row[3], 2) for row in rows],
            "Kept": [row[4] for row in rows],
        }


def accuracy(history: History) -> Accuracy:
    """The curve of a run as far as it went; of an empty history an empty one."""
    if history.started is None:
        return Accuracy(sentence=sentence(history, (), ()))
    cuts = tuple(moments(history.prunings))
    planned = tuple(planned_prunings(history.started.plan))
    until = max([step.until for step in history.started.plan if isinstance(step, Train)], default=0.0)
    curve = {e.epoch: e.quality.accuracy for e in history.validation}
    return Accuracy(
        tuple(curve), tuple(curve.values()), cuts, () if history.ending else planned[len(history.prunings) :], until,
        "channels" if history.prunings and history.prunings[-1].granularity == "channel" else "weights",
        sentence(history, cuts, planned),
    )  # fmt: skip


def moments(prunings: Iterable[Pruned]) -> Iterable[Cut]:
    """Prunings with no training between them count as one."""
    cut: Cut | None = None
    for p in prunings:
        if cut and cut.epoch == p.epoch:
            cut = Cut(p.epoch, p.kept, p.units, cut.before, p.after.accuracy)
        else:
            if cut:
                yield cut
            cut = Cut(p.epoch, p.kept, p.units, p.before.accuracy, p.after.accuracy)
    if cut:
        yield cut


def planned_prunings(plan: Iterable[Step]) -> Iterable[tuple[float, float]]:
    epoch = 0.0
    for step in plan:
        if isinstance(step, Train):
            epoch = step.until
        elif isinstance(step, Prune) or (isinstance(step, Remove) and step.looks):
            yield epoch, 1 - step.sparsity


def sentence(history: History, cuts: tuple[Cut, ...], planned: tuple[tuple[float, float], ...]) -> str:
    """What one sees, in a sentence or two."""
    if isinstance(history.ending, Failed):
        return history.ending.message
    if history.started is None or history.spec is None:
        return "Nothing has been measured yet."
    spec, now = history.spec, history.validation[-1].quality.accuracy if history.validation else None
    if isinstance(history.ending, Cancelled):
        stood = "" if now is None else f" The network was then right on {words.accuracy(now)} of the validation images."
        return f"Cancelled after {words.epoch(history.ending.epoch)} of {spec.epochs} epochs.{stood}"
    if collapsed := list(history.prunings[-1].collapsed) if history.prunings else []:
        titles = words.listed([titles_of(spec.model_entry).get(name, name) for name in collapsed])
        lost = f"lost all {'their' if len(collapsed) > 1 else 'its'} {what_of(history)}"
        return f"{titles} {lost}; the run went on and can't do better than chance."
    if (end := history.finished) and end.test:
        reached = f"{words.accuracy(end.test.accuracy)} of the {end.test.n:,} test images"
        said = outcome(history, spec, cuts, reached) if not end.at_chance else at_chance(spec, reached)
        return " ".join(filter(None, (said, spec.dataset_entry.caution)))
    if cuts:
        return since_pruning(history, cuts, now)
    if now is None:
        return f"The network of {spec.model_entry.weights:,} weights is being trained; nothing has been measured yet."
    so_far = f"After {words.epoch(history.validation[-1].epoch)} of {spec.epochs} epochs the full network is right on "
    so_far += f"{words.accuracy(now)} of the validation images."
    return so_far + (f" The first pruning comes at epoch {words.epoch(planned[0][0])}." if planned else "")


def outcome(history: History, spec: RunSpec, cuts: tuple[Cut, ...], reached: str) -> str:
    left = f"all {spec.model_entry.weights:,} weights" if not cuts else kept_of(history, cuts[-1])
    return f"With {left}{'' if not cuts else ' left'}, the network is right on {reached}."


def at_chance(spec: RunSpec, reached: str) -> str:
    """With random labels it is the training images that a network may stay at chance on."""
    if spec.data_options.labels == "random":
        return f"The network learnt none of its random labels by heart; it is right on {reached}."
    return f"The network stayed at chance: it is right on {reached}, and guessing gives {words.accuracy(1 / spec.model_entry.classes)}."


def since_pruning(history: History, cuts: tuple[Cut, ...], now: float | None) -> str:
    cut, later = cuts[-1], [e for e in history.validation if e.epoch > cuts[-1].epoch]
    left = f"left {kept_of(history, cut)}."
    if cut.epoch == 0:
        reached = (
            f" After {words.epoch(later[-1].epoch)} epochs the network is right on {words.accuracy(now)} of the validation images."
            if later and now
            else ""
        )
        return f"Pruning before training {left}{reached}"
    moved = "fell" if cut.after < cut.before else "rose" if cut.after > cut.before else ""
    did = (
        f"Accuracy {moved} from {words.accuracy(cut.before)} to {words.accuracy(cut.after)}"
        if moved
        else f"Accuracy stayed at {words.accuracy(cut.after)}"
    )
    if later and now is not None:
        back = "is back at" if cut.after < now and cut.after < cut.before else "stands at"
        did += f" and {back} {words.accuracy(now)}"
    return f"The {'last ' if len(cuts) > 1 else ''}pruning {left} {did}."


def kept_of(history: History, cut: Cut) -> str:
    return words.of(cut.kept, cut.units, what_of(history))


def what_of(history: History) -> str:
    return f"{history.prunings[-1].granularity}s" if history.prunings else "weights"


def draw(numbers: Accuracy, theme: Theme, height: int = 292, colour: str | None = None) -> go.Figure:
    """The curve with its drops. `colour`: of the line, leaf if nothing is said.

    Built in one piece: a live page draws this every second, and plotly checks a figure anew with every mark that is added to it.
    """
    colour = colour or theme.leaf
    until, ticks = numbers.until or max([1.0, *numbers.epochs]), y_ticks(numbers.floor)
    marks = [(c.epoch, c.kept / c.units if c.units else 0.0, True) for c in numbers.cuts] + [(*p, False) for p in numbers.planned]
    return figure(
        theme, height, data=traces(numbers, colour), margin={"l": 62, "r": 72, "t": 30, "b": 46, "pad": 4},
        xaxis={"title": {"text": "Epoch"}, "range": [0, until], "showgrid": False, **epoch_ticks(until)},
        yaxis={
            "title": {"text": "Validation accuracy"}, "range": [numbers.floor, 1 + 0.04 * (1 - numbers.floor)], "tickvals": ticks,
            "ticktext": [f"{round(100 * t)} %" for t in ticks],
        },
        shapes=[
            {
                "type": "line", "x0": epoch, "x1": epoch, "y0": 0, "y1": 1, "yref": "paper", "layer": "below",
                "line": {"color": theme.line, "width": 1, "dash": "solid" if done else "2px,3px"},
            }
            for epoch, _, done in marks
        ],
        annotations=labels(numbers, theme, colour, marks, until),
    )  # fmt: skip


def traces(numbers: Accuracy, colour: str) -> list[Ink]:
    """Drops, the curve over them, a dot where it is now."""
    drops = [v for c in numbers.cuts if c.epoch > 0 for v in ((c.epoch, c.before), (c.epoch, c.after), (None, None))]
    points = curve_with_gaps(numbers)
    found: list[Ink] = [
        {
            "type": "scatter", "name": "drop", "mode": "lines", "x": [x for x, _ in drops], "y": [y for _, y in drops], "hoverinfo": "skip",
            "line": {"color": faded(colour, 0.45), "width": 5},
        },
        {
            "type": "scatter", "name": "accuracy", "mode": "lines", "x": [x for x, _, _ in points], "y": [y for _, y, _ in points],
            "customdata": [text for _, _, text in points], "line": {"color": colour, "width": 2.25},
            "hovertemplate": "epoch %{x:.4g}: %{y:.1%}%{customdata}<extra></extra>",
        },
    ]  # fmt: skip
    if now := numbers.now:
        dot = {"color": colour, "size": 9}
        found.append(
            {"type": "scatter", "name": "now", "mode": "markers", "x": [now[0]], "y": [now[1]], "marker": dot, "hoverinfo": "skip", "cliponaxis": False}
        )  # fmt: skip
    return found


def labels(numbers: Accuracy, theme: Theme, colour: str, marks: list[tuple[float, float, bool]], until: float) -> list[Ink]:
    """Accuracy at the end of the curve, and the row "% kept" above it."""
    found: list[Ink] = []
    if now := numbers.now:
        found.append({
            "x": now[0], "y": now[1], "text": words.accuracy(now[1]), "showarrow": False, "xanchor": "left", "xshift": 10, "yshift": 1,
            "bgcolor": theme.paper, "borderpad": 1, "font": {"size": 15, "color": colour, "weight": 700},
        })  # fmt: skip
    above: Ink = {"y": 1, "yref": "paper", "yanchor": "bottom", "yshift": 4, "showarrow": False}
    if marks:
        found.append(above | {
            "x": 0, "xref": "paper", "xanchor": "right", "xshift": -8 if marks[0][0] == 0 else -2, "text": f"{SCISSORS} % kept",
            "font": {"size": 13, "color": theme.soft},
        })  # fmt: skip
    return found + [
        above | {"x": epoch, "text": f"{100 * share:.2g}", "font": {"size": 13, "color": theme.text if done else theme.soft}}
        for epoch, share, done in spaced(marks, until)
    ]


def epoch_ticks(until: float) -> dict[str, object]:
    """Ticks of an epoch axis: both ends among them wherever a round step allows."""
    steps = (1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 100, 200, 500, 1000)
    found = next((s for s in steps if until / s <= 9 and until % s == 0), None)
    return {"nticks": 9} if found is None else {"dtick": found, "tick0": 0}


def y_ticks(floor: float) -> list[float]:
    step = {0.0: 0.25, 0.5: 0.1, 0.8: 0.05, 0.9: 0.02, 0.95: 0.01}[floor]
    return [floor + step * i for i in range(round((1 - floor) / step) + 1)]


def spaced(marks: list[tuple[float, float, bool]], until: float) -> list[tuple[float, float, bool]]:
    """Marks whose labels don't touch, the last one always among them."""
    shown: list[tuple[float, float, bool]] = []
    for mark in reversed(marks):
        if not shown or shown[-1][0] - mark[0] >= 0.07 * until:
            shown.append(mark)
    return shown


def curve_with_gaps(numbers: Accuracy) -> list[tuple[float | None, float | None, str]]:
    """The curve broken at every pruning, where it goes on from the accuracy after it."""
    points: list[tuple[float, int, float | None, str]] = [(e, 0, a, "") for e, a in zip(numbers.epochs, numbers.accuracy, strict=True)]
    for c in numbers.cuts:
        kept = f"<br>{words.of(c.kept, c.units, numbers.what)} kept"
        points += [(c.epoch, 1, c.before, " before pruning"), (c.epoch, 2, None, ""), (c.epoch, 3, c.after, " after pruning" + kept)]
    points.sort(key=lambda p: p[:2])
    return [(None if value is None else epoch, value, text) for epoch, _, value, text in points]
