"""Is it faster? The pruned network as it was measured beside the full one, and beside itself with zeros in the places of what is gone."""

from typing import Any, NamedTuple

import plotly.graph_objects as go

from ..history import History
from . import words
from .theme import Theme, figure, nothing
from .timings import Both, Took, latency_of

WHOLE, MASKED, SMALLER = "Full network", "Zeros in their places", "Made smaller"
SAME = 0.1  # medians closer than this, as a part, are told as no gain
ROW, AROUND = 62, 84


class Time(NamedTuple):
    """Seconds of a pass: median and quartiles over `rounds` passes."""

    median: float
    low: float
    high: float
    rounds: int


class Row(NamedTuple):
    """A network as it was measured: seconds for one and for many images, bytes of its weights as a file, bytes that a pass holds at least (None: of a run
    from before that was measured)."""

    title: str
    one: Time
    many: Time
    bytes: int
    memory: int | None


class Speedup(NamedTuple):
    """The networks from the full one on. images: of the larger batch. removed: share of `unit`s gone."""

    network: str = ""
    rows: tuple[Row, ...] = ()
    images: int = 0
    threads: int = 0
    removed: float = 0.0
    unit: str = "weight"

    def row(self, title: str) -> Row | None:
        return next((row for row in self.rows if row.title == title), None)

    def gains(self, title: str) -> tuple[float, float] | None:
        """How many times as fast as the full network, for one image and for many."""
        whole, other = self.row(WHOLE), self.row(title)
        if whole is None or other is None:
            return None
        return whole.one.median / other.one.median, whole.many.median / other.many.median

    @property
    def sentence(self) -> str:
        if not self.rows:
            return "No run has measured how fast its network is."
        small, zeros = self.gains(SMALLER), self.gains(MASKED)
        gone = f"Without {words.share(self.removed)} of its {self.unit}s"
        if small is None and zeros is None:
            row = self.rows[0]
            return f"{self.network} takes {words.milliseconds(row.one.median)} for one image and {words.milliseconds(row.many.median)} for {self.images}."
        if small is None:
            assert zeros is not None
            return f"{gone} {self.network} is {faster(*zeros, self.images)}. {ZEROS}"
        told = f"{gone} {self.network}, made smaller, is {faster(*small, self.images)}."
        return told if zeros is None else f"{told} With zeros in the same places it is {faster(*zeros, self.images)}. {ZEROS}"

    def table(self) -> dict[str, list[object]]:
        return {
            "Network": [row.title for row in self.rows],
            "1 image (ms)": [milli(row.one.median) for row in self.rows],
            "1 image, quartiles (ms)": [f"{milli(row.one.low)} to {milli(row.one.high)}" for row in self.rows],
            f"{self.images} images (ms)": [milli(row.many.median) for row in self.rows],
            f"{self.images} images, quartiles (ms)": [f"{milli(row.many.low)} to {milli(row.many.high)}" for row in self.rows],
            "Times as fast, 1 image": [round(g[0], 2) if (g := self.gains(row.title)) else None for row in self.rows],
            f"Times as fast, {self.images} images": [round(g[1], 2) if (g := self.gains(row.title)) else None for row in self.rows],
            "File (bytes)": [row.bytes for row in self.rows],
            "Held in a pass, at least (bytes)": [row.memory for row in self.rows],
        }


ZEROS = "Zeros are not speed: they are multiplied like any other number."


def faster(one: float, many: float, images: int) -> str:
    """Gains in words: "2.98 times as fast for one image and 3.7 for 128"."""
    if max(abs(one - 1), abs(many - 1)) < SAME:
        return f"no faster ({one:.2f} and {many:.2f} times as fast)"
    return f"{one:.3g} times as fast for one image and {many:.3g} for {images}"


def milli(seconds: float) -> float:
    return round(1000 * seconds, 4)


def speedup(history: History) -> Speedup:
    """The last measurement of time in a run's events."""
    found = latency_of(history)
    if history.spec is None or found is None:
        return Speedup()
    own = SMALLER if history.shrunk else MASKED if history.prunings else WHOLE
    titled = {"whole": WHOLE, "masked": MASKED, "this": own}
    there: dict[str, Both] = {name: both for name, both in (("whole", found.whole), ("masked", found.masked), ("this", found)) if both}
    rows = [
        Row(titled[name], time_of(both.batch_1), time_of(both.batch_128), found.bytes.get(name, 0), found.memory.get(name))
        for name, both in there.items()
    ]
    removed, unit = history.spec.sparsity, history.spec.resolved_granularity
    if history.prunings:
        last = history.prunings[-1]
        removed, unit = 1 - last.kept / last.units, last.granularity
    return Speedup(history.spec.model_entry.title, tuple(rows), found.batch_128.n, found.threads, removed, unit)


def time_of(told: Took) -> Time:
    return Time(told.median, told.low, told.high, told.rounds)


def draw(numbers: Speedup, theme: Theme) -> go.Figure:
    """Three columns of bars from zero: time for one image, time for many, size of the file; a row a network, the full one on top."""
    height = AROUND + ROW * max(1, len(numbers.rows))
    if not numbers.rows:
        return nothing(theme, height, numbers.sentence, "Time", "Network")
    columns = {
        "Time for one image": ([(r.one.median, r.one.low, r.one.high) for r in numbers.rows], words.milliseconds),
        f"Time for {numbers.images} images": ([(r.many.median, r.many.low, r.many.high) for r in numbers.rows], words.milliseconds),
        "Size of the file": ([(float(r.bytes), float(r.bytes), float(r.bytes)) for r in numbers.rows], words.bytes_of),
    }
    titles = [row.title for row in numbers.rows]
    colours = [
        theme.leaf if title == SMALLER else theme.dense if title == WHOLE else theme.families["magnitude"].colour for title in titles
    ]
    names = {
        "type": "category", "autorange": "reversed", "showgrid": False, "title": {"text": ""}, "tickfont": {"size": 14, "color": theme.text},
    }  # fmt: skip
    width, gap = 0.31, 0.035
    layout: dict[str, Any] = {}
    data = []
    for i, (title, (values, told)) in enumerate(columns.items()):
        suffix, left = "" if not i else str(i + 1), i * (width + gap)
        largest = max(v for v, *_ in values) or 1.0
        layout[f"xaxis{suffix}"] = {
            "title": {"text": ""}, "domain": [left, left + width], "range": [0, 1.5 * largest], "showgrid": False, "showticklabels": False,
            **({"anchor": f"y{suffix}"} if i else {}),
        }  # fmt: skip
        layout[f"yaxis{suffix}"] = names | ({"anchor": f"x{suffix}", "showticklabels": False} if i else {})
        first = values[0][0]
        data.append({
            "type": "bar", "orientation": "h", "y": titles, "x": [v for v, *_ in values], "xaxis": f"x{suffix}", "yaxis": f"y{suffix}", "width": 0.5,
            "marker": {"color": colours, "cornerradius": 3}, "text": [f"{told(v)}{times(first, v)}" for v, *_ in values], "textposition": "outside",
            "textfont": {"size": 14, "color": theme.text}, "cliponaxis": False, "constraintext": "none", "name": title,
            "hovertext": [about(name, title, told, v) for name, v in zip(titles, values, strict=True)], "hovertemplate": "%{hovertext}<extra></extra>",
        })  # fmt: skip
    narrow: dict[str, Any] = {f"xaxis{s}": {"domain": [0, 1]} for s in ("", "2", "3")}
    heads = [
        {"xref": f"x{s} domain", "yref": f"y{s} domain", "x": 0, "y": 1, "yshift": 20, "xanchor": "left", "text": f"<b>{t}</b>", "showarrow": False,
         "font": {"size": 14, "color": theme.text}}
        for s, t in zip(("", "2", "3"), columns, strict=True)
    ]  # fmt: skip
    return figure(
        theme,
        height,
        data=data,
        margin={"l": 158, "r": 12, "t": 42, "b": 8, "pad": 8},
        annotations=heads,
        meta={"narrow": stacked(narrow, list(columns))},
        **layout,
    )


def stacked(narrow: dict[str, Any], titles: list[str]) -> dict[str, Any]:
    """On a phone the columns stand one above the other."""
    for i in range(len(titles)):
        suffix, top = "" if not i else str(i + 1), 1 - i / len(titles)
        narrow[f"yaxis{suffix}"] = {"domain": [top - 0.25, top], "showticklabels": True, "tickfont": {"size": 12}}
    return narrow | {"margin": {"l": 132, "r": 10, "t": 42, "b": 8}, "height": 520}


def times(first: float, value: float) -> str:
    """How much less than the full network's, where it is less or more by a tenth."""
    return f" · {first / value:.3g}×" if value and abs(first / value - 1) >= SAME else ""


def about(name: str, title: str, told: Any, v: tuple[float, float, float]) -> str:
    middle, low, high = v
    spread = f"<br>quartiles {told(low)} to {told(high)}" if low != high else ""
    return f"{name}<br>{title}: {told(middle)}{spread}"
