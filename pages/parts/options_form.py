"""A form drawn from pydantic fields: type, default, range and help stand in the catalogue, once."""

import json
import types
from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

import streamlit as st
from pydantic.fields import FieldInfo

from prune_core.spec_words import title_of

NONE = type(None)


class Field(NamedTuple):
    """A field to ask for. `value`: where it stands; `default`: what None stands for; `allowed`: whether a choice fits the rest."""

    name: str
    info: FieldInfo
    value: Any
    default: Any = None
    choices: Collection[Any] = ()
    allowed: Callable[[Any], bool] = lambda value: True
    titles: Mapping[Any, str] = {}


def choices_of(info: FieldInfo) -> tuple[Any, ...]:
    """The values that a field of a finite type can have; none for numbers, texts and lists."""
    kinds = members(info.annotation)
    if all(kind is bool for kind in kinds):
        return (False, True)
    if all(get_origin(kind) is Literal for kind in kinds):
        return tuple(value for kind in kinds for value in get_args(kind))
    return ()


def members(annotation: Any) -> tuple[Any, ...]:
    """The types of a union without None."""
    union = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    return tuple(kind for kind in union if kind is not NONE)


def is_optional(info: FieldInfo) -> bool:
    return NONE in get_args(info.annotation)


def fitting(field: Field) -> list[Any]:
    """The choices of a field of a finite type that go together with the rest."""
    return [choice for choice in (field.choices or choices_of(field.info)) if field.allowed(choice)]


def is_open(field: Field) -> bool:
    """Whether there is anything to choose: not where all choices but one are ruled out by the rest."""
    return not (field.choices or choices_of(field.info)) or len(fitting(field)) > 1


def ask(field: Field, key: str) -> Any:
    """Draw the widget of a field and return its value, not yet validated."""
    choices = fitting(field)
    label, help = title_of(field.name, field.info), field.info.description
    if field.choices or choices_of(field.info):
        return among(field, choices, label, help, key)
    kinds = members(field.info.annotation)
    if len(kinds) == 1 and kinds[0] in (int, float):
        return number(field, kinds[0], label, help, key)
    told = st.text_input(label, value=as_text(field.value), placeholder=as_text(field.default), help=help, key=key, max_chars=500)
    return from_text(told, kinds[0])


def among(field: Field, choices: list[Any], label: str, help: str | None, key: str) -> Any:
    if set(choices) == {False, True} and not is_optional(field.info):
        return st.toggle(label, value=field.value, help=help, key=key)
    options = [None, *choices] if is_optional(field.info) else choices
    if st.session_state.get(key) not in options:
        st.session_state.pop(key, None)

    def worded(value: Any) -> str:
        if value is None:
            return f"{worded(field.default)} (default)" if field.default is not None else "default"
        return field.titles.get(value) or ({True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value).replace("_", " "))

    return st.selectbox(
        label, options, index=options.index(field.value) if field.value in options else 0, format_func=worded, help=help, key=key
    )


def number(field: Field, kind: type, label: str, help: str | None, key: str) -> Any:
    """A number within its range. Where None is a value, an empty box is it, with what it stands for in grey."""
    low, high, above = (next((getattr(m, bound) for m in field.info.metadata if hasattr(m, bound)), None) for bound in ("ge", "le", "gt"))
    whole = kind is int
    step = step_of(field.value or field.default or above or 0.1)
    return st.number_input(
        label,
        min_value=None if low is None else kind(low), max_value=None if high is None else kind(high), value=field.value,
        step=1 if whole else min(step, high / 10) if high else step, format=None if whole else "%g",
        placeholder=f"{field.default:g}" if isinstance(field.default, int | float) else "default", help=help, key=key,
    )  # fmt: skip


def step_of(value: float) -> float:
    """A step of one in the value's first digit: 0.1 -> 0.1, 0.0005 -> 0.0001."""
    return float(10.0 ** int(f"{value:e}".partition("e")[2]))


def as_text(value: Any) -> str:
    """A list as people type it: (0.5, 0.75) -> "0.5, 0.75"."""
    return "" if value is None else ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def from_text(told: str, kind: Any) -> Any:
    """What was typed: a list at its commas, None for nothing, the rest as it stands."""
    words = [word.strip() for word in told.split(",") if word.strip()]
    if get_origin(kind) is tuple:
        return words if words or told == "" else None
    return told.strip() or None


def changed(value: Any, info: FieldInfo) -> bool:
    """Whether a value is another than the field's default, however it was typed."""
    default = info.get_default(call_default_factory=True)
    return json.dumps(value, default=str) != json.dumps(default, default=str) and as_text(value) != as_text(default)
