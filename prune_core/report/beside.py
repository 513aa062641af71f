"""The sections of a report about several runs beside each other."""

from collections.abc import Sequence

from .. import markup
from ..charts import compare, words
from ..charts.compare import ABSENT, Comparison, Side
from ..markup import Cell
from . import blocks
from .subject import Subject


def comparison(runs: Sequence[Subject]) -> Comparison:
    return compare.comparison([(run.result, run.history) for run in runs])


def picture(found: Comparison) -> str:
    """The curves, with the error on a log scale beneath, where good runs come apart."""
    if not found.drawn:
        return blocks.paragraph(found.sentence, "sentence")
    drops = "Measured on the validation images. Drops at prunings are drawn from before to after."
    note = " ".join(filter(None, (drops, found.caution)))
    linear = blocks.plot(
        lambda theme: compare.draw(found, theme),
        "curves",
        "Validation accuracy of the runs over epochs of training",
        found.sentence,
        found.table(),
        note,
    )
    log = blocks.plot(
        lambda theme: compare.draw(found, theme, scale="error"), "errors", "Validation error of the runs over epochs of training, log scale",
        "The same curves as errors, on a log scale.", {},
    )  # fmt: skip
    return linear + log


def outcome(found: Comparison) -> str:
    """A row a run: what it came to."""
    table = found.figures()
    columns = [name for name in table if name != "Run" and any(value is not None for value in table[name])]
    rows: list[list[str | Cell]] = [
        [
            Cell(side.label, before=f"<b>{side.letter}</b>{markup.swatch(side.family, side.dash) if side.measured else ''}"),
            *(worded(c, table[c][i]) for c in columns),
        ]
        for i, side in enumerate(found.sides)
    ]
    numeric = [i for i, name in enumerate(columns, 1) if name != "State"]
    return blocks.paragraph(found.outcome) + markup.table(["Run", *columns], rows, "What the runs came to", numeric)


def worded(column: str, value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}" if column.endswith("(%)") else f"{value:.4g}"
    return ABSENT if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def differences(found: Comparison) -> str:
    """A row a setting that differs."""
    rows = [[d.title, *d.values] for d in found.differing]
    table = markup.table(["Setting", *(s.letter for s in found.sides)], rows, "Settings that differ") if rows else ""
    return blocks.paragraph(found.differences) + table + blocks.paragraph(found.mixed or "", "warning")


def names(found: Comparison) -> str:
    """The runs in full, with what each was computed with."""
    rows = [[side.letter, side.result.title, *environment(side), side.result.fingerprint[:16]] for side in found.sides]
    return markup.table(["", "Run", "Code", "torch", "Device", "Fingerprint"], rows, "The runs in full")


def environment(side: Side) -> list[str]:
    e = side.result.environment
    return [e.code or ABSENT, e.torch or ABSENT, e.device or ABSENT]


def not_shown(found: Comparison, runs: Sequence[Subject]) -> list[str]:
    """What a reader could take for granted and should not."""
    told = []
    going = [s.letter for s in found.sides if s.result.state in ("queued", "running")]
    if going:
        told.append(f"{words.listed(going)} {'was' if len(going) == 1 else 'were'} still under way when this was written.")
    broken = [s.letter for s in found.sides if s.result.state in ("failed", "cancelled")]
    if broken:
        told.append(f"{words.listed(broken)} did not finish: nothing of {'it' if len(broken) == 1 else 'them'} is a final result.")
    chance = [s.letter for s in found.sides if s.result.at_chance]
    if chance:
        told.append(f"{words.listed(chance)} stayed at chance.")
    told += [f"{s.letter}: {caution}" for s in found.sides if (caution := s.result.spec.dataset_entry.caution)]
    told.append(
        "These are single runs, not means: whether a difference between two of them is more than chance takes several seeds of each."
    )
    told.append("Removed weights are zeros in dense kernels: fewer weights is not less time.")
    return [*told, *dict.fromkeys(f"{s.letter}: {w}" for s, run in zip(found.sides, runs, strict=True) for w in run.history.warnings)]
