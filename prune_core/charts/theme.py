"""Colours, dashes and markers of every picture, for paper by day and by night, and the Plotly template that carries them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

FONT = '"Source Sans", sans-serif'
SEQUENTIAL = ("#0E1A12", "#122C1B", "#174226", "#1F5B31", "#33773A", "#559344", "#7FAE52", "#AEC968", "#DAE18C", "#FBF6C3")
SCISSORS = "✂"
Ink = dict[str, Any]  # a trace or a label as plotly takes it


class Style(NamedTuple):
    """How a family of criteria is drawn: `colour` for lines and marks, `label` for its text, dash and marker for those who see no colour."""

    colour: str
    label: str
    dash: str
    marker: str


class Theme(NamedTuple):
    """Every colour of a picture. `dark` says for which ground."""

    dark: bool
    paper: str
    text: str
    soft: str
    grid: str
    line: str
    before: str
    dense: str
    leaf: str
    fail: str
    hover: str
    diverging: tuple[str, ...]
    families: dict[str, Style]

    def style(self, family: str | None) -> Style:
        """The style of a criterion's family; that of the dense reference for None and for families nobody has drawn yet."""
        return self.families.get(family or "", Style(self.dense, self.soft, "solid", "circle"))


def styles(**rows: tuple[str, str, str, str]) -> dict[str, Style]:
    return {family: Style(*row) for family, row in rows.items()}


LIGHT = Theme(
    dark=False, paper="#FBFAF5", text="#23281F", soft="#5C6056", grid="#ECE9DE", line="#C9C6B8", before="#E0DDD0", dense="#8A8D84",
    leaf="#37742F", fail="#B3392F", hover="#F2F0E6",
    diverging=("#7A3E07", "#A6641F", "#CC9253", "#E6C299", "#F3EADC", "#E4EDF1", "#B3D0E0", "#6FA6C6", "#317AA6", "#0F527F"),
    families=styles(
        snip=("#2F6FC9", "#2F6FC9", "solid", "circle"),
        magnitude=("#CE7A2C", "#A35A12", "dash", "square"),
        synflow=("#159DB4", "#0E7486", "longdash", "diamond"),
        random=("#3A2E12", "#3A2E12", "dot", "x"),
        grasp=("#381A7A", "#381A7A", "dashdot", "triangle-up"),
        fisher=("#9A1048", "#9A1048", "longdashdot", "triangle-down"),
        gates=("#B14989", "#A43F7D", "8px,3px", "cross"),
        taylor=("#0B655F", "#0B655F", "3px,3px", "star"),
        narrower=("#6E7F2B", "#5C6B1E", "10px,2px,2px,2px", "hexagon"),
        scratch=("#5B6E85", "#4A5D74", "6px,2px,2px,2px", "diamond-wide"),
    ),
)  # fmt: skip
DARK = Theme(
    dark=True, paper="#151811", text="#E9E7DB", soft="#A9AC9F", grid="#2A2F25", line="#4A5042", before="#343A2E", dense="#8F9288",
    leaf="#8FC97A", fail="#F0847A", hover="#20251B",
    diverging=("#E6A765", "#C07F3A", "#8F5C2A", "#5C4027", "#2E2A22", "#22292C", "#274756", "#2F6E8F", "#4E9DC6", "#8CC8EA"),
    families=styles(
        snip=("#58A6F7", "#58A6F7", "solid", "circle"),
        magnitude=("#EC8A1E", "#EC8A1E", "dash", "square"),
        synflow=("#58EEF2", "#58EEF2", "longdash", "diamond"),
        random=("#9B6410", "#C08A3E", "dot", "x"),
        grasp=("#9D4FC4", "#B57AD6", "dashdot", "triangle-up"),
        fisher=("#AC585A", "#CC8486", "longdashdot", "triangle-down"),
        gates=("#F5A3C6", "#F5A3C6", "8px,3px", "cross"),
        taylor=("#F0EC4C", "#F0EC4C", "3px,3px", "star"),
        narrower=("#B7CC66", "#B7CC66", "10px,2px,2px,2px", "hexagon"),
        scratch=("#9DB2CA", "#9DB2CA", "6px,2px,2px,2px", "diamond-wide"),
    ),
)  # fmt: skip
THEMES = (LIGHT, DARK)


def template(theme: Theme) -> go.layout.Template:
    """Everything that all figures of ours share.

    Set in the figure itself: Streamlit changes Plotly's default template for the whole process.
    """
    axis = {
        "color": theme.soft, "gridcolor": theme.grid, "gridwidth": 1, "zeroline": False, "showline": False, "ticks": "",
        "tickfont": {"size": 13, "color": theme.soft}, "title": {"font": {"size": 13, "color": theme.soft}, "standoff": 10},
        "automargin": False,
    }  # fmt: skip
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": 14, "color": theme.text},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "margin": {"l": 62, "r": 12, "t": 16, "b": 46, "pad": 4},
            "xaxis": axis,
            "yaxis": axis,
            "showlegend": False,
            "hoverlabel": {"bgcolor": theme.hover, "bordercolor": theme.line, "font": {"size": 13, "color": theme.text, "family": FONT}},
            "hovermode": "closest",
            "colorway": [style.colour for style in theme.families.values()],
        }
    )


TEMPLATES = {theme.dark: template(theme) for theme in THEMES}


def figure(theme: Theme, height: int, data: Sequence[Ink] = (), **layout: object) -> go.Figure:
    """A figure of ours, `height` px high; `layout` on top of the template."""
    return go.Figure(data=list(data), layout={"template": TEMPLATES[theme.dark], "height": height, **layout})


def nothing(theme: Theme, height: int, words: str, x: str, y: str) -> go.Figure:
    """The same axes with a line of words where there is nothing to draw yet."""
    empty = {"showgrid": False, "showticklabels": False, "range": [0, 1]}
    fig = figure(theme, height, xaxis={"title": {"text": x}, **empty}, yaxis={"title": {"text": y}, **empty})
    return fig.add_annotation(text=words, x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False, font={"size": 14, "color": theme.soft})


def faded(colour: str, opacity: float) -> str:
    """A hex colour as rgba text: faded("#37742F", 0.13) -> "rgba(55,116,47,0.13)"."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"


RAMP = np.stack([
    np.interp(np.linspace(0, len(SEQUENTIAL) - 1, 256), range(len(SEQUENTIAL)), [int(c[i : i + 2], 16) for c in SEQUENTIAL])
    for i in (1, 3, 5)
], axis=1).round().astype(np.uint8)  # fmt: skip


def colours(counts: np.ndarray, largest: float) -> np.ndarray:
    """Counts as colours of the one scale of masks: 0 darkest, `largest` and above brightest.

    Any shape -> uint8 of that shape and 3 (red, green, blue).
    """
    share = np.clip(np.asarray(counts, dtype=np.float64) / largest, 0, 1) if largest > 0 else np.zeros(np.shape(counts))
    return RAMP[np.rint(share * 255).astype(np.intp)]


def plotly_scale() -> list[list[float | str]]:
    """The scale of masks as Plotly takes it."""
    return [[i / (len(SEQUENTIAL) - 1), colour] for i, colour in enumerate(SEQUENTIAL)]
