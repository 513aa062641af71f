"""A network layer by layer: where its weights are, where its work is, and what a run kept of both."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import plotly.graph_objects as go

from ..catalogue import Model
from ..events import LayerKept
from ..history import History
from . import words
from .theme import Theme, figure, nothing
from .timings import latency_of

WEIGHTS, WORK, TIME = "Share of all weights", "Share of all multiply-adds", "Share of the layers' measured time"
LARGE = 0.25  # share of a layer that is worth naming
ROOMY = 12  # layers up to which each gets a tall row


class Row(NamedTuple):
    """A prunable layer. `macs`: multiply-adds of one image. `kept`: weights left by the run, None without one; `dead`: outputs without input.

    before, now: seconds that it was measured to take in the full network and in the run's; None where they were not measured.
    """

    title: str
    shape: tuple[int, ...]
    weights: int
    macs: int
    channels: int = 0
    kept: int | None = None
    dead: int = 0
    before: float | None = None
    now: float | None = None

    @property
    def left(self) -> int:
        return self.weights if self.kept is None else self.kept

    @property
    def macs_left(self) -> int:
        """What is left of the work if every zero were skipped: each weight of a layer is used equally often."""
        return self.macs * self.left // self.weights


class Network(NamedTuple):
    """Layers in the order of the network. `parameters`: all trainable numbers. `pruned`: whether the run removed anything. `smaller`: whether it was
    made smaller, so that what is removed is no zero but gone.
    """

    title: str = ""
    rows: tuple[Row, ...] = ()
    parameters: int = 0
    smaller: bool = False

    @property
    def timed(self) -> bool:
        return bool(self.rows) and all(row.before is not None and row.now is not None for row in self.rows)

    @property
    def seconds(self) -> float:
        """Of all layers in the full network."""
        return sum(row.before or 0.0 for row in self.rows)

    @property
    def weights(self) -> int:
        return sum(row.weights for row in self.rows)

    @property
    def macs(self) -> int:
        return sum(row.macs for row in self.rows)

    @property
    def kept(self) -> int:
        return sum(row.left for row in self.rows)

    @property
    def pruned(self) -> bool:
        return self.kept < self.weights

    @property
    def sentence(self) -> str:
        if not self.rows:
            return "This network has no prunable layer."
        return self.after if self.pruned else self.whole

    @property
    def whole(self) -> str:
        most, busiest = max(self.rows, key=lambda row: row.weights), max(self.rows, key=lambda row: row.macs)
        holds, does = words.share(most.weights / self.weights), words.share(busiest.macs / self.macs)
        if most.weights < LARGE * self.weights and busiest.macs < LARGE * self.macs:
            heavy, busy = (words.counted(half([getattr(row, what) for row in self.rows])) for what in ("weights", "macs"))
            return (
                f"{words.capital(heavy)} of {len(self.rows)} layers hold half of the {self.weights:,} prunable weights, and {busy} do half of the "
                f"{self.macs:,} multiply-adds an image."
            )
        work = f"does {does} of the {self.macs:,} multiply-adds an image"
        if most is busiest:
            return f"{most.title} holds {holds} of the {self.weights:,} prunable weights and {work}."
        return f"{most.title} holds {holds} of the {self.weights:,} prunable weights, but {busiest.title} {work}."

    @property
    def after(self) -> str:
        left = sum(row.macs_left for row in self.rows)
        hardest = min(self.rows, key=lambda row: row.left / row.weights)
        work = f"{words.share(left / self.macs)} of the multiply-adds would be left if every zero were skipped"
        if self.smaller:
            work = f"{words.share(left / self.macs)} of the multiply-adds are left"
        if self.timed:
            slow = max(self.rows, key=lambda row: row.now or 0.0)
            total = sum(row.now or 0.0 for row in self.rows)
            work += f", and the layers take {words.share(round(total / self.seconds, 3))} of the time, most of it in {slow.title}"
        return f"{words.of(self.kept, self.weights, 'weights')} are left, fewest in {hardest.title} ({words.share(hardest.left / hardest.weights)}); {work}."

    def table(self) -> dict[str, list[object]]:
        found: dict[str, list[object]] = {
            "Layer": [row.title for row in self.rows],
            "Shape": [shape(row.shape) for row in self.rows],
            "Weights": [row.weights for row in self.rows],
            "Share of weights (%)": [round(100 * row.weights / self.weights, 3) for row in self.rows],
            "Multiply-adds": [row.macs for row in self.rows],
            "Share of multiply-adds (%)": [round(100 * row.macs / self.macs, 3) for row in self.rows],
            "Channels that can go": [row.channels for row in self.rows],
        }
        if any(row.kept is not None for row in self.rows):
            found |= {
                "Weights kept": [row.kept for row in self.rows],
                "Share kept (%)": [round(100 * row.left / row.weights, 3) for row in self.rows],
                "Outputs without input": [row.dead for row in self.rows],
            }
        if self.timed:
            found |= {
                "Time in the full network (ms)": [round(1000 * (row.before or 0.0), 4) for row in self.rows],
                "Time now (ms)": [round(1000 * (row.now or 0.0), 4) for row in self.rows],
            }
        return found


def half(amounts: Sequence[int]) -> int:
    """How many of the largest it takes to have half of the sum or more."""
    return next(n for n, had in enumerate(accumulate(sorted(amounts, reverse=True)), 1) if 2 * had >= sum(amounts))


def shape(found: tuple[int, ...]) -> str:
    """(300, 784) -> "300 × 784", on one line."""
    return "\N{NO-BREAK SPACE}\N{MULTIPLICATION SIGN}\N{NO-BREAK SPACE}".join(map(str, found))


def network(model: Model, history: History | None = None) -> Network:
    """The layers of a catalogue entry, with what a run kept of each where one is given."""
    channels = {group.producer: group.channels for group in model.channel_groups}
    kept = kept_by(history) if history else {}
    before, now = times_by(history) if history else ({}, {})
    rows = (
        Row(
            x.title, x.shape, x.weights, x.macs, channels.get(x.name, 0), kept[x.name].kept if x.name in kept else None,
            kept[x.name].dead if x.name in kept else 0, before.get(x.name), now.get(x.name),
        )
        for x in model.layers
    )  # fmt: skip
    return Network(model.title, tuple(rows), model.parameters, bool(history and history.shrunk))


def times_by(history: History) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """Measured seconds of every layer, in the full network and in the run's; of a run that removed nothing both are the same."""
    told = latency_of(history)
    found = told.layers if told else {}
    return found.get("whole", found.get("this", {})), found.get("this", {})


def kept_by(history: History) -> Mapping[str, LayerKept]:
    """Weights left of every layer; a run that prunes channels says so only at its end."""
    return {layer.name: layer for layer in history.layers}


def draw(numbers: Network, theme: Theme, height: int | None = None) -> go.Figure:
    """Two bars a layer, the first layer on top: its share of the weights, its share of the work; pale: before pruning."""
    titles = [row.title for row in numbers.rows]
    if not titles:
        return nothing(theme, height or 200, numbers.sentence, WEIGHTS, "Layer")
    each = 44 if len(titles) <= ROOMY else 24
    names = {
        "type": "category", "autorange": "reversed", "showgrid": False, "title": {"text": ""}, "tickfont": {"size": 14, "color": theme.text},
    }  # fmt: skip
    shares: dict[str, list[tuple[float, float, float, float]]] = {
        WEIGHTS: [(row.weights / numbers.weights, row.left / numbers.weights, row.weights, row.left) for row in numbers.rows],
        WORK: [(row.macs / numbers.macs, row.macs_left / numbers.macs, row.macs, row.macs_left) for row in numbers.rows],
    }
    if numbers.timed:
        shares[TIME] = [
            ((row.before or 0.0) / numbers.seconds, (row.now or 0.0) / numbers.seconds, row.before or 0.0, row.now or 0.0)
            for row in numbers.rows
        ]
    largest = max(whole for column in shares.values() for whole, *_ in column)
    step = next(s for s in (0.25, 0.1, 0.05, 0.02, 0.01) if largest >= 1.5 * s or s == 0.01)
    ticks = [round(i * step, 2) for i in range(5) if i * step <= 1.05 * largest]
    told = [words.share(t) for t in ticks]
    common = {"range": [0, 1.3 * largest], "tickvals": ticks, "ticktext": told}
    roomy = {"range": [0, 1.65 * largest], "tickvals": ticks[::2], "ticktext": told[::2]}
    width = (1 - 0.04 * (len(shares) - 1)) / len(shares)
    suffixes = ["", *(str(i) for i in range(2, len(shares) + 1))]
    crowded = common if len(shares) < 3 else {"range": [0, 1.65 * largest], "tickvals": ticks[::2], "ticktext": told[::2]}
    axes: dict[str, Any] = {}
    for i, (suffix, title) in enumerate(zip(suffixes, shares, strict=True)):
        left = i * (width + 0.04)
        axes[f"xaxis{suffix}"] = {
            "title": {"text": title},
            "domain": [left, left + width],
            **crowded,
            **({"anchor": f"y{suffix}"} if i else {}),
        }
        axes[f"yaxis{suffix}"] = names | ({"anchor": f"x{suffix}", "showticklabels": False} if i else {})
    narrow: dict[str, Any] = {f"xaxis{suffix}": roomy for suffix in suffixes}
    if numbers.timed:
        narrow = stacked(suffixes, len(titles), common)
    fig = figure(
        theme, height or 76 + each * len(titles), margin={"l": 88, "r": 10, "t": 10, "b": 46, "pad": 8}, barmode="overlay", bargap=0.5,
        meta={"narrow": {"margin": {"l": 66}, **narrow}}, **axes,
    )  # fmt: skip
    for suffix, (title, column) in zip(suffixes, shares.items(), strict=True):
        on = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}", "orientation": "h"}
        what = {WEIGHTS: "weights", WORK: "multiply-adds"}.get(title, "")
        # all labels of a column are one trace's text: a network of 164 layers would take minutes to annotate one by one
        shown = [words.share(round(left / all_, 4)) if numbers.pruned and all_ else words.share(whole) for whole, _, all_, left in column]
        fig.add_bar(
            y=titles, x=[whole for whole, *_ in column], marker={"color": theme.before if numbers.pruned else theme.leaf, "cornerradius": 3},
            text=shown, textposition="outside", textfont={"size": 13, "color": theme.soft}, cliponaxis=False, constraintext="none", name="before",
            hoverinfo="skip" if numbers.pruned else None, customdata=[amount(all_, what) for *_, all_, _ in column],
            hovertemplate=None if numbers.pruned else "%{y}: %{customdata}<extra></extra>", **on,
        )  # fmt: skip
        if numbers.pruned:
            said = [
                words.of(int(left), int(all_), what) if what else f"{amount(left, what)}, before {amount(all_, what)}"
                for *_, all_, left in column
            ]
            fig.add_bar(
                y=titles, x=[left for _, left, *_ in column], marker={"color": theme.leaf, "cornerradius": 3}, name="kept",
                customdata=said, hovertemplate="%{y}: %{customdata}<extra></extra>", **on,
            )  # fmt: skip
    return fig


def amount(value: float, what: str) -> str:
    """A count of something, or a time."""
    return f"{value:,.0f} {what}" if what else words.milliseconds(value)


def stacked(suffixes: Sequence[str], rows: int, axis: Mapping[str, object]) -> dict[str, Any]:
    """On a phone three columns stand one above the other."""
    found: dict[str, Any] = {"height": 3 * (70 + 22 * rows)}
    for i, suffix in enumerate(suffixes):
        top = 1 - i / len(suffixes)
        found[f"xaxis{suffix}"] = {"domain": [0, 1], **axis}
        found[f"yaxis{suffix}"] = {"domain": [top - 0.8 / len(suffixes), top], "showticklabels": True, "tickfont": {"size": 12}}
    return found
