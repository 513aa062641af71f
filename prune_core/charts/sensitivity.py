"""Which layers can be cut: accuracy with one layer pruned and all others whole, by layer and amount."""

from typing import NamedTuple

import plotly.graph_objects as go

from ..catalogue import criteria
from ..history import History
from . import words
from .layers import titles_of
from .theme import SEQUENTIAL, Theme, figure, nothing, plotly_scale

LITTLE = 0.005  # half a point: what "for next to nothing" means in the sentence
LEAST = 0.01  # the scale reaches over a point at least, so that chance of a few images is no colour
FEW = 4
LABELLED = 200  # cells up to which each says its number
X = "Removed from this layer alone"


class Row(NamedTuple):
    """A layer. For each amount: units `kept` of `units`, and the accuracy then."""

    title: str
    units: int
    kept: tuple[int, ...]
    accuracies: tuple[float, ...]

    def most(self, before: float, sparsities: tuple[float, ...]) -> float:
        """The largest amount up to which every smaller one costs at most half a point too; 0 where the smallest costs more."""
        found = 0.0
        for sparsity, accuracy in zip(sparsities, self.accuracies, strict=True):
            if before - accuracy > LITTLE:
                break
            found = sparsity
        return found


class Sensitivity(NamedTuple):
    """Layers in the order of the network. `before`: accuracy of the whole network on the same `images` of the validation part."""

    rows: tuple[Row, ...] = ()
    sparsities: tuple[float, ...] = ()
    before: float = 0.0
    images: int = 0
    unit: str = "weight"
    criterion: str = ""
    classes: int = 10

    @property
    def at_chance(self) -> bool:
        """Whether the whole network does no better than guessing, within three standard errors: then there is nothing to lose."""
        chance = 1 / self.classes
        return self.images > 0 and self.before <= chance + 3 * (chance * (1 - chance) / self.images) ** 0.5

    @property
    def sentence(self) -> str:
        if not self.rows:
            return "No layer has been pruned alone yet."
        if self.at_chance:
            return f"The whole network is at chance ({words.accuracy(self.before)} right), so there is nothing to lose: judge one that has been trained."
        most = {row.title: row.most(self.before, self.sparsities) for row in self.rows}
        worst = min(self.rows, key=lambda row: row.accuracies[-1])
        lost = 100 * (self.before - worst.accuracies[-1])
        head = f"Hardest to cut is {worst.title}: without {words.share(self.sparsities[-1])} of its {self.unit}s the network is {lost:.1f} points worse."
        if lost < 0.05:
            head = f"No layer alone costs anything, even without {words.share(self.sparsities[-1])} of its {self.unit}s."
        if len(self.rows) <= FEW:
            each = words.listed([f"{words.share(s)} of {title}" for title, s in most.items() if s])
            never = words.listed([title for title, s in most.items() if not s])
            none = f"not even {words.share(self.sparsities[0])} of {never}" if never else ""
            return f"{head} Within half a point, each alone, can go: {'; '.join(filter(None, (each, none)))}."
        able = [title for title, s in most.items() if s >= self.sparsities[-1]]
        return f"{head} {words.capital(words.counted(len(able)))} of {len(self.rows)} layers can lose as much for half a point or less."

    def table(self) -> dict[str, list[object]]:
        cells = [
            (row.title, 100 * s, kept, row.units, round(100 * a, 2), round(100 * (self.before - a), 2))
            for row in self.rows for s, kept, a in zip(self.sparsities, row.kept, row.accuracies, strict=True)
        ]  # fmt: skip
        names = ("Layer", "Removed (%)", f"{words.capital(self.unit)}s kept", f"{words.capital(self.unit)}s", "Accuracy (%)", "Points lost")
        return {name: [cell[i] for cell in cells] for i, name in enumerate(names)}


def sensitivity(history: History) -> Sensitivity:
    """What a run that judges has found so far."""
    found = [e.values for e in history.measurements if e.what == "sensitivity"]
    if history.spec is None or not found:
        return Sensitivity()
    titles, first = titles_of(history.spec.model_entry), found[0]
    rows = tuple(Row(titles.get(v["layer"], v["layer"]), v["of"], tuple(v["kept"]), tuple(v["accuracies"])) for v in found)
    return Sensitivity(
        rows, tuple(first["sparsities"]), first["before"], first["images"], first["unit"], criteria[first["criterion"]].title,
        history.spec.model_entry.classes,
    )  # fmt: skip


def draw(numbers: Sensitivity, theme: Theme, height: int | None = None) -> go.Figure:
    """Rows are layers, the first on top, columns amounts; bright: nothing lost. The points lost stand in the cells."""
    if not numbers.rows:
        return nothing(theme, height or 300, numbers.sentence, X, "Layer")
    titles, columns = [row.title for row in numbers.rows], [words.share(s) for s in numbers.sparsities]
    lost = [[max(0.0, numbers.before - a) for a in row.accuracies] for row in numbers.rows]
    largest = max(LEAST, *(max(row) for row in lost))
    each = 56 if len(titles) <= 8 else 34
    said = [
        [f"{words.of(k, row.units, numbers.unit + 's')} kept<br>{words.accuracy(a)} right, whole {words.accuracy(numbers.before)}"
         for k, a in zip(row.kept, row.accuracies, strict=True)] for row in numbers.rows
    ]  # fmt: skip
    scale = {
        "cmin": -100 * largest, "cmax": 0, "colorscale": plotly_scale(),
        "colorbar": {
            "title": {"text": "Points lost", "font": {"size": 13, "color": theme.soft}}, "thickness": 12, "outlinewidth": 0, "x": 1.02,
            "tickvals": [-100 * largest, -50 * largest, 0], "ticktext": [*(f"{n * largest:.1f}".removesuffix(".0") for n in (100, 50)), "0"],
            "tickfont": {"size": 13, "color": theme.soft},
        },
    }  # fmt: skip
    return figure(
        theme, height or 100 + each * len(titles),
        data=[{
            "type": "heatmap", "x": columns, "y": titles, "z": [[-100 * v for v in row] for row in lost], "coloraxis": "coloraxis", "xgap": 2, "ygap": 2,
            "customdata": said, "hovertemplate": "%{y} without %{x}<br>%{customdata}<extra></extra>", "name": "accuracy",
        }],
        margin={"l": 92, "r": 86, "t": 10, "b": 50, "pad": 6}, coloraxis=scale, annotations=cells(numbers, columns, lost, largest),
        meta={"narrow": {"margin": {"l": 66, "r": 8}, "coloraxis": {"showscale": False}, "xaxis": {"tickvals": columns[::2], "tickangle": 0}}},
        xaxis={"title": {"text": X}, "type": "category", "showgrid": False},
        yaxis={
            "title": {"text": ""}, "type": "category", "autorange": "reversed", "showgrid": False,
            "tickfont": {"size": 14, "color": theme.text},
        },
    )  # fmt: skip


def cells(numbers: Sensitivity, columns: list[str], lost: list[list[float]], largest: float) -> list[dict[str, object]]:
    """The points lost, in every cell of a map that has room for them; not on a phone."""
    if len(numbers.rows) * len(columns) > LABELLED:
        return []
    return [
        {
            "x": column, "y": row.title, "text": points(numbers.before - accuracy), "showarrow": False, "name": "wide",
            "font": {"size": 13, "color": SEQUENTIAL[0 if value < 0.45 * largest else -1]},
        }
        for row, values in zip(numbers.rows, lost, strict=True)
        for column, value, accuracy in zip(columns, values, row.accuracies, strict=True)
    ]  # fmt: skip


def points(lost: float) -> str:
    """0.0123 lost -> "\N{MINUS SIGN}1.2", 0.0004 gained -> "0"."""
    said = f"{abs(100 * lost):.1f}"
    return "0" if said == "0.0" else f"\N{MINUS SIGN}{said}" if lost > 0 else f"+{said}"
