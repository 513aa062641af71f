"""What there is to look at, and whether it has changed: asked of the indexes, so that ten thousand runs need not be read to know."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from pydantic import ValidationError
from sqlalchemy import func, select

from .. import catalogue
from ..spec import RunSpec
from ..wording import SpecError
from .records import ENDED, Environment, State, Summary, log
from .store import Store
from .tables import RUNS

PROFILE = " channels ("  # of the name of a network with channels of its own, see ProfileOptions.size


class Subject(NamedTuple):
    """A network on a data set, by `RunSpec.network` and `RunSpec.data`, and how many of its runs have finished."""

    model: str
    dataset: str
    runs: int


def subjects(store: Store) -> list[Subject]:
    """What finished runs are of, most runs first; those that only look have a page of their own."""
    only_look = [name for name, entry in catalogue.protocols.items() if entry.page]
    query = (
        select(RUNS.c.model, RUNS.c.dataset, func.count())
        .where(RUNS.c.state == "finished", RUNS.c.model.is_not(None), RUNS.c.protocol.not_in(only_look))
        .group_by(RUNS.c.model, RUNS.c.dataset)
    )
    with store.database.reading() as connection:
        found = [Subject(*row) for row in connection.execute(query)]
    return sorted(found, key=lambda s: (-s.runs, s.model, s.dataset))


def narrower(store: Store, found: Iterable[Subject]) -> dict[Subject, list[Subject]]:
    """Each of the subjects whose network is a full one, with those whose network is a narrower copy of it on the same data."""
    found = list(found)
    families: dict[Subject, list[Subject]] = {s: [] for s in found if PROFILE not in s.model}
    whole = {(s.model, s.dataset): s for s in families}
    for s in found:
        if PROFILE in s.model:
            spec = one_of(store, s)
            above = whole.get((spec.whole.network, s.dataset)) if spec else None
            families.setdefault(above or s, []).extend([s] if above else [])
    return families


def one_of(store: Store, subject: Subject) -> RunSpec | None:
    """The spec of some run of it; None where none can be read."""
    query = select(RUNS.c.spec).where(RUNS.c.model == subject.model, RUNS.c.dataset == subject.dataset).limit(1)
    with store.database.reading() as connection:
        text = connection.execute(query).scalar()
    try:
        return RunSpec.read(text) if text else None
    except (SpecError, ValidationError) as error:
        log.warning("a run of %s can't be read (%s)", subject.model, error)
        return None


def stamp(store: Store, model: str, dataset: str) -> tuple[int, ...]:
    """Changes whenever a run of that network on that data set comes, ends, goes, or is renamed after its end; progress leaves it alone."""
    over = RUNS.c.state.in_(ENDED)
    query = select(func.count(), func.max(RUNS.c.position), func.sum(RUNS.c.version).filter(over), func.count().filter(over))
    with store.database.reading() as connection:
        row = connection.execute(query.where(RUNS.c.model == model, RUNS.c.dataset == dataset)).one()
    return tuple(int(value or 0) for value in row)


class Outcome(NamedTuple):
    """What a run came to, without what only it has. `spec`: of one run of its group, so equal to its own but for the seed, which is beside it."""

    id: str
    title: str
    spec: RunSpec
    seed: int
    group: str
    fingerprint: str
    state: State
    example: bool
    created: datetime
    summary: Summary | None
    environment: Environment | None


COLUMNS = ("id", "title", "name", "spec", "family", "fingerprint", "state", "example", "created", "summary", "code", "torch", "device")


def outcomes(store: Store, model: str, dataset: str) -> list[Outcome]:
    """Every run of that network on that data set, newest first; a row that can't be read is logged and hides no other.

    A spec is built once a group: ten thousand of their own took 1.0 s and 90 MB, so they take 0.3 s and next to nothing.
    """
    query = select(*(RUNS.c[name] for name in COLUMNS)).where(RUNS.c.model == model, RUNS.c.dataset == dataset)
    with store.database.reading() as connection:
        rows = connection.execute(query.order_by(RUNS.c.created.desc(), RUNS.c.position.desc())).all()
    specs: dict[str, RunSpec] = {}
    found = []
    for row in rows:
        try:
            told = json.loads(row.spec)
            if row.family not in specs:
                specs[row.family] = RunSpec.model_validate(told)
            found.append(Outcome(
                row.id, row.name or row.title, specs[row.family], int(told["seed"]), row.family, row.fingerprint, row.state, row.example, row.created,
                Summary(*json.loads(row.summary)) if row.summary else None,
                None if row.code is None else Environment(row.code, row.torch or "?", row.device or "?"),
            ))  # fmt: skip
        except (SpecError, ValidationError, ValueError, TypeError, KeyError) as error:
            log.warning("run %s: its row can't be read (%s)", row.id, error)
    return found
