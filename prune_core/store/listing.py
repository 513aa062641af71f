"""Which runs are meant: filters as conditions on indexed columns."""

from collections.abc import Collection
from datetime import datetime
from typing import TypedDict

from sqlalchemy import ColumnElement, false, or_, select

from ..wording import SpecError
from .records import LONGEST_NOTES, STATES, State, checked_text
from .tables import MEMBERS, RUNS


class Filters(TypedDict, total=False):
    """Each leaves only the runs that it names.

    model: by `RunSpec.network`; any_size: by `RunSpec.model`, however narrow it was built; sweep: id; group, parent: fingerprints; before: when they
    were queued.
    """

    model: str | None
    any_size: str | None
    dataset: str | None
    protocols: Collection[str]
    sweep: str | None
    group: str | None
    parent: str | None
    example: bool | None
    before: datetime | None


def conditions(states: Collection[State], search: str, filters: Filters) -> list[ColumnElement[bool]]:
    """What a run must fulfil to be meant. What says nothing (None, or empty) leaves all."""
    columns = {"model": RUNS.c.model, "dataset": RUNS.c.dataset, "group": RUNS.c.family, "parent": RUNS.c.parent, "example": RUNS.c.example}
    found: list[ColumnElement[bool]] = [columns[name] == value for name, value in filters.items() if name in columns and value is not None]
    if (name := filters.get("any_size")) is not None:
        found.append(or_(RUNS.c.model == name, RUNS.c.model.startswith(f"{name} ", autoescape=True)))
    if (before := filters.get("before")) is not None:
        found.append(RUNS.c.created < before)
    if states:
        found.append(RUNS.c.state.in_([s for s in states if s in STATES]))
    if protocols := filters.get("protocols"):
        found.append(RUNS.c.protocol.in_(protocols))
    if (sweep := filters.get("sweep")) is not None:
        found.append(RUNS.c.id.in_(select(MEMBERS.c.run).where(MEMBERS.c.sweep == sweep)))
    if search:
        try:
            checked_text("search", search, LONGEST_NOTES)
        except SpecError:
            return [false()]
        found.append(or_(*(column.icontains(search, autoescape=True) for column in (RUNS.c.name, RUNS.c.title, RUNS.c.notes))))
    return found
