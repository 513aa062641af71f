"""What tells runs apart, in a few words for a label: "Largest first, five times"."""

from collections.abc import Sequence

from ..spec import RunSpec
from ..spec_words import ABSENT, Differing, differing
from . import words
from .curves import plain

TARGET, ROUNDS = "protocol_options.target", "protocol_options.rounds"
FIRST = ("criterion", TARGET, ROUNDS)
LATE = ("seed",)
MOST = 3


def labels(specs: Sequence[RunSpec]) -> list[str]:
    """For each spec the choices that not all of them share, most telling first; what is alike all the same is numbered. One alone is called by its manner."""
    if len(specs) == 1:
        return [words.capital(manner(specs[0])) or specs[0].method]
    settings = sorted(differing(specs), key=lambda s: (FIRST.index(s.field) if s.field in FIRST else len(FIRST), s.field in LATE))
    said = [[phrase(setting, spec, i) for setting in settings] for i, spec in enumerate(specs)]
    found = [shortened([text for text in each if text]) for each in said]
    return [text if text and found.count(text) == 1 else numbered(text, found, i) for i, text in enumerate(found)]


def manner(spec: RunSpec) -> str:
    """Who goes and how often: "largest first, five times"; empty for a run that says neither."""
    return ", ".join(filter(None, (spec.who_goes, rounds(spec))))


def is_usual(spec: RunSpec) -> bool:
    """Whether the manner is what anybody would expect: the lowest scores go, and as often as the protocol has it when nothing is said."""
    chosen, usual = (
        s.resolved().protocol_options for s in (spec, spec.model_copy(update={"protocol_options": spec.protocol_entry.options()}))
    )
    return all(getattr(chosen, name, None) == getattr(usual, name, None) for name in ("target", "rounds"))


def rounds(spec: RunSpec) -> str:
    n = getattr(spec.resolved().protocol_options, "rounds", None)
    return "" if n is None else "at once" if n == 1 else f"{words.counted(n)} times"


def phrase(setting: Differing, spec: RunSpec, i: int) -> str:
    if setting.field == TARGET:
        return spec.who_goes
    if setting.field == ROUNDS:
        return rounds(spec)
    value = setting.values[i]
    if value == ABSENT:
        return ""
    return value if setting.field in ("criterion", "model", "dataset", "protocol") else f"{setting.title.lower()} {value}"


def shortened(phrases: Sequence[str]) -> str:
    return words.capital(", ".join(phrases[:MOST])) + (" …" if len(phrases) > MOST else "")


def numbered(text: str, found: Sequence[str], i: int) -> str:
    place = found[: i + 1].count(text)
    return f"{text}, run {place}" if text else f"Run {place}"


def wrapped(label: str, longest: int = 15) -> str:
    """A label in lines that fit beside the plot, as Plotly takes it."""
    lines = [""]
    for word in label.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > longest:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return "<br>".join(plain(line) for line in lines[:3]) + (" …" if len(lines) > 3 else "")


def quoted(label: str) -> str:
    return f"\N{LEFT DOUBLE QUOTATION MARK}{label}\N{RIGHT DOUBLE QUOTATION MARK}"
