"""Widths: what pruning left of every layer, beside the original, event by event; seeds together with their spread, or each by itself."""

from collections.abc import Sequence
from itertools import groupby
from typing import Literal, NamedTuple

import streamlit as st

from pages.parts import figure, gathered, style
from pages.parts.empty import empty
from pages.parts.espaliers import viewer
from pages.parts.profile_form import profile_form
from pages.parts.stored import store
from prune_core import catalogue
from prune_core.charts import words
from prune_core.charts.names import distinct
from prune_core.charts.widths import Member, Pick, What, Widths, describe, widths
from prune_core.events import Pruned, Removed
from prune_core.results import Group, Result, results
from prune_core.store import NoSuchRun, Run, overview

DRAWINGS: dict[str, Literal["branches", "lines"]] = {"Branches": "branches", "Lines": "lines"}
BY: dict[str, Literal["share", "count"]] = {"Share": "share", "Number": "count"}
WHAT: dict[str, What] = {"Weights": "weights", "Channels": "channels"}
TOGETHER, APART = "Together", "Each by itself"
MOST = 4  # picks side by side
MOST_SEEDS = 20  # runs of one pick: their events are read one run after the other
MOST_ASKED = 12  # runs that an address can name
USUAL = 0.9  # removed: of several amounts the nearest is shown first


class Choice(NamedTuple):
    """Runs that can be picked: `key` in the address, `title` in the list."""

    key: str
    title: str
    runs: tuple[Result, ...]


def asked() -> list[Run]:
    """The runs that the address names and that are here, finished, and pruned a network."""
    found: list[Run] = []
    for run_id in dict.fromkeys(filter(None, st.query_params.get("runs", "").split(","))):
        try:
            run = store().run(run_id)
        except NoSuchRun:
            continue
        if run.state == "finished" and "criterion" in run.spec.protocol_entry.uses and len(found) < MOST_ASKED:
            found.append(run)
    return found


def choices(groups: Sequence[Group], runs: Sequence[Run]) -> dict[str, Choice]:
    """What the address asks for, then every group of finished runs that pruned something; all by key."""
    usable = [(g, done) for g in groups if "criterion" in g.spec.protocol_entry.uses and (done := finished(g))]
    added = distinct([g.spec.method for g, _ in usable], [g.spec.model_copy(update={"seed": 0, "parent": None}) for g, _ in usable])
    listed = {}
    for (g, done), more in zip(usable, added, strict=True):
        title = ", ".join(filter(None, (g.spec.method, more)))
        listed[g.key] = Choice(g.key[:12], title, done)
    found = {}
    for key, several in groupby(sorted(results(runs), key=lambda r: (r.group, r.seed)), key=lambda r: r.group):
        own = tuple(several)
        whole = listed.get(key)
        title = whole.title if whole else own[0].spec.method
        if whole is None or {r.id for r in own} != {r.id for r in whole.runs}:
            seeds = words.listed([str(r.seed) for r in own])
            named = f"{title}, {'seed' if len(own) == 1 else 'seeds'} {seeds}"
            found[f"{key[:12]}-asked"] = Choice(f"{key[:12]}-asked", named, own)
        else:
            found[whole.key] = whole
    return found | {c.key: c for c in listed.values()}


def finished(group: Group) -> tuple[Result, ...]:
    return tuple(r for r in group.results.values() if r.state == "finished")


def first_choices(found: dict[str, Choice]) -> list[str]:
    """What to show where nobody has chosen: the amount at which most methods can be compared, each by the group with most seeds."""
    levels: dict[tuple[str, float], dict[tuple[str | None, str], Choice]] = {}
    for c in found.values():
        spec = c.runs[0].spec
        kinds = levels.setdefault((spec.resolved_granularity, spec.sparsity), {})
        kind = (spec.criterion, spec.protocol)
        if kind not in kinds or len(c.runs) > len(kinds[kind].runs):
            kinds[kind] = c
    best = max(levels, key=lambda k: (min(3, len(levels[k])), sum(len(c.runs) for c in levels[k].values()), -abs(k[1] - USUAL)))
    order = list(catalogue.criteria)
    fullest = sorted(levels[best].values(), key=lambda c: -len(c.runs))[:3]
    return [c.key for c in sorted(fullest, key=lambda c: order.index(c.runs[0].spec.criterion or order[0]))]


def pick(found: dict[str, Choice], runs: Sequence[Run]) -> list[Choice]:
    """The list of runs to choose from; the address follows what is chosen, and names no single runs that were taken out again."""
    wanted = [k for k in st.query_params.get("wi_groups", "").split(",") if k in found]
    named = [k for k in found if k.endswith("-asked")] if runs else []
    named += [r.group[:12] for r in runs if r.group[:12] in found and f"{r.group[:12]}-asked" not in found]
    usual = list(dict.fromkeys(named))[:MOST] or first_choices(found)
    keys = st.multiselect(
        "Runs", list(found), default=wanted[:MOST] or usual, format_func=lambda k: found[k].title, max_selections=MOST, key="wi-picks",
        help="Runs that differ by their seed alone are one entry.",
    )  # fmt: skip
    told = "" if keys == usual else ",".join(keys)
    if st.query_params.get("wi_groups", "") != told:
        if told:
            st.query_params["wi_groups"] = told
        else:
            st.query_params.pop("wi_groups", None)
    return [found[k] for k in keys]


@st.cache_data(show_spinner=False, max_entries=256)
def member(home: str, run_id: str, seed: int) -> Member:
    """What a finished run removed, in its order."""
    events = [event for _, event in store().events(run_id, kinds=("pruned", "removed"))]
    return Member(run_id, seed, tuple(e for e in events if isinstance(e, Pruned)), tuple(e for e in events if isinstance(e, Removed)))


def picks(chosen: Sequence[Choice], apart: bool) -> list[Pick]:
    found = []
    for c in chosen:
        members = [member(str(store().home), r.id, r.seed) for r in c.runs[:MOST_SEEDS]]
        if apart:
            found += [Pick(f"{c.title}, seed {m.seed}", c.runs[0].spec, (m,)) for m in members]
        else:
            found.append(Pick(c.title, c.runs[0].spec, tuple(members)))
    return found[: 3 * MOST]


def from_address() -> float:
    """The share removed that the address asks for; everything, if it says nothing that can be understood."""
    try:
        percent = float(st.query_params.get("wi_removed", ""))
    except ValueError:
        return 1.0
    return percent / 100 if 0 <= percent <= 100 else 1.0


def to_address(removed: float, last: float) -> None:
    """Let the address follow the slider; its last position is not mentioned."""
    told = "" if removed == last else f"{100 * removed:.4g}"
    if st.query_params.get("wi_removed", "") != told:
        if told:
            st.query_params["wi_removed"] = told
        else:
            st.query_params.pop("wi_removed", None)


def note(numbers: Widths, chosen: Sequence[Choice], by: str, drawing: str) -> str:
    """How it is drawn, and what is not."""
    said = [f"{numbers.network}. Pale: before pruning."]
    if drawing == "branches":
        equal = (
            "Every layer is drawn equally long: 100 % is the whole layer."
            if by == "share"
            else "Lengths are numbers, on one scale for all layers."
        )
        said.append(equal)
    if any(len(p.runs) > 1 for p in numbers.profiles):
        spread = "Solid: what every seed kept; faded: up to what the fullest kept; numbers are means."
        said.append(spread if drawing == "branches" else "Lines are means, bands reach from the lowest seed to the highest.")
    said += [f"{words.capital(why)}." for why in numbers.left_out]
    said += [f"Of {c.title} the first {MOST_SEEDS} of {len(c.runs)} seeds." for c in chosen if len(c.runs) > MOST_SEEDS]
    return " ".join(said)


def place(subjects: dict[str, overview.Subject], runs: Sequence[Run]) -> int:
    """The subject of the first run that the address names; else the first of all."""
    wanted = {(r.spec.network, r.spec.data) for r in runs[:1]}
    return next((i for i, s in enumerate(subjects.values()) if (s.model, s.dataset) in wanted), 0)


style.head("Which architecture did pruning find?", "What is left of every layer, the first at the bottom like the lowest branch.")
st.html(style.ASSETS / "look.css")
runs = asked()
subjects = gathered.subjects()
with st.container(key="wi-view"):
    if not subjects:
        empty(
            "No finished run has pruned a network yet. A run takes a minute, and its layers will stand here.", "Prune a network", "prune.py"
        )
        st.stop()
    with st.container(key="wi-controls"):
        with st.container(horizontal=True, vertical_alignment="bottom", key="wi-what-row"):
            subject = subjects[gathered.choose(subjects, key="wi_what", first=place(subjects, runs))]
            found = choices(gathered.groups(subject.model, subject.dataset), [r for r in runs if r.spec.network == subject.model])
            chosen = pick(found, runs) if found else []
        with st.container(horizontal=True, vertical_alignment="bottom", key="wi-how-row"):
            by_channel = any(c.runs[0].spec.resolved_granularity == "channel" for c in chosen)
            what = st.segmented_control(
                "Count", list(WHAT), default="Channels" if by_channel else "Weights", key="wi_of_channels" if by_channel else "wi_of_weights",
                bind="query-params", required=True, help="Channels: outputs of a layer that any weight still leads to, or channels that were not removed.",
            )  # fmt: skip
            by = st.segmented_control("As", list(BY), default="Share", key="wi_as", bind="query-params", required=True)
            seeds = TOGETHER
            if any(len(c.runs) > 1 for c in chosen):
                seeds = st.segmented_control(
                    "Seeds", [TOGETHER, APART], default=TOGETHER, key="wi_seeds", bind="query-params", required=True
                )
            drawing = st.segmented_control("Draw", list(DRAWINGS), default="Branches", key="wi_draw", bind="query-params", required=True)
    shown = picks(chosen, seeds == APART)
    numbers = widths(shown, WHAT[what or "Weights"])
    if not numbers.profiles:
        figure.caption(
            " ".join(f"{words.capital(why)}." for why in numbers.left_out) or "Choose runs above, and what they left stands here."
        )
        st.stop()
    removed = viewer(numbers, key="widths", chosen=from_address(), drawing=DRAWINGS[drawing or "Branches"], by=BY[by or "Share"])
    to_address(removed, numbers.positions[-1])
    figure.beneath(
        key="widths",
        sentence=describe(numbers, removed),
        table=numbers.table(),
        name="espalier-widths",
        note=note(numbers, chosen, BY[by or "Share"], DRAWINGS[drawing or "Branches"]),
    )
    profile_form(numbers, shown, removed)
