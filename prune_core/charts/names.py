"""Names for things that are alike in most of their settings: what they are called, and what tells them from their like."""

from collections import defaultdict
from collections.abc import Sequence

from ..spec import RunSpec
from ..spec_words import differing


def distinct(names: Sequence[str], specs: Sequence[RunSpec]) -> list[str]:
    """For each spec what has to be added to its name: "" where no other has that name, else the settings in which they differ ("2 epochs").

    Those that differ in nothing that a spec says are numbered: "(2)".
    """
    alike: dict[str, list[int]] = defaultdict(list)
    for i, name in enumerate(names):
        alike[name].append(i)
    added = [""] * len(names)
    for places in alike.values():
        columns = differing([specs[i] for i in places]) if len(places) > 1 else []
        for place, i in enumerate(places):
            added[i] = ", ".join(setting(d.field, d.title, d.values[place]) for d in columns if d.field != "parent")
        said = [added[i] for i in places]
        for place, i in enumerate(places):
            if said.count(said[place]) > 1:
                added[i] = f"{said[place]} ({said[: place + 1].count(said[place])})".strip()
    return added


def setting(field: str, title: str, value: str) -> str:
    """One setting in a few words."""
    return epochs(float(value.replace(",", ""))) if field == "epochs" else f"{title.lower()} {value}"


def epochs(n: float) -> str:
    """2 -> "2 epochs"."""
    return f"{n:g} {'epoch' if n == 1 else 'epochs'}"
