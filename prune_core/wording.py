"""One line that says what is wrong with a value: field, choices or range, and what came. For command line and pages alike."""

import difflib
from collections.abc import Iterable
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

LONGEST = 60
MOST = 20


class Problem(NamedTuple):
    """One thing wrong with a specification. `field` is dotted for options: "criterion_options.n_examples"."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class SpecError(Exception):
    """A specification was refused; `problems` says why, a line each.

    Not a ValueError: pydantic would swallow it in a validator and word it anew.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def shown(value: Any) -> str:
    """A value as it came, on one line and short enough to read; numbers that came as text look like numbers."""
    if isinstance(value, bytes):
        value = value[: LONGEST + 1].decode(errors="replace")
    text = value if isinstance(value, str) else repr(value)
    text = "".join(c if c.isprintable() else " " for c in text[: LONGEST + 1])
    text = text if len(text) <= LONGEST else text[:LONGEST] + "…"
    return f"'{text}'" if isinstance(value, str) and not is_number(value) else text


def is_number(text: str) -> bool:
    try:
        float(text[: LONGEST + 1])
    except ValueError:
        return False
    return True


def unknown(value: Any, choices: Iterable[str]) -> str:
    """Message for a name that is not among the choices, with the nearest one."""
    names = sorted(choices)
    near = difflib.get_close_matches(value[:LONGEST], names, n=1) if isinstance(value, str) else []
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return f"there is no {shown(value)}.{hint} Choices: {', '.join(names)}."


def refuse(message: str) -> PydanticCustomError:
    """An error whose message is already in our words, to raise in a validator."""
    return PydanticCustomError("espalier", "{message}", {"message": message})


def problems_of(error: ValidationError, fields: Iterable[str] = (), prefix: str = "") -> list[Problem]:
    """pydantic's findings in our words, the first twenty of them. `fields` are the names that would have been accepted, for a misspelt one."""
    told = error.errors(include_url=False)
    found = list(dict.fromkeys(problem(e, tuple(fields), prefix) for e in told[:MOST]))
    return found if len(told) <= MOST else [*found, Problem("", f"and {len(told) - MOST:,} more problems.")]


def problem(e: ErrorDetails, fields: tuple[str, ...], prefix: str) -> Problem:
    place = [str(p) for p in e["loc"] if not (isinstance(p, str) and p.startswith(("literal[", "constrained-", "tuple[", "function-")))]
    place = [p for p in place if p not in {"int", "float", "str", "bool", "none"}]
    name = (prefix + ".".join(place)).rstrip(".")
    return Problem(name, message(e, fields))


def message(e: ErrorDetails, fields: tuple[str, ...]) -> str:
    kind, context, value = e["type"], e.get("ctx", {}), e.get("input")
    got = f", got {shown(value)}."
    match kind:
        case "espalier":
            return str(context["message"])
        case "extra_forbidden":
            return "there is no such field." + near_field(str(e["loc"][-1]), fields)
        case "missing":
            return "is needed."
        case "literal_error":
            return unknown(value, [c.strip("'") for c in context["expected"].replace(" or ", ", ").split(", ")])
        case "greater_than_equal":
            return f"must be at least {context['ge']}{got}"
        case "greater_than":
            return f"must be above {context['gt']}{got}"
        case "less_than_equal":
            return f"must be at most {context['le']}{got}"
        case "less_than":
            return f"must be below {context['lt']}{got}"
        case "finite_number":
            return f"must be a finite number{got}"
        case "string_too_long":
            return (
                f"must have at most {context['max_length']} characters, got {len(value):,}." if isinstance(value, str) else e["msg"] + got
            )
        case "string_pattern_mismatch":
            return f"must look like {context['pattern']}{got}"
        case "json_invalid":
            return f"is not valid JSON: {context['error']}."
    wanted = {
        "int_type": "a whole number",
        "int_parsing": "a whole number",
        "int_from_float": "a whole number",
        "int_parsing_size": "a whole number of ordinary size",
        "float_type": "a number",
        "float_parsing": "a number",
        "bool_type": "true or false",
        "bool_parsing": "true or false",
        "string_type": "text",
        "tuple_type": "a list",
        "list_type": "a list",
        "dict_type": "an object",
        "model_type": "an object",
        "model_attributes_type": "an object",
    }.get(kind)
    return f"must be {wanted}{got}" if wanted else f"{e['msg'][:1].lower()}{e['msg'][1:]}{got}"


def near_field(name: str, fields: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name[:LONGEST], fields, n=1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return f"{hint} Choices: {', '.join(sorted(fields))}." if fields else hint
