"""Criteria beside each other: how far they agree, and how far each can prune before a layer keeps nothing."""

from collections.abc import Callable, Mapping, Sequence

import streamlit as st

from prune_core import RunSpec, catalogue
from prune_core.catalogue import Criterion, Model
from prune_core.catalogue.criteria.options import ScopeOptions
from prune_core.charts import agreement as chart
from prune_core.charts import frontier as limits
from prune_core.charts import words
from prune_core.estimate import estimate
from prune_core.spec_rules import nothing_to_rank
from prune_core.wording import unknown

from . import agreements, figure, scoring
from .stored import store

USUAL = (
    "snip",
    "grasp",
    "synflow",
    "magnitude",
    "lamp",
    "fisher",
    "random",
)  # of those that rank weights; the others repeat one of them at the start
SMALL = 1_000_000  # weights that are scored and compared within seconds
MOST = 11  # criteria whose pairs at all of these sparsities go into one event
TAIL = (0.99, 0.992, 0.995, 0.997, 0.998, 0.999, 0.9992, 0.9995, 0.9997, 0.9998, 0.9999)
SPARSITIES = (*(i / 100 for i in range(1, 99)), *TAIL)
IN_ROUNDS = (0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9998, 0.9999)  # each of them takes all rounds
REMOVED = 0.95
Ask = Callable[..., RunSpec]


def agreement(ask: Ask, criterion: Criterion, model: Model) -> None:
    """Both pictures, of the same scoring run. ask: options of a scoring run -> its spec, on the page's network, data, labels and seed."""
    unit = "weight" if "weight" in criterion.granularities else "channel"
    st.subheader("Do the criteria agree?", anchor=False)
    able = [name for name, entry in catalogue.criteria.items() if unit in entry.granularities and not unfit(entry, model)]
    chosen = pick(able, criterion, unit)
    if len(chosen) < 2:
        figure.caption("Choose two criteria or more, and how far they agree stands here.")
        return
    spec = ask(criteria=chosen, labels=labels(ask), classes="all", sparsities=SPARSITIES, measure=("agreement",))
    invitation = (
        f"{words.capital(words.counted(len(chosen)))} criteria, asked on the same weights and the same images: do they keep the same {unit}s"
        f"{', and how far can each prune before a layer is empty' if unit == 'weight' else ''}?{' It takes a few seconds.' if model.weights <= SMALL else ''}"
    )
    found = scoring.ask(spec, key="sal-together-look", invitation=invitation, button="Compare criteria")
    if found is None:
        return
    matrix(found)
    if unit == "weight":
        frontier(found, ask)


def unfit(criterion: Criterion, model: Model) -> str:
    """Why a criterion, as it comes, can't rank a network before any training, in words; empty where it can."""
    if not asks_untrained(criterion):
        return f"{criterion.title} reads what training {'recorded' if 'recorded' in criterion.needs else 'left on channels'}, and nothing is trained here."
    options = criterion.options()
    assert isinstance(options, ScopeOptions)
    return nothing_to_rank(criterion, model, "title") or options.too_many(model.weights)


def asked_here() -> list[Criterion]:
    """The criteria that rank some network of the catalogue before any training."""
    return [entry for entry in catalogue.criteria.values() if not all(unfit(entry, model) for model in catalogue.models.values())]


def asks_untrained(criterion: Criterion) -> bool:
    """Whether a criterion can be asked before any training."""
    return not criterion.needs & {"recorded", "factors"}


def labels(ask: Ask) -> str:
    """As the page has them; true where its own criterion sees none."""
    return str(getattr(ask().protocol_options, "labels", "true"))


def pick(able: Sequence[str], criterion: Criterion, unit: str) -> tuple[str, ...]:
    """The criteria to compare, in the catalogue's order; the address follows."""
    usual = [name for name in able if unit == "channel" or name in USUAL or name == criterion.name]
    told = [name for name in st.query_params.get("sal_with", "").split(",") if name in able]
    names = st.multiselect(
        "Criteria", able, default=told[:MOST] or usual, format_func=lambda name: catalogue.criteria[name].title, max_selections=MOST,
        key=f"sal-with-{unit}-{criterion.name if criterion.name not in USUAL else ''}",
        help=f"Only criteria that rank {unit}s: masks of weights and of channels have nothing in common to count.",
    )  # fmt: skip
    chosen = tuple(name for name in able if name in names)
    if chosen == tuple(usual):
        st.query_params.pop("sal_with", None)
    elif st.query_params.get("sal_with", "") != ",".join(chosen):
        st.query_params["sal_with"] = ",".join(chosen)
    return chosen


def matrix(found: scoring.Scored) -> None:
    numbers = chart.agreement(found.history)
    left, right = st.columns([5, 3], gap="large")
    with left:
        removed = agreements.viewer(numbers, key="sal-agreement", chosen=(share(st.query_params.get("sal_compared", "")) or REMOVED))
    to_address(removed)
    with right, st.container(key="sal-agreement-words"):
        figure.caption(chart.describe(numbers, removed))
        with st.expander("How agreement is counted"):
            st.markdown(
                f"{chart.FORMULA} The correlation of ranks is Spearman's, over all {numbers.what}, equal scores at their mean rank."
            )
    said = [f"{about(found.run.spec)} Every criterion was asked once."]
    if numbers.once:
        said.append(
            f"{words.listed(numbers.once)} {'is' if len(numbers.once) == 1 else 'are'} meant to be asked in many rounds: not shown here."
        )
    if None in numbers.spearman:
        said.append("A dash: one of the two scores everything alike before training, so that lots decide, the same for all.")
    if numbers.what == "channels":
        said.append("Of channels every layer keeps one at least, so none can be lost.")
    figure.foot(
        key="sal-agreement", table=numbers.table(sorted({*chart.SHOWN, removed})), name="espalier-agreement", note=" ".join(said)
    )  # fmt: skip


def share(percent: str) -> float | None:
    """ "99.9" -> 0.999; None for what is no percentage."""
    try:
        found = float(percent) / 100
    except ValueError:
        return None
    return found if 0 <= found <= 1 else None


def to_address(removed: float) -> None:
    """Let the address follow the slider; where it usually stands is not mentioned."""
    if removed == REMOVED:
        st.query_params.pop("sal_compared", None)
    elif st.query_params.get("sal_compared", "") != f"{100 * removed:.4g}":
        st.query_params["sal_compared"] = f"{100 * removed:.4g}"


def complaints(address: Mapping[str, str]) -> dict[str, str]:
    """What in the address is no choice of these pictures, by its name there."""
    found = {}
    if "sal_compared" in address and share(address["sal_compared"]) is None:
        found["sal_compared"] = f"must be a number from 0 to 100, got '{address['sal_compared'][:40]}'."
    if strange := [name for name in filter(None, address.get("sal_with", "").split(",")) if name not in catalogue.criteria]:
        found["sal_with"] = unknown(strange[0][:40], catalogue.criteria)
    return found


def frontier(found: scoring.Scored, ask: Ask) -> None:
    """How far each criterion can go; those that prune in rounds with and without them."""
    st.subheader("When does a layer lose everything?", anchor=False)
    patient = tuple(name for name, entry in catalogue.criteria.items() if entry.rounds > 1 and "weight" in entry.granularities)
    spec = ask(criteria=patient, labels=labels(ask), classes="all", sparsities=IN_ROUNDS, rounds="own")
    rounds = scoring.finished(spec)
    numbers = limits.frontier([found.history, *([rounds.history] if rounds else [])])
    if not numbers.rows:
        figure.caption(f"{found.run.spec.model_entry.title} has more layers than one scoring can tell one by one.")
        return
    figure.show(
        lambda theme: limits.draw(numbers, theme), key="sal-frontier", label="How far each criterion can prune before a layer keeps nothing",
        sentence=numbers.sentence, table=numbers.table(), name="espalier-frontier",
        note=f"{about(found.run.spec)} One ranking over all layers. A bar ends where the first layer keeps nothing, at the sparsities that were asked; "
        "circles are layers that are lost. Without rounds, a criterion was asked once.",
        revision="-".join(filter(None, (found.run.id, rounds and rounds.run.id))),
    )  # fmt: skip
    if rounds is None:
        names = words.listed([catalogue.criteria[name].title for name in patient])
        invitation = (
            f"{names} are meant to prune in many small rounds, each scored anew. Asked once, they show less than they can. "
            f"It takes about {words.duration(estimate(spec, store().speeds()).seconds)}."
        )
        if scoring.ask(spec, key="sal-rounds-look", invitation=invitation, button="Prune in rounds"):
            st.rerun()


def about(spec: RunSpec) -> str:
    n = getattr(spec.protocol_options, "batch_sizes", (100,))[0]
    shuffled = ", labels shuffled" if getattr(spec.protocol_options, "labels", "true") == "shuffled" else ""
    return f"{spec.model_entry.title} before training, {spec.dataset_entry.title}, {n:,} images of all classes{shuffled}, seed {spec.seed}."
