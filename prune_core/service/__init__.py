"""The service behind the pages: a supervisor process that hands queued runs to workers. Importing it imports no torch."""

from .processes import slots
from .starting import ensure_supervisor, submit, submit_sweep

__all__ = ["ensure_supervisor", "slots", "submit", "submit_sweep"]
