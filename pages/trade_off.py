"""Trade-off: test error against what is left of the network, a line a way to get there, with what seeds and papers say."""

from typing import Literal

import streamlit as st

from pages.parts import figure, gathered, style
from pages.parts.empty import empty
from pages.parts.opening import follow
from pages.parts.series import legend
from prune_core.catalogue.published import published
from prune_core.charts import words
from prune_core.charts.sizes import Across
from prune_core.charts.trade_off import TradeOff
from prune_core.charts.trade_off_drawing import draw
from prune_core.charts.trade_off_folding import trade_off
from prune_core.charts.trade_off_frame import x_title

ACROSS: dict[str, Across] = {
    "Weights kept": "kept", "Weights on a path": "effective", "Parameters": "parameters", "Multiply-adds": "macs", "Time for 1 image": "latency",
    "Time for 128 images": "latency_128",
}  # fmt: skip
UP: dict[str, Literal["error", "accuracy"]] = {"Test error": "error", "Test accuracy": "accuracy"}
CONVENTIONS = (
    "The same amount has three names: 95 % sparsity (removed) is 5 % of the weights kept is 20 times smaller. "
    "Papers draw either direction; here the network gets smaller to the right. "
    "On a path: weights that some way from input to output leads through; the others are kept and can do nothing. "
    "Multiply-adds count no zeros; only a network that was made smaller is faster, and times are shown where they were measured."
)
FRONT = "The best of every size: a network is on it where no smaller or equal one does better on average."
MOST_SERIES = 10
TALL, LINE, FEW = 392, 36, 7  # pixels of the picture with few series, and for each more
LISTED = 4
UNSAID: dict[Across, str] = {
    "effective": "how many weights lie on a path, or none does", "macs": "how many multiply-adds are left", "latency": "how long an image takes",
    "latency_128": "how long 128 images take",
}  # fmt: skip


def controls() -> TradeOff | None:
    """The knobs in one row, and the numbers that they ask for."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="to-controls"):
        families = gathered.families()
        if not families:
            return None
        chosen, *copies = families[gathered.choose(families, key="to_what")]
        across = ACROSS.get(
            st.selectbox("Across", list(ACROSS), key="to_across", bind="query-params", filter_mode=None, width=180, help=CONVENTIONS),
            "kept",
        )
        up = st.segmented_control(
            "Up", list(UP), default="Test error", key="to_up", bind="query-params", required=True,
            help="On the test images, measured once on each final network. The error has a log axis: a step is a factor.",
        )  # fmt: skip
        printed = published(chosen.model, chosen.dataset) if across in ("kept", "effective") else ()
        if printed and not st.toggle("Published values", value=True, key="to_published", bind="query-params"):
            printed = ()
        front = st.toggle("Pareto front", key="to_front", bind="query-params", help=FRONT)
    groups = [group for s in (chosen, *copies) for group in gathered.groups(s.model, s.dataset)]
    return trade_off(groups, across, UP[up or "Test error"], printed, front)


def picked(numbers: TradeOff) -> TradeOff:
    """The series that the visitor wants to see: those picked, else those that are lines, else all; the fullest where there are too many to read."""
    labels = [s.label for s in numbers.series]
    if len(labels) < 2:
        return numbers.only(())
    chosen = st.pills("Only these series", labels, selection_mode="multi", key="to_only", bind="query-params", label_visibility="collapsed")
    if chosen:
        return numbers.only(chosen)
    lines = [s for s in numbers.series if len(s.points) > 1] or numbers.series
    return numbers.only(s.label for s in sorted(lines, key=lambda s: -sum(len(p.dots) for p in s.points))[:MOST_SERIES])


def note(numbers: TradeOff, every: TradeOff) -> str:
    """How it was computed, and what a careful reader should know."""
    lengths = {s.epochs for s in (*numbers.series, *numbers.dense)}
    length = f", {next(iter(lengths)):,} epochs of training" if len(lengths) == 1 else ""
    said = [
        f"{numbers.network} on {numbers.data}{length}. Lines: means over seeds with 95 % t-intervals; with fewer than three seeds the dots alone."
    ]
    said += [numbers.caution] if numbers.caution else []
    if numbers.unplaced:
        said.append(
            f"{words.capital(words.counted(numbers.unplaced))} {'run does' if numbers.unplaced == 1 else 'runs do'} not say "
            f"{UNSAID.get(numbers.across, 'how large its network is')}: not drawn."
        )
    said += [f"{words.capital('; '.join(listed[:LISTED]))}{f'; {len(listed) - LISTED} more in the table' if len(listed) > LISTED else ''}."
             for listed in (numbers.incomplete, numbers.mixed) if listed]  # fmt: skip
    if len(numbers.series) < len(every.series) or len(numbers.dense) < len(every.dense):
        drawn, there = (len(n.series) + len(n.dense) for n in (numbers, every))
        said.append(f"{drawn} of {there} series are drawn.")
    if numbers.front and numbers.best:
        said.append(f"Broad line: the best of each size, {words.listed(list(dict.fromkeys(s.label for s, _ in numbers.best)))}.")
    if numbers.across in ("latency", "latency_128"):
        said.append("Medians, measured on the machine of each run in turns with its full network; zeros make nothing faster.")
    if numbers.published:
        said.append("Rings: values that papers print; most do not say how long they trained.")
    return " ".join(said)


style.head(
    "What does pruning cost?", "Test error against what is left of the network, smaller to the right. A line that stays level lost nothing."
)
for sheet in ("tables.css", "look.css"):
    st.html(style.ASSETS / sheet)
with st.container(key="to-view"):
    every = controls()
    if every is None or not every.series:
        empty(
            "No finished run has pruned a network yet. A run takes a minute, and its error will stand here.", "Prune a network", "prune.py"
        )
        st.stop()
    numbers = picked(every)
    opened = figure.show(
        lambda theme: draw(numbers, theme, TALL + LINE * max(0, len(numbers.series) - FEW)),
        key="trade-off", label=f"Test {numbers.up} over {x_title(numbers)}", sentence=numbers.sentence, table=numbers.table(),
        name=f"espalier-trade-off-{numbers.network}-{numbers.data}".lower().replace(" ", "-"), note=note(numbers, every),
        revision=f"{numbers.network}-{numbers.data}-{numbers.across}-{numbers.up}",
    )  # fmt: skip
    legend(numbers)
follow(opened)
