"""Two to twelve runs beside each other: their curves, what they were told differently, and what they came to."""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import plotly.graph_objects as go

from ..history import History
from ..results import Environment, Result
from ..spec import RunSpec
from ..spec_words import Differing, differing, settings_of
from . import curves, words
from .curves import Curves
from .theme import LIGHT, Theme

LETTERS = "ABCDEFGHIJKL"
LONGEST = 32
ABSENT = "–"
TITLED = {"model", "dataset", "criterion", "protocol", "sparsity", "seed"}  # what a run's title says already


class Side(NamedTuple):
    """One of the runs. `letter` stands for it in picture and tables, `label` says in words what tells it apart, `dash` is that of its line."""

    letter: str
    label: str
    result: Result
    family: str | None
    dash: str
    epoch: float | None
    measured: bool

    @property
    def right(self) -> str:
        """Accuracy on the test images in words."""
        if self.result.test_accuracy is None:
            return ABSENT
        return words.accuracy(self.result.test_accuracy) + (", at chance" if self.result.at_chance else "")


class Comparison(NamedTuple):
    """The runs in the order given, their curves, the settings that differ (a value a run) and how many are the same everywhere."""

    sides: tuple[Side, ...] = ()
    curves: Curves = Curves()
    differing: tuple[Differing, ...] = ()
    same: int = 0

    @property
    def sentence(self) -> str:
        return self.curves.sentence

    @property
    def drawn(self) -> tuple[Side, ...]:
        """The runs that have a curve, in the order of the curves."""
        return tuple(s for s in self.sides if s.measured)

    @property
    def outcome(self) -> str:
        """What the runs came to on the test images, in a sentence."""
        tested = sorted(((s.result.test_accuracy, s) for s in self.sides if s.result.test_accuracy is not None), key=lambda pair: pair[0])
        if not tested:
            return "None of these runs has been measured on the test images."
        without = len(self.sides) - len(tested)
        rest = (
            f" {words.capital(words.counted(without))} of {len(self.sides)} {'has' if without == 1 else 'have'} no test accuracy."
            if without
            else ""
        )
        (low, worst), (high, best) = tested[0], tested[-1]
        if len(tested) == 1:
            return f"{best.label} is right on {best.right} of the test images.{rest}"
        if words.accuracy(low) == words.accuracy(high):
            return f"{'Both' if len(tested) == 2 else 'All'} end at {words.accuracy(high)} of the test images.{rest}"
        return (
            f"{best.label} ends highest, at {words.accuracy(high)} of the test images; "
            f"{worst.label} {'' if len(tested) == 2 else 'lowest, '}at {words.accuracy(low)}.{rest}"
        )

    @property
    def differences(self) -> str:
        """What differs, in a sentence."""
        if not self.differing:
            return "No setting differs: these runs repeat each other."
        names = [d.title[:1].lower() + d.title[1:] for d in self.differing]
        said = words.listed(names if len(names) <= 4 else [*names[:3], f"{words.counted(len(names) - 3)} more settings"])
        return f"They differ in {said}; the other {self.same} settings are the same."

    @property
    def mixed(self) -> str | None:
        """What the runs were computed with, where that is not the same; None where it is."""
        known = [s for s in self.sides if s.result.environment != Environment()]
        said = []
        for field in Environment._fields:
            values = dict.fromkeys(getattr(s.result.environment, field) for s in known)
            if len(values) > 1:
                said.append(
                    ", ".join(
                        f"{words.listed([s.letter for s in known if getattr(s.result.environment, field) == value])} "
                        f"{'on' if field == 'device' else 'with ' + field} {value or 'unknown'}"
                        for value in values
                    )
                )
        return f"Not computed alike: {'; '.join(said)}. Small differences may come from that." if said else None

    @property
    def caution(self) -> str:
        """What a careful reader should know before believing a difference."""
        alone = len({s.result.group for s in self.sides}) == len(self.sides)
        return "One seed each: a small difference between two of them may be chance." if alone and len(self.sides) > 1 else ""

    def table(self) -> dict[str, list[object]]:
        """Every point of the curves, with the run's letter."""
        letters = [side.letter for side, series in zip(self.drawn, self.curves.series, strict=True) for _ in series.epochs]
        return {"Letter": list(letters), **self.curves.table()}

    def figures(self) -> dict[str, list[object]]:
        """What the runs came to, a row a run; None where nothing was measured."""
        results = [s.result for s in self.sides]
        return {
            "Run": [f"{s.letter} {s.result.title}" for s in self.sides],
            "State": [r.state for r in results],
            "Test accuracy (%)": [None if r.test_accuracy is None else round(100 * r.test_accuracy, 2) for r in results],
            "Validation accuracy (%)": [None if r.validation_accuracy is None else round(100 * r.validation_accuracy, 2) for r in results],
            "Weights kept": [r.weights_kept for r in results],
            "Weights": [r.weights for r in results],
            "On a path": [r.effective for r in results],
            "Epochs": [s.epoch for s in self.sides],
            "Seconds": [None if r.seconds is None else round(r.seconds, 2) for r in results],
        }


def comparison(runs: Sequence[tuple[Result, History]]) -> Comparison:
    """Runs with their events so far, at most twelve. Raises ValueError for more."""
    if len(runs) > len(LETTERS):
        raise ValueError(f"runs: at most {len(LETTERS)} can be compared, got {len(runs)}.")
    specs = [result.spec for result, _ in runs]
    different = tuple(differing(specs))
    labels = told_apart([result for result, _ in runs])
    families = [family_of(spec) for spec in specs]
    sides = tuple(
        Side(letter, label, result, family, dash, history.epochs[-1].epoch if history.epochs else None, bool(history.validation))
        for letter, label, (result, history), family, dash in zip(
            LETTERS, labels, runs, families, curves.dashes(families, LIGHT), strict=False
        )
    )
    drawn = tuple(
        curves.one(result.title, side.label, history)._replace(family=side.family, dash=side.dash)
        for side, (result, history) in zip(sides, runs, strict=True) if side.measured
    )  # fmt: skip
    every = {s.field for spec in specs for s in settings_of(spec)}
    return Comparison(sides, Curves(drawn), different, len(every) - len(different))


def family_of(spec: RunSpec) -> str | None:
    """The family of the criterion that prunes; None where nothing is pruned."""
    return spec.criterion_entry.family if spec.criterion_entry and "criterion" in spec.protocol_entry.uses else None


def told_apart(results: Sequence[Result]) -> list[str]:
    """A short label a run: as few parts of its title as no other run has; where all parts are equal, settings that differ beside them."""
    parts = [r.title.split(" · ") for r in results]
    alike = len({p[0] for p in parts}) == 1
    cuts = [shortened(p, alike) for p in parts]
    labels = []
    for i, mine in enumerate(cuts):
        same = [j for j, p in enumerate(parts) if p == parts[i]]
        label = next((cut for cut in mine if sum(cut in others for others in cuts) == len(same)), results[i].title)
        if len(same) > 1:
            changed = [d for d in differing([results[j].spec for j in same]) if d.field not in TITLED]
            label = " · ".join([label, *(f"{d.title[:1].lower()}{d.title[1:]} {d.values[same.index(i)]}" for d in changed[:2])])
        labels.append(words.capital(label))
    return [f"{label} ({labels[: i + 1].count(label)})" if labels.count(label) > 1 else label for i, label in enumerate(labels)]


def shortened(parts: Sequence[str], without_first: bool) -> list[str]:
    """What a title can be cut to, the shortest first. Its first part, what was done, is left out only where all runs share it."""
    places = [c for n in range(1, 5) for c in combinations(range(min(len(parts), 5)), n) if 0 in c or without_first]
    return [" · ".join(parts[i] for i in c) for c in places]


def draw(numbers: Comparison, theme: Theme, height: int = 388, scale: curves.Scale = "accuracy") -> go.Figure:
    """The curves, each with its letter and label at its end; on a phone the letter alone."""
    fig = curves.draw(numbers.curves, theme, height, scale)
    drawn = numbers.drawn
    for side, annotation in zip(drawn, fig.layout.annotations if drawn else (), strict=True):
        label = curves.plain(side.label if len(side.label) <= LONGEST else side.label[: LONGEST - 1].rstrip() + "…")
        annotation.update(text=f"{side.letter} <b>{label}</b>", name=f"narrow:{side.letter}", font={"weight": 400})
    if drawn:
        longest = max(min(LONGEST, len(s.label)) for s in drawn) + 2
        fig.update_layout(margin_r=min(290, 34 + 8 * longest), meta={"narrow": {"margin": {"r": 34}}})
    return fig
