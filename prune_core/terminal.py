"""What commands share: fields from the command line, and words, tables and durations for a terminal."""

import json
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, TypeVar

import click

from .overrides import parsed
from .spec import LONGEST_JSON, RunSpec
from .wording import Problem, SpecError, shown

F = TypeVar("F", bound=Callable[..., Any])
SET_HELP = "A field of the spec, repeatable; an option of an entry as criterion_options.n_examples=10."


def describes_a_run(function: F) -> F:
    """The options that `run`, `submit` and `sweep` have in common."""
    file = click.option("--spec", "file", type=click.File("rb"), help="A spec as JSON, '-' for standard input; --set goes over it.")
    field = click.option("--set", "settings_given", multiple=True, metavar="FIELD=VALUE", help=SET_HELP)
    return file(field(function))


def spec_from(file: BinaryIO | None, given: Sequence[str]) -> RunSpec:
    """The spec of a JSON file with single fields put over it. Raises SpecError, a line a problem."""
    return RunSpec.read(fields_from(file, given))


def fields_from(file: BinaryIO | None, given: Sequence[str]) -> dict[str, Any]:
    """What a JSON file says, with single fields put over it. Raises SpecError where that is no object of fields at all."""
    data: Any = {}
    if file is not None:
        text = file.read(LONGEST_JSON + 1)
        if len(text) > LONGEST_JSON:
            RunSpec.read(text)
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            RunSpec.read(text)
        if not isinstance(data, dict):
            RunSpec.read(text)
    for field, value in map(field_and_value, ["--set"] * len(given), given):
        data[field] = parsed(field, value)
    return dict(data)


def field_and_value(option: str, setting: str) -> tuple[str, str]:
    field, equals, value = setting.partition("=")
    if not equals or not field.strip():
        raise SpecError([Problem(option, f"must be field=value, got {shown(setting)}.")])
    return field.strip(), value


def values_of(field: str, text: str) -> list[Any]:
    """Several values of a field: at the commas, or as JSON where they are lists themselves ("[0.5],[0.5,0.75]")."""
    if "[" in text or "{" in text:
        try:
            return list(json.loads(f"[{text}]"))
        except (ValueError, RecursionError):
            raise SpecError([Problem(field, f"must be values with commas between them, got {shown(text)}.")]) from None
    return [parsed(field, value.strip()) for value in text.split(",")]


def duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {rest} s"


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    lines = [head, *(tuple(map(plain, row)) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def plain(text: str) -> str:
    """Without anything that a terminal would act on: names and notes are other people's text."""
    return "".join(c if c.isprintable() else " " for c in text)
