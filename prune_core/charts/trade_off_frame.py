"""Where the trade-off's values stand on its axes: weights on a log axis turned round, errors on a log axis, accuracies on a linear one."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from . import words
from .sizes import SIZES
from .theme import Ink
from .trade_off import Series, TradeOff, printed

SHARES = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005, 0.0002, 0.0001)
FINE = tuple(round(step * 10.0**-power, 6) for power in range(1, 5) for step in (10, 9, 8, 7, 6, 5, 4, 3, 2.5, 2, 1.5))
FEW = 3  # ticks: with fewer the finer ones come
ERRORS = (0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)


class Frame(NamedTuple):
    """Ends of both axes as plotly takes them: x as log10 of a size, many to few; y as log10 of an error, or an accuracy."""

    x: tuple[float, float]
    y: tuple[float, float]
    log_y: bool

    def place(self, y: float) -> float:
        """A value where the axis can show it: an error of 0, or the end of a band below it, at the floor."""
        return max(y, 10 ** self.y[0]) if self.log_y else y

    def label(self, y: float) -> float:
        """The same for an annotation: plotly wants the logarithm on a log axis."""
        return math.log10(self.place(y)) if self.log_y else y

    @property
    def across(self) -> tuple[float, float, float]:
        """Left edge, middle and right edge in sizes, for lines that cross the picture."""
        left, right = self.x
        return 10**left, 10 ** ((left + right) / 2), 10**right


def frame_of(numbers: TradeOff, drawn: Sequence[Series]) -> Frame:
    """Room for every mean, run and published value; intervals may reach beyond the edge."""
    xs = [math.log10(x) for s in drawn for p in s.points for x in (p.x, *(d.x for d in p.dots)) if x]
    xs += [math.log10(numbers.weights * (1 - e.sparsity)) for e in numbers.published if e.sparsity is not None]
    xs += [math.log10(numbers.whole)] if numbers.has_sizes and numbers.whole else []
    room = max(0.05 * (max(xs) - min(xs)), 0.06)
    x = (max(xs) + room, min(xs) - room)
    ys = [y for s in (*drawn, *numbers.dense) for p in s.points for y in (p.mean, *(d.y for d in p.dots)) if y is not None]
    ys += [printed(numbers, entry) for entry in numbers.published]
    if numbers.up == "error":
        errors = [y for y in ys if y > 0] or [0.01]
        low, high = 0.8 * min(errors), min(1.0, max(1.15 * max(errors), 2 * min(errors)))
        return Frame(x, (math.log10(low), math.log10(high)), True)
    room = max(0.06 * (max(ys) - min(ys)), 0.004)
    return Frame(x, (max(0.0, min(ys) - room), min(1 + room / 2, max(ys) + room)), False)


def x_title(numbers: TradeOff) -> str:
    return f"{SIZES[numbers.across].title}, log scale (smaller networks to the right)"


def y_title(numbers: TradeOff) -> str:
    return "Test error, log scale" if numbers.up == "error" else "Test accuracy"


def x_axis(numbers: TradeOff, frame: Frame) -> tuple[Ink, Ink]:
    """The axis with sizes and shares, and what it is on a phone: shares alone, or times alone."""
    size, whole = SIZES[numbers.across], numbers.whole or 1.0
    coarse, fine = ([s for s in some if frame.x[1] <= math.log10(s * whole) <= frame.x[0]] for some in (SHARES, FINE))
    ticks = coarse if len(coarse) >= FEW else fine[:: 1 + len(fine) // 7] or [10 ** frame.x[0] / whole]
    wide = {
        "type": "log", "range": frame.x, "title": {"text": x_title(numbers)}, "tickvals": [share * whole for share in ticks],
        "ticktext": [f"{size.tick(share * whole)}<br>{words.share(share)}" for share in ticks], "tickangle": 0,
    }  # fmt: skip
    narrow = [(words.share(share) if size.unit else size.tick(share * whole)).replace(" ", "\N{NO-BREAK SPACE}") for share in ticks]
    return wide, {"ticktext": narrow, "title": {"text": f"{size.short}, log scale"}}


def y_axis(numbers: TradeOff, frame: Frame) -> Ink:
    axis: Ink = {"type": "log" if frame.log_y else "linear", "range": frame.y, "title": {"text": y_title(numbers)}}
    ticks = [e for e in ERRORS if frame.y[0] <= math.log10(e) <= frame.y[1]] if frame.log_y else accuracies(*frame.y)
    if len(ticks) > 1:
        return axis | {"tickvals": ticks, "ticktext": [words.share(e) for e in ticks]}
    return axis | {"nticks": 5, "tickformat": ".2%"}


def accuracies(low: float, high: float) -> list[float]:
    """Round accuracies between low and high, at most seven of them."""
    step = next(s for s in (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if (high - low) / s <= 7)
    return [round(k * step, 6) for k in range(math.ceil(low / step), math.floor(high / step) + 1) if k * step <= 1]
