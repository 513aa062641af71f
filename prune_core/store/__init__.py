"""Runs, events and files, durable."""

from .attempts import Attempt
from .records import AttemptOver, AttemptRecord, Environment, NoSuchRun, Run, State, StoredFile, StoreError, Summary
from .store import Store
from .sweeps import NoSuchSweep, Sweep

__all__ = [
    "Attempt", "AttemptOver", "AttemptRecord", "Environment", "NoSuchRun", "NoSuchSweep", "Run", "State", "Store", "StoreError", "StoredFile",
    "Summary", "Sweep",
]  # fmt: skip
