"""What there is to look at, and whether it has changed: asked of the indexes, so that ten thousand runs need not be read to know."""

from typing import NamedTuple

from sqlalchemy import func, select

from .records import ENDED
from .store import Store
from .tables import RUNS


class Subject(NamedTuple):
    """A network on a data set, by name, and how many of its runs have finished."""

    model: str
    dataset: str
    runs: int


def subjects(store: Store, protocols_left_out: tuple[str, ...] = ("score",)) -> list[Subject]:
    """What finished runs are of, most runs first."""
    query = (
        select(RUNS.c.model, RUNS.c.dataset, func.count())
        .where(RUNS.c.state == "finished", RUNS.c.model.is_not(None), RUNS.c.protocol.not_in(protocols_left_out))
        .group_by(RUNS.c.model, RUNS.c.dataset)
    )
    with store.database.reading() as connection:
        found = [Subject(*row) for row in connection.execute(query)]
    return sorted(found, key=lambda s: (-s.runs, s.model, s.dataset))


def stamp(store: Store, model: str, dataset: str) -> tuple[int, ...]:
    """Changes whenever a run of that network on that data set comes, ends, goes, or is renamed after its end; progress leaves it alone."""
    over = RUNS.c.state.in_(ENDED)
    query = select(func.count(), func.max(RUNS.c.position), func.sum(RUNS.c.version).filter(over), func.count().filter(over))
    with store.database.reading() as connection:
        row = connection.execute(query.where(RUNS.c.model == model, RUNS.c.dataset == dataset)).one()
    return tuple(int(value or 0) for value in row)
