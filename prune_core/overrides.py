"""What a spec says beyond the defaults, as field=value texts: for addresses of the form and for the command line."""

import json
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel

from .spec import TABLES, RunSpec
from .wording import Problem, SpecError, shown


def overrides(spec: RunSpec) -> dict[str, str]:
    """Every field of the spec that is not at its default, as text; options with dotted names. `read(overrides(spec)) == spec`."""
    told: dict[str, str] = {}
    for field, info in RunSpec.model_fields.items():
        value = getattr(spec, field)
        if field.endswith("_options"):
            told |= {f"{field}.{name}": text(v) for name, v in beyond_defaults(value).items()}
        elif value != info.default:
            told[field] = text(value)
    return told


def beyond_defaults(options: BaseModel) -> dict[str, Any]:
    return {name: value for name in type(options).model_fields if (value := getattr(options, name)) != type(options)().model_dump()[name]}


def text(value: Any) -> str:
    """A value as people type it: text as it is, anything else as JSON."""
    if isinstance(value, BaseModel):
        return value.model_dump_json()
    return value if isinstance(value, str) else json.dumps(value)


def parsed(field: str, value: str) -> Any:
    """The value of a text: lists, objects and null as JSON, the rest is left to the field's own type. Raises SpecError for broken JSON."""
    if value == "null":
        return None
    try:
        return json.loads(value) if value.startswith(("[", "{")) else value
    except (ValueError, RecursionError):
        raise SpecError([Problem(field, f"is not valid JSON, got {shown(value)}.")]) from None


def read(texts: Mapping[str, str]) -> RunSpec:
    """The spec of field=value texts. Raises SpecError, a line a problem."""
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for field, value in texts.items():
        try:
            values[field] = parsed(field, value)
        except SpecError as error:
            problems += error.problems
    if problems:
        raise SpecError(problems)
    return RunSpec.read(values)


def read_what_fits(values: Mapping[str, Any], read: Callable[[Any], RunSpec] = read) -> tuple[RunSpec, list[Problem]]:
    """A spec of as many of the values as fit, with a problem for each that had to be left out."""
    left, problems = dict(values), list[Problem]()
    while True:
        try:
            return read(left), problems
        except SpecError as error:
            unknown = tuple(f"{p.field}_options." for p in error.problems if p.field in TABLES)
            found = [p for p in error.problems if not p.field.startswith(unknown)]  # options of an entry that is not there
            problems += [p for p in found if p not in problems]
            bad = [f for f in left if any(concerns(p.field, f) for p in found)]
            # Where fields only clash with each other, the problem may name one that nobody gave: then the last one given goes.
            gone = bad or list(left)[-1:]
            left = {f: value for f, value in left.items() if f not in gone and not f.startswith(unknown)}


def concerns(problem: str, field: str) -> bool:
    """Whether a problem is with a field, with an option of it, or with a part of its value."""
    return problem == field or field.startswith(f"{problem}.") or problem.startswith(f"{field}.")


def command(spec: RunSpec) -> str:
    """The spec as a shell command that runs it: only what is not default, quoted."""
    words = ["python", "-m", "prune_core", "run"]
    for field, value in overrides(spec).items():
        words += ["--set", f"{field}={value}"]
    return shlex.join(words)
