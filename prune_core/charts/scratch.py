"""Were the weights worth anything? A pruned run beside its architecture trained from scratch, beside the dense network and controls for its mask."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import plotly.graph_objects as go

from ..results import UNDER_WAY, Group, Result
from ..spec import RunSpec
from ..statistics import Difference, Interval, interval, paired
from ..twins import COPIES, Twin
from . import words
from .drop_against_end import percents, sized
from .theme import Theme, faded, figure, nothing

X = "Test accuracy (axis does not start at zero)"
PRUNED = "pruned"
ONE_SCRATCH, ONE_DENSE = "From scratch, equal epochs", "Dense"
TITLES = {
    PRUNED: "Pruned", "scratch_e": "From scratch, Scratch-E", "scratch_b": "From scratch, Scratch-B", "equal_pipeline": "From scratch, equal pipeline",
    "width_multiplier_b": "Width multiplier", "bottleneck_b": "Bottleneck",
}  # fmt: skip
INHERITED = ("scratch_e", "scratch_b", "equal_pipeline")  # rows of the architecture that pruning found, drawn anew
PLAIN = ("width_multiplier", "width_multiplier_b", "bottleneck", "bottleneck_b")
SHAPES = (("scratch_b", "width_multiplier_b"), ("scratch_e", "width_multiplier"), ("equal_pipeline", "width_multiplier"))
ROW, TALLEST = 70, 76


class Row(NamedTuple):
    """A kind of run over its seeds. `values`: seed -> test accuracy of those that count, `runs`: seed -> id; `seeds`: how many of how many, in words.

    `images`: trained on by one of them; `found`: by the run whose masks it took over. `state`: "" where there is something to show.
    """

    name: str
    title: str
    detail: str
    epochs: int
    images: int
    found: int
    values: Mapping[int, float]
    runs: Mapping[int, str]
    seeds: str
    state: str
    mixed: str | None

    @property
    def interval(self) -> Interval | None:
        return interval(list(self.values.values())) if self.values else None

    @property
    def shown(self) -> str:
        """The number beside the row: the mean from three seeds on, before that the values themselves."""
        if len(self.values) < 3:
            return ", ".join(f"{100 * v:.1f}" for v in self.values.values()) + " %" if self.values else ""
        return words.accuracy(sum(self.values.values()) / len(self.values))

    @property
    def price(self) -> str:
        """What it cost in training, with what finding the masks had cost."""
        own = millions(self.images)
        return f"{own} images" if not self.found else f"{own} + {millions(self.found)} images"


class Scratch(NamedTuple):
    """The rows from top to bottom. `early`: the run was pruned before training, so what it kept were its first weights."""

    rows: tuple[Row, ...] = ()
    early: bool = False

    def row(self, name: str) -> Row | None:
        return next((row for row in self.rows if row.name == name), None)

    def difference(self, name: str) -> Difference | None:
        """Pruned minus that row, paired by seed; None where there is no such row."""
        first, second = self.row(PRUNED), self.row(name)
        return paired(first.values, second.values) if first and second else None

    @property
    def sentence(self) -> str:
        if not self.rows:
            return "No pruned run has finished yet."
        if not self.rows[0].values:
            return f"No pruned run to compare: {self.rows[0].state}."
        given = {
            "equal_pipeline": "Given equal epochs",
            "scratch_e": "With only the dense network's epochs",
            "scratch_b": "Given the dense network's compute",
        }
        said = list(dict.fromkeys(s for name, words_of_it in given.items() if (s := self.verdict(name, words_of_it))))
        said += [shape] if (shape := self.shape) else []
        return " ".join(said) if said else "Nothing to compare with yet: the same architecture has not been trained from scratch."

    @property
    def shape(self) -> str:
        """Whether the architecture that pruning found is better than a plainly narrower one of as many parameters, both from scratch."""
        for found, plain in SHAPES:
            one, other = self.row(found), self.row(plain)
            if one is None or other is None or (found != "scratch_b" and one.epochs != other.epochs):
                continue
            d = paired(one.values, other.values)
            if (kind := d.verdict()) == "too few":
                continue
            size, n = sized(d)
            if kind == "equivalent":
                return (
                    f"The shape that was found and a plainly narrower network are equivalent within 0.5 points: they differ by {d.words}."
                )
            if kind == "none":
                return f"Between the shape that was found and a plainly narrower network no difference beyond chance: {d.words}."
            if d.mean < 0:
                return f"A plainly narrower network of as many parameters ends {size} higher than the shape that was found ({n})."
            return f"The shape that was found is worth {size} over a plainly narrower network of as many parameters ({n})."
        return ""

    def verdict(self, name: str, given: str) -> str:
        """What the paired differences allow to say; empty where no seed has both."""
        d = self.difference(name)
        if d is None or not d.n:
            return ""
        kind = d.verdict()
        if kind == "too few":
            return f"{words.capital(words.counted(d.n))} {'seed' if d.n == 1 else 'seeds'}: no verdict."
        size, n = sized(d)
        if kind == "equivalent":
            return f"{given}, pruned and from scratch are equivalent within 0.5 points: they differ by {d.words}."
        if kind == "none":
            return f"{given}, no difference beyond chance: pruned minus from scratch, {d.words}."
        if d.mean < 0:
            return f"{given}, the same architecture from scratch ends {size} higher ({n})."
        return f"{given}, the {'first' if self.early else 'inherited'} weights are worth {size} ({n})."

    @property
    def note(self) -> str:
        """How the picture is drawn, and which rows are not whole."""
        if not self.rows:
            return ""
        counts = {row.seeds for row in self.rows if row.values}
        said = ["Large mark: mean; bar: 95 % interval, from three seeds on; dots: single seeds."]
        if len(counts) == 1 and not any(row.state for row in self.rows):
            said.append(f"{words.capital(next(iter(counts)))} in every row.")
        else:
            said += [f"{row.title}: {row.seeds}." for row in self.rows if row.values or not row.state]
        said += [f"{row.title}: {row.mixed}." for row in self.rows if row.mixed]
        said.append("Images: seen in training, plus those it took to find the masks.")
        return " ".join(said)

    def table(self) -> dict[str, list[object]]:
        rows: list[tuple[object, ...]] = []
        for r in self.rows:
            price = (r.epochs, r.images, r.found)
            rows += [(r.title, f"{seed}", percent(value), None, None, *price) for seed, value in r.values.items()]
            if i := r.interval:
                rows.append((r.title, f"mean of {r.seeds}", percent(i.mean), percent(i.low), percent(i.high), *price))
            else:
                rows.append((r.title, r.state or r.seeds, None, None, None, *price))
        for r in self.rows[1:]:
            d = self.difference(r.name)
            if d and d.n:
                title = f"{self.rows[0].title} minus {r.title}, points"
                rows.append(
                    (
                        title,
                        f"paired, {d.n} seeds" if d.n > 1 else "paired, 1 seed",
                        percent(d.mean),
                        percent(d.low),
                        percent(d.high),
                        None,
                        None,
                        None,
                    )
                )
        names = (
            "What",
            "Seed",
            "Test accuracy (%)",
            "Interval from",
            "Interval to",
            "Epochs",
            "Images trained on",
            "Images to find the masks",
        )
        return {name: [row[i] for row in rows] for i, name in enumerate(names)}


def percent(fraction: float | None) -> float | None:
    return None if fraction is None else round(100 * fraction, 3)


def millions(images: int) -> str:
    """1296000 -> "1.3 M", 26880 -> "27 k"."""
    return f"{images / 1e6:.2g} M" if images >= 1e6 else f"{images / 1e3:.0f} k" if images >= 1e3 else f"{images}"


def scratch(pruned: Sequence[Result], twins: Mapping[str, Twin], found: Mapping[str, Sequence[Result]]) -> Scratch:
    """pruned: the run with its other seeds. twins: as prune_core.twins makes them, in the order of the rows. found: name of a twin -> its runs."""
    if not pruned:
        return Scratch()
    spec, first = pruned[0].spec, next((r for r in pruned if r.weights_kept is not None), pruned[0])
    kept = f"{first.weights_kept or 0:,} of {first.weights or 0:,} weights"
    if spec.resolved_granularity == "channel" and first.parameters:
        kept = f"{first.parameters:,} of {spec.model_entry.parameters:,} parameters"
    whole = spec.epochs * spec.dataset_entry.train
    rows = [row(PRUNED, TITLES[PRUNED], f"{kept}, {days(spec.epochs)}", spec, 0, pruned)]
    by_fingerprint: dict[str, str] = {}
    for name, twin in twins.items():
        if twin.spec.fingerprint in by_fingerprint:
            continue
        by_fingerprint[twin.spec.fingerprint] = name
        same = sum(other.spec.fingerprint == twin.spec.fingerprint for other in twins.values()) > 1
        masked = twin.spec.parent is not None
        title = TITLES.get(name, twin.title)
        if same:
            name, title = ("equal_pipeline", ONE_SCRATCH) if masked else ("dense_longer", ONE_DENSE)
        drawn = "same shape, drawn anew" if spec.resolved_granularity == "channel" else "same masks, drawn anew"
        whole_network = (
            f"{twin.spec.model_entry.parameters:,} parameters" if name in PLAIN or name in COPIES else f"all {first.weights or 0:,} weights"
        )
        what = {"from_scratch": drawn, "mask_control": "same first weights"}.get(twin.spec.protocol, whole_network)
        runs = found.get(name) or found.get(by_fingerprint[twin.spec.fingerprint]) or ()
        rows.append(row(name, title, f"{what}, {days(twin.spec.epochs)}", twin.spec, whole if masked or name in COPIES else 0, runs))
    return Scratch(
        tuple(rows), early=any(t.spec.protocol == "from_scratch" for t in twins.values()) and not any(r.name == "scratch_e" for r in rows)
    )


def days(n: int) -> str:
    return f"{n} {'epoch' if n == 1 else 'epochs'}"


def row(name: str, title: str, detail: str, spec: RunSpec, found: int, runs: Sequence[Result]) -> Row:
    images = spec.epochs * spec.dataset_entry.train
    if not runs:
        return Row(name, title, detail, spec.epochs, images, found, {}, {}, "no run", "not run yet", None)
    group = Group(runs)
    values = group.values("test_accuracy")
    alive = any(r.state in UNDER_WAY for r in group.results.values())
    state = "" if values else "under way" if alive else group.words
    ids = {r.seed: r.id for r in group.counted}
    return Row(name, title, detail, spec.epochs, images, found, values, ids, group.words, state, group.mixed)


def draw(numbers: Scratch, theme: Theme) -> go.Figure:
    """A row a kind of run: every seed a dot, from three on the mean as a large mark in its interval. Dots carry their run as `ids`."""
    rows = numbers.rows
    height = TALLEST + ROW * max(1, len(rows))
    if not rows:
        return nothing(theme, height, "Nothing to show yet.", X, "Run")
    ends = [v for r in rows for v in r.values.values()] + [
        e for r in rows if (i := r.interval) for e in (i.low, i.high) if e is not None
    ] or [0.0, 1.0]
    room = max(0.004, 0.08 * (max(ends) - min(ends)))
    low, high = min(ends) - room, max(ends) + room
    fig = figure(
        theme, height, margin={"l": 236, "r": 150, "t": 10, "b": 50, "pad": 4}, meta={"narrow": {"margin": {"l": 8, "r": 64}}},
        xaxis={"title": {"text": X}, "range": [low, min(high, 1 + room)], **percents(low, min(high, 1.0))},
        yaxis={"range": [len(rows) - 0.45, -0.55], "showgrid": False, "tickvals": list(range(len(rows))), "ticktext": [""] * len(rows), "title": {"text": ""}},
    )  # fmt: skip
    reference = next((r for r in rows if r.name == "dense_longer" and len(r.values) >= 3), None)
    if reference and (mean := reference.interval):
        fig.add_vline(x=mean.mean, line={"color": theme.dense, "width": 1.25}, layer="below")
    notes: list[dict[str, Any]] = []  # set all at once: each one added to a figure has all before it checked again
    for y, r in enumerate(rows):
        colour, text, symbol = look(r.name, theme)
        i = r.interval
        if i and i.low is not None and i.high is not None:
            fig.add_scatter(
                x=[i.low, i.high],
                y=[y, y],
                mode="lines",
                line={"color": faded(colour, 0.24), "width": 10},
                hoverinfo="skip",
                name="interval",
            )
            edge = colour if symbol.endswith("open") else theme.paper
            fig.add_scatter(
                x=[i.mean], y=[y], mode="markers", name="mean",
                marker={"color": colour, "symbol": symbol, "size": 13, "line": {"color": edge, "width": 2}},
                hovertemplate=f"{r.title}<br>mean of {r.seeds}: %{{x:.2%}}<br>95 % interval {100 * i.low:.2f} to {100 * i.high:.2f} %<extra></extra>",
            )  # fmt: skip
        below = y + (0.2 if i and i.low is not None else 0)
        fig.add_scatter(
            x=list(r.values.values()), y=[below] * len(r.values), mode="markers", name="seeds", marker={"color": faded(colour, 0.8), "size": 7},
            customdata=list(r.values), ids=[f"run={r.runs[seed]}" for seed in r.values], cliponaxis=False,
            hovertemplate=f"{r.title}, seed %{{customdata}}<br>%{{x:.2%}}<extra></extra>",
        )  # fmt: skip
        label = {"xref": "paper", "showarrow": False, "align": "left", "xanchor": "left", "yanchor": "middle", "y": y}
        notes.append(
            label
            | {"x": 0, "xshift": -236, "text": f"<b>{r.title}</b>", "yshift": 10, "name": "wide", "font": {"size": 15, "color": theme.text}}
        )
        notes.append(
            label | {"x": 0, "xshift": -236, "text": r.detail, "yshift": -11, "name": "wide", "font": {"size": 13, "color": theme.soft}}
        )
        notes.append(
            label
            | {
                "x": 0,
                "text": " ",
                "yshift": 25,
                "name": f"narrow:<b>{r.title}</b>, {days(r.epochs)}",
                "font": {"size": 13, "color": theme.soft},
            }
        )
        notes.append(
            label
            | {
                "x": 1,
                "xshift": 14,
                "text": r.shown,
                "yshift": 10 if r.values else 0,
                "name": f"narrow:{r.shown if len(r.values) != 2 else ''}",
                "font": {"size": 15, "color": text, "weight": 700},
            }
        )
        notes.append(
            label | {"x": 1, "xshift": 14, "text": r.price, "yshift": -11, "name": "wide", "font": {"size": 13, "color": theme.soft}}
        )
        if not r.values:
            notes.append(
                label | {"x": 0.5, "xanchor": "center", "text": r.state, "bgcolor": theme.paper, "font": {"size": 14, "color": theme.soft}}
            )
    fig.update_layout(annotations=notes)
    return fig


def look(name: str, theme: Theme) -> tuple[str, str, str]:
    """Mark, text and symbol of a row: leaf for the pruned run, ink for what started from its masks, grey for the rest."""
    if name == PRUNED:
        return theme.leaf, theme.leaf, "circle"
    if name in INHERITED:
        return theme.text, theme.text, {"equal_pipeline": "diamond", "scratch_b": "diamond-tall"}.get(name, "diamond-open")
    if name in PLAIN or name in COPIES:
        style = theme.style("narrower")
        return style.colour, style.label, "hexagon" if name.startswith("width") else "star-diamond" if name in COPIES else "bowtie"
    return theme.dense, theme.soft, {"dense": "square-open", "dense_longer": "square"}.get(name, "x")
