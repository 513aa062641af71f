"""Accuracy over training with every pruning as a drop, of one run or of two together; beneath, how deep each was and how long it took to mend."""

from collections.abc import Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from ..history import History
from ..statistics import points
from . import accuracy as curve
from . import words
from .accuracy import Accuracy
from .curves import apart, plain
from .drops import Drop, Instability, drops, instability
from .theme import SCISSORS, Ink, Theme, faded, figure, nothing
from .variants import quoted, wrapped

WHY = {
    "no drop": "no drop", "pruned again": "not before the next pruning", "run over": "not by the end of the run", "under way": "not yet",
    "back": "",
}  # fmt: skip
X, Y = "Epoch", "Validation accuracy"
CURVES, BARS, LANES = (0.43, 1.0), (0.17, 0.34), (0.0, 0.11)


class Timeline(NamedTuple):
    """One run: `title` in full, `label` what tells it from the other, its criterion's `family`, the curve and its drops."""

    title: str
    label: str
    family: str | None
    curve: Accuracy
    drops: tuple[Drop, ...]
    test: float | None
    over: bool

    @property
    def mean(self) -> Instability | None:
        return instability(self.drops)


class Timelines(NamedTuple):
    """The runs of the picture, the chosen one first."""

    runs: tuple[Timeline, ...] = ()

    @property
    def sentence(self) -> str:
        if not self.runs:
            return "No pruning of a trained network yet."
        if len(self.runs) == 1:
            return alone(self.runs[0])
        costs = [(run.label, run.mean) for run in self.runs]
        if any(mean is None for _, mean in costs):
            return " ".join(alone(run) for run in self.runs if run.drops) or "Neither run has pruned a trained network yet."
        (a, x), (b, y) = [(label, mean) for label, mean in costs if mean is not None]
        return f"A pruning cost {lost(x.loss)} points on average with {quoted(a)}, {lost(y.loss)} with {quoted(b)}."

    def table(self) -> dict[str, list[object]]:
        rows = [(run, i, d) for run in self.runs for i, d in enumerate(run.drops, 1)]
        return {
            "Run": [run.title for run, _, _ in rows],
            "Pruning": [i for _, i, _ in rows],
            "Epoch": [round(d.epoch, 3) for _, _, d in rows],
            "Before (%)": [round(100 * d.before, 2) for _, _, d in rows],
            "After (%)": [round(100 * d.after, 2) for _, _, d in rows],
            "Drop (points)": [round(100 * d.loss, 2) for _, _, d in rows],
            "Drop, relative (%)": [None if d.relative is None else round(100 * d.relative, 2) for _, _, d in rows],
            "Removed": [d.removed for _, _, d in rows],
            "Of what was left (%)": [round(100 * d.removed / d.left, 2) if d.left else 0.0 for _, _, d in rows],
            "Hit hardest": [layer(d) for _, _, d in rows],
            "Class hit hardest": [klass(d) for _, _, d in rows],
            "Back after (epochs)": [None if d.back is None else round(d.back, 3) for _, _, d in rows],
            "Recovery": [WHY[d.recovery] or "back" for _, _, d in rows],
        }


def lost(fraction: float) -> str:
    """A drop in points, a small one with the digits that matter: 0.216 -> "21.6", 0.0003 -> "0.03"."""
    return points(fraction, 1 if abs(fraction) >= 0.00095 or not fraction else 2)


def layer(d: Drop) -> str:
    """The layer that lost the largest share of what it still had, and that share."""
    return f"{d.layer}, {words.share(d.layer_share)} lost" if d.layer else ""


def klass(d: Drop) -> str:
    return "" if d.worst_loss is None else f"{d.worst}, {points(d.worst_loss)} points"


def mended(d: Drop) -> str:
    """When accuracy was back, in words: "0.5 epochs", "not before the next pruning"."""
    return WHY[d.recovery] or epochs(d.back or 0.0)


def alone(run: Timeline) -> str:
    """What the prunings of one run cost, and whether accuracy came back."""
    if not run.drops:
        early = any(c.epoch == 0 for c in run.curve.cuts)
        return (
            "This run was pruned before it had learned anything: there was nothing to break."
            if early
            else "No pruning of a trained network yet."
        )
    if len(run.drops) == 1:
        d = run.drops[0]
        moved = f"cost {points(d.loss)} points: " if d.loss > 0 else ""
        fell = "fell" if d.loss > 0 else "rose" if d.loss < 0 else "stayed"
        change = f"accuracy {fell} from {words.accuracy(d.before)} to {words.accuracy(d.after)}" if d.loss else "accuracy stayed as it was"
        return f"The pruning at epoch {words.epoch(d.epoch)} {moved or 'cost nothing: '}{change}. {after_one(d)}"
    mean, worst = run.mean, max(run.drops, key=lambda d: d.loss)
    assert mean is not None
    said = f"{words.capital(words.counted(len(run.drops)))} prunings cost {lost(mean.loss)} points each on average"
    if worst.loss > 0:
        said += f", the one at epoch {words.epoch(worst.epoch)} most: from {words.accuracy(worst.before)} to {words.accuracy(worst.after)}"
    return f"{said}. {after_many(run)}"


def after_one(d: Drop) -> str:
    if d.recovery == "back":
        return f"It was back after {epochs(d.back or 0)}."
    if d.recovery == "no drop":
        return "There was nothing to mend."
    return f"It was {'not back by the end of the run' if d.recovery == 'run over' else 'not back so far'}."


def after_many(run: Timeline) -> str:
    fell = [d for d in run.drops if d.recovery != "no drop"]
    back = [d.back for d in fell if d.back is not None]
    if not fell:
        return "Accuracy never fell."
    if len(back) == len(fell):
        return f"Accuracy came back every time, within {epochs(max(back))}."
    waiting = fell[-1].recovery == "under way"
    if not back:
        return "Accuracy has not come back so far." if waiting else "Accuracy never came back to where it was before a pruning."
    tail = "; after the last it has not yet" if waiting else ""
    return f"Accuracy came back after {words.counted(len(back))} of the {words.counted(len(fell))} that cost any{tail}."


def epochs(number: float) -> str:
    said = f"{number:.2f}".rstrip("0").rstrip(".")
    return f"{said} {'epoch' if said == '1' else 'epochs'}"


def timeline(title: str, label: str, history: History) -> Timeline:
    entry, end = history.spec.criterion_entry if history.spec else None, history.finished
    test = end.test.accuracy if end and end.test else None
    family = entry.family if entry else None
    return Timeline(title, label, family, curve.accuracy(history), drops(history), test, history.ending is not None)


def draw(numbers: Timelines, theme: Theme, height: int = 470) -> go.Figure:
    """Curves above, drops in points beneath, and a lane a run in which a line is as long as the accuracy was away."""
    if not numbers.runs:
        return nothing(theme, height, "No pruning of a trained network yet.", X, Y)
    until = max([1.0, *(run.curve.until for run in numbers.runs), *(run.curve.epochs[-1] for run in numbers.runs if run.curve.epochs)])
    floor = min(run.curve.floor for run in numbers.runs)
    ticks = curve.y_ticks(floor)
    chosen, top = numbers.runs[0], 1 + 0.04 * (1 - floor)
    deepest = max([0.01, *(d.loss for run in numbers.runs for d in run.drops)])
    lowest = min([0.0, *(d.loss for run in numbers.runs for d in run.drops)])
    ends = [wrapped(run.label) if len(numbers.runs) > 1 else reached(run) for run in numbers.runs]
    marks = [(d.epoch, c.kept / c.units if c.units else 0.0, True) for d in chosen.drops for c in chosen.curve.cuts if c.epoch == d.epoch]
    marks += [(*p, False) for p in chosen.curve.planned if p[0] > 0]
    data = [ink for i, run in enumerate(numbers.runs) for ink in traces(run, i, len(numbers.runs), until, theme)]
    data.append({"type": "scatter", "x": [None], "y": [None], "yaxis": "y3"})  # Plotly leaves out an axis that nothing stands on
    plot = figure(
        theme, height, data=data, margin={"l": 66, "r": 18 + 8 * max(len(line) for end in ends for line in end.split("<br>")), "t": 30, "b": 46, "pad": 4},
        xaxis={"title": {"text": X}, "range": [0, until], "showgrid": False, "anchor": "y3", **curve.epoch_ticks(until)},
        yaxis={
            "title": {"text": Y}, "range": [floor, top], "domain": CURVES, "tickvals": ticks,
            "ticktext": [f"{round(100 * t)} %" for t in ticks],
        },
        yaxis2={"title": {"text": "Drop, points"}, "range": [100 * min(0, 1.1 * lowest), 115 * deepest], "domain": BARS, "nticks": 4},
        yaxis3={
            "range": [len(numbers.runs) - 0.4, -0.6], "domain": LANES, "showgrid": False, "tickvals": [(len(numbers.runs) - 1) / 2],
            "ticktext": ["Recovery"], "zeroline": False,
        },
        barmode="overlay", meta={"narrow": {"margin": {"r": 78}}},
        shapes=[
            {
                "type": "line", "x0": epoch, "x1": epoch, "y0": 0, "y1": 1, "yref": "paper", "layer": "below",
                "line": {"color": theme.line, "width": 1, "dash": "solid" if done else "2px,3px"},
            }
            for epoch, _, done in marks
        ],
    )  # fmt: skip
    above: Ink = {"y": 1, "yref": "paper", "yanchor": "bottom", "yshift": 4, "showarrow": False, "font": {"size": 13, "color": theme.soft}}
    if marks:
        plot.add_annotation(above | {"x": 0, "xref": "paper", "xanchor": "right", "xshift": -2, "text": f"{SCISSORS} % kept"})
    for epoch, share, _ in curve.spaced(marks, until):
        plot.add_annotation(above | {"x": epoch, "text": f"{100 * share:.2g}", "font": {"size": 13, "color": theme.text}})
    gap = 18 * max(end.count("<br>") + 1 for end in (*ends, *shorts(numbers.runs))) / (0.57 * (height - 76)) * (top - floor)
    places = apart([max(floor, run.curve.now[1]) if run.curve.now else floor for run in numbers.runs], gap)
    for i, (run, place, end, short) in enumerate(zip(numbers.runs, places, ends, shorts(numbers.runs), strict=True)):
        plot.add_annotation(
            x=1, xref="paper", y=place, text=end, showarrow=False, xanchor="left", xshift=10, align="left", name=f"narrow:{short or end}",
            font={"size": 14, "color": inks(run, i, theme)[1], "weight": 700},
        )  # fmt: skip
    return plot


def shorts(runs: Sequence[Timeline]) -> list[str]:
    """What of their labels tells the runs apart on a phone; nothing for a single one."""
    parts = [run.label.split(", ") for run in runs]
    place = next((i for i in range(min(map(len, parts))) if len({p[i] for p in parts}) == len(parts)), 0)
    return [wrapped(p[place], 10) if len(runs) > 1 else "" for p in parts]


def inks(run: Timeline, place: int, theme: Theme) -> tuple[str, str, str]:
    """Line, label and dash: leaf for the chosen run, for the other its criterion's colour, dashed."""
    if place == 0:
        return theme.leaf, theme.leaf, "solid"
    style = theme.style(run.family)
    return style.colour, style.label, style.dash if style.dash != "solid" else "dash"


def traces(run: Timeline, place: int, of: int, until: float, theme: Theme) -> list[Ink]:
    """Curve, bars and lane of one run."""
    colour, _, dash = inks(run, place, theme)
    found = curve.traces(run.curve, colour)
    for ink in found:
        if ink["name"] == "accuracy":
            ink["line"] = ink["line"] | {"dash": dash}
            ink["hovertemplate"] = f"{plain(run.label)}<br>{ink['hovertemplate']}"
    width = 0.011 * until
    shift = (place - (of - 1) / 2) * width
    told = [story(run, i, d) for i, d in enumerate(run.drops, 1)]
    x = [d.epoch for d in run.drops]
    found.append({
        "type": "bar", "x": [e + shift for e in x], "y": [100 * d.loss for d in run.drops], "width": width, "yaxis": "y2", "name": "drops",
        "customdata": told, "hovertemplate": "%{customdata}<extra></extra>", "marker": {"color": colour, "cornerradius": 2},
    })  # fmt: skip
    for d, words_of_it in zip(run.drops, told, strict=True):
        reached = d.back is not None
        end = d.epoch + d.back if d.back is not None else d.watched
        lane: Ink = {"type": "scatter", "yaxis": "y3", "cliponaxis": False, "hovertemplate": f"{words_of_it}<extra></extra>"}
        found.append(lane | {
            "x": [d.epoch, end], "y": [place, place], "mode": "lines", "name": "recovery",
            "line": {"color": colour if reached else faded(colour, 0.6), "width": 4 if reached else 2, "dash": "solid" if reached else "2px,3px"},
        })  # fmt: skip
        mark = (
            {"color": colour, "symbol": "circle", "size": 8}
            if reached
            else {"color": colour, "symbol": "x-thin", "size": 6, "line": {"color": colour, "width": 2}}
        )
        found.append(lane | {"x": [end], "y": [place], "mode": "markers", "name": "back" if reached else "not back", "marker": mark})
    return found


def story(run: Timeline, i: int, d: Drop) -> str:
    """A pruning for the pointer that rests on it."""
    unit = run.curve.what
    back = f"back after {mended(d)}" if d.recovery == "back" else "no drop" if d.recovery == "no drop" else f"back: {mended(d)}"
    lines = [
        f"{run.label}, pruning {i} at epoch {words.epoch(d.epoch)}",
        f"{words.accuracy(d.before)} before, {words.accuracy(d.after)} after: {points(d.loss)} points",
        f"{d.removed:,} of {d.left:,} {unit} removed",
        f"hit hardest: {layer(d)}" if d.layer else "",
        f"class hit hardest: {klass(d)}" if d.worst_loss is not None and d.worst_loss > 0 else "",
        back,
    ]
    return "<br>".join(plain(line) for line in lines if line)


def reached(run: Timeline) -> str:
    return words.accuracy(run.curve.now[1]) if run.curve.now else ""


def timelines(runs: Sequence[tuple[str, str, History]]) -> Timelines:
    """(title, label, history) of the runs, the chosen one first."""
    return Timelines(tuple(timeline(title, label, history) for title, label, history in runs))
