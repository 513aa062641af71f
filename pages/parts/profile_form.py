"""A profile to take along: the channels that pruning left of every layer, named, scaled, and sent to training from scratch."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import streamlit as st

from prune_core import RunSpec, SpecError
from prune_core.catalogue import Model
from prune_core.catalogue.shrunk import in_order, parameters
from prune_core.charts import words
from prune_core.charts.widths import Pick, Widths
from prune_core.families import scaled_copy
from prune_core.overrides import overrides
from prune_core.twins import common, dense_epochs

from . import figure
from .plain import plain

LONGEST = 40


class Left(NamedTuple):
    """Channels of each group, by name, as a slider's position shows them of a pick."""

    label: str
    spec: RunSpec
    widths: Mapping[str, int]


def takeable(numbers: Widths, picks: Sequence[Pick], removed: float) -> list[Left]:
    """What can be built anew: of every pick that removed channels the mean over its seeds, rounded, at least one channel a layer."""
    specs = {p.label: p.spec for p in picks}
    found = []
    for profile in numbers.profiles:
        spec = specs[profile.label]
        if profile.unit != "channel" or spec.whole != spec:
            continue
        names = {group.producer: group.name for group in spec.model_entry.channel_groups}
        kept = profile.moments[profile.at(removed)].kept
        found.append(Left(profile.label, spec, {names[row.name]: max(1, round(k.mean)) for row, k in zip(numbers.rows, kept, strict=True)}))
    return found


def profile_form(numbers: Widths, picks: Sequence[Pick], removed: float) -> None:
    """The fold beneath the picture. Nothing where no channels were removed."""
    offered = takeable(numbers, picks, removed)
    if not offered:
        return
    with st.expander("Train an architecture like this from scratch", icon=":material/content_cut:", key="wi-profile"):
        with st.container(horizontal=True, vertical_alignment="bottom", key="wi-profile-row"):
            which = 0
            if len(offered) > 1:
                which = st.selectbox("Profile", range(len(offered)), format_func=lambda i: offered[i].label, key="wi-profile-which")
            left = offered[which]
            name = st.text_input("Name", f"Copies of {left.spec.short_method}"[:LONGEST], max_chars=LONGEST, key=f"wi-profile-name-{which}",
                                 help="Networks of one name stand together as one line on the Trade-off page, whatever their sizes.")  # fmt: skip
            share = st.number_input(
                "Parameters, % of this profile", 10, 1000, 100, 10, key="wi-profile-scale",
                help="All layers wider or narrower by one factor, until the network has about so many parameters; none becomes wider than the original.",
            )  # fmt: skip
        told = scaled(left, int(share), name)
        if isinstance(told, str):
            figure.caption(told)
            return
        spec, channels = told
        size = f"{spec.model_entry.parameters:,} of {left.spec.model_entry.parameters:,} parameters"
        figure.caption(f"{words.listed([f'{n:,} {title}' for title, n in channels.items()])}: {size}.")
        if st.button("Set up its training", icon=":material/arrow_forward:", key="wi-profile-go"):
            st.switch_page("prune.py", query_params=overrides(spec))


def scaled(left: Left, share: int, name: str) -> tuple[RunSpec, dict[str, int]] | str:
    """The run that trains the profile at a share of its parameters, and its channels by layer; or why there is none, in words."""
    entry: Model = left.spec.model_entry
    groups = (
        [g for g in in_order(entry) if g.name in left.widths] if len(left.widths) != len(entry.channel_groups) else entry.channel_groups
    )
    try:
        profile = tuple(left.widths[g.name] for g in groups)
        if share != 100:
            profile = scaled_copy(entry, left.widths, parameters(entry, left.widths) * share // 100).profile
        options = left.spec.model_options.model_copy(update={"profile": profile, "family": " ".join(name.split())})
        spec = RunSpec(**common(left.spec) | {"model_options": options, "seed": 0}, protocol="dense", criterion=None,
                       epochs=dense_epochs(left.spec.resolved()), protocol_options={"measure": ("latency",)})  # fmt: skip
    except (SpecError, ValueError) as error:
        return plain(str(error))
    return spec, {group.title: n for group, n in zip(groups, profile, strict=True)}
