"""Runs, events and files, durable."""

from .attempts import Attempt
from .records import (
    LONGEST_NAME,
    AttemptOver,
    AttemptRecord,
    Damaged,
    Environment,
    NoSuchRun,
    Run,
    State,
    StoredFile,
    StoreError,
    Summary,
    Unreadable,
)
from .store import Store
from .sweeps import NoSuchSweep, Sweep

__all__ = [
    "LONGEST_NAME", "Attempt", "AttemptOver", "AttemptRecord", "Damaged", "Environment", "NoSuchRun", "NoSuchSweep", "Run", "State", "Store",
    "StoreError", "StoredFile", "Summary", "Sweep", "Unreadable",
]  # fmt: skip
