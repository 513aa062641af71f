"""Runs, events and files, durable."""

from .attempts import Attempt
from .records import AttemptOver, AttemptRecord, NoSuchRun, Run, State, StoredFile, StoreError, Summary
from .store import Store

__all__ = ["Attempt", "AttemptOver", "AttemptRecord", "NoSuchRun", "Run", "State", "Store", "StoreError", "StoredFile", "Summary"]
