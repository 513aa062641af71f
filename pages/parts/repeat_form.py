"""Repeat over: seeds, further criteria and sparsities, and what runs beside them; folded under the form of a run. An address can fill it."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import streamlit as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from prune_core import RunSpec, SpecError, catalogue
from prune_core.overrides import overrides, parsed
from prune_core.steps import percent
from prune_core.sweeps import LARGEST, expand, prunes, too_many
from prune_core.twins import TwinName
from prune_core.wording import Problem, problems_of, refuse, unknown

SEEDS = (1, 3, 5, 10)
SPARSITIES = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99)
BESIDE: dict[TwinName, tuple[str, str]] = {
    "dense": ("The dense reference too", "The full network with nothing removed, once for each seed."),
    "shuffled": (
        "A random mask with the same layer densities too",
        "Every run again, with as many weights kept in each layer, chosen by chance: the control for whether the choice of weights matters.",
    ),
}  # fmt: skip


class Repeat(BaseModel):
    """What is repeated. seeds: how many, from the run's own. criteria, sparsities: besides the run's own. beside: what runs with each."""

    model_config = ConfigDict(frozen=True)

    seeds: int = Field(1, ge=1, le=100)
    criteria: tuple[str, ...] = Field((), max_length=32)
    sparsities: tuple[float, ...] = Field((), max_length=32)
    beside: tuple[str, ...] = Field((), max_length=8)

    @field_validator("criteria", "beside")
    @classmethod
    def are_known(cls, names: tuple[str, ...], info: Any) -> tuple[str, ...]:
        choices: Collection[str] = catalogue.criteria if info.field_name == "criteria" else BESIDE
        for name in names:
            if name not in choices:
                raise refuse(unknown(name, choices))
        return tuple(dict.fromkeys(names))

    @field_validator("sparsities")
    @classmethod
    def are_shares(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        for share in shares:
            if not 0 <= share < 1:
                raise refuse(f"must be at least 0 and below 1, got {share}.")
        return tuple(sorted(set(shares)))

    @property
    def told(self) -> dict[str, str]:
        """What stands in the address: only what is not at its default."""
        values = {"seeds": self.seeds if self.seeds > 1 else "", **{f: ",".join(map(str, getattr(self, f))) for f in LISTS}}
        return {field: str(value) for field, value in values.items() if value}

    @property
    def is_one_run(self) -> bool:
        return not self.told


LISTS = ("criteria", "sparsities", "beside")


def read(address: Mapping[str, str]) -> tuple[Repeat, list[Problem]]:
    """As much of an address as fits, with a problem for each field that had to be left out."""
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for field, text in address.items():
        if field in Repeat.model_fields:
            try:
                value = text.split(",") if field in LISTS else text
                values[field] = getattr(Repeat.model_validate({field: value}), field)
            except ValidationError as error:
                problems.append(problems_of(error)[0]._replace(field=field))
    return Repeat(**values), problems


def specs(spec: RunSpec, repeat: Repeat) -> list[RunSpec]:
    """Every run that is asked for, seed by seed. Raises SpecError where they don't go together, or are too many."""
    if not prunes(spec):
        return expand(values_of(spec), {}, repeat.seeds)
    found: list[RunSpec] = []
    sparsities, criteria = sorted({spec.sparsity, *repeat.sparsities}), dict.fromkeys((spec.criterion, *repeat.criteria))
    if (total := len(sparsities) * len(criteria) * repeat.seeds) > LARGEST:
        raise SpecError([too_many(total)])
    for criterion in criteria:
        base = {f: v for f, v in values_of(spec).items() if f not in ("criterion", "sparsity") and has_option(criterion, f)}
        found += expand({**base, "criterion": criterion}, {"sparsity": sparsities}, repeat.seeds)
    return sorted(found, key=lambda s: s.seed)


def values_of(spec: RunSpec) -> dict[str, Any]:
    return {field: parsed(field, text) for field, text in overrides(spec).items()}


def has_option(criterion: str | None, field: str) -> bool:
    """Whether a criterion has what another one was told: an option that it lacks is not for it."""
    prefix, _, name = field.partition(".")
    return prefix != "criterion_options" or (criterion is not None and name in catalogue.criteria[criterion].options.model_fields)


def ask(start: Repeat, spec: RunSpec, key: Callable[[str], str]) -> Repeat:
    """The folded widgets, which stand at `start` when they first appear. key: name -> widget key."""
    with st.expander("Repeat over", icon=":material/repeat:", expanded=not start.is_one_run, key=key("repeat")):
        seeds = st.segmented_control(
            "Seeds", sorted({*SEEDS, start.seeds}), default=start.seeds, required=True, key=key("seeds"),
            help="Each run once for every seed, counted from the one above. From three on, results come with an interval.",
        )  # fmt: skip
        if not prunes(spec):
            return Repeat(seeds=seeds or 1)
        others = [name for name in catalogue.criteria if name != spec.criterion and fits(spec, name)]
        criteria = pills("Criteria too", others, start.criteria, key("criteria"), lambda name: catalogue.criteria[name].title)
        amounts = sorted({*SPARSITIES, *start.sparsities} - {spec.sparsity})
        sparsities = pills("Sparsities too", amounts, start.sparsities, key("sparsities"), percent)
        beside = [
            name for name, (label, about) in BESIDE.items() if st.checkbox(label, value=name in start.beside, help=about, key=key(name))
        ]
    return Repeat(seeds=seeds or 1, criteria=tuple(criteria), sparsities=tuple(sparsities), beside=tuple(beside))


def pills(label: str, options: list[Any], start: Collection[Any], key: str, worded: Callable[[Any], str]) -> list[Any]:
    """Several of the options; what is not among them any more is not chosen any more."""
    if not options:
        return []
    chosen = st.session_state.get(key)
    if chosen is not None and not set(chosen) <= set(options):
        st.session_state[key] = chosen = [value for value in chosen if value in options]
    default = [value for value in start if value in options] if chosen is None else None
    return list(st.pills(label, options, selection_mode="multi", default=default, format_func=worded, key=key) or [])


def fits(spec: RunSpec, criterion: str) -> bool:
    try:
        specs(spec.model_copy(update={"seed": 0}), Repeat(criteria=(criterion,)))
    except SpecError:
        return False
    return True
