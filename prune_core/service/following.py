"""Queues what follows a run of a sweep, once that run has finished."""

import logging

from ..environment import here
from ..store import NoSuchRun, Store, Unreadable, sweeps
from ..store.lease import Lease
from ..store.sweeps import Asked, Due
from ..twins import twins
from ..wording import SpecError

NOTHING = "The run that it follows left nothing that this could be made of."

log = logging.getLogger(__name__)


def advance(store: Store, lease: Lease) -> int:
    """Queue the follow-ups that are due, a few at a time; how many were looked at. Those that can't be made are dropped, with the reason.

    Raises LeaseLost, or StoreError where the database can't be reached: they are due still.
    """
    owed = sweeps.due(store)
    for each in owed:
        try:
            asked = made(store, each)
        except NoSuchRun:
            continue  # deleted in between, and the follow-up with it
        except (Unreadable, SpecError, ValueError) as error:
            reason = " ".join(str(error).split())[:300]
            log.warning("Sweep %s: %s of run %s can't be made: %s", each.sweep, each.twin, each.parent, reason)
            sweeps.drop(store, lease, each, reason)
            continue
        if asked is None:
            sweeps.drop(store, lease, each, NOTHING)
        else:
            sweeps.follow(store, lease, each, asked)
    return len(owed)


def made(store: Store, owed: Due) -> Asked | None:
    """The run of a follow-up, from what its parent has left; None if that is nothing."""
    twin = next((twin for name, twin in twins(store.history(owed.parent)).items() if name == owed.twin), None)
    return None if twin is None else Asked(twin.spec, None if owed.definition.get("again") else here(twin.spec.device))
