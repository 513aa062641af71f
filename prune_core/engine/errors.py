"""How a run says that it can't go on."""


class RunError(Exception):
    """In words for a person: what happened, where, and what to try."""
