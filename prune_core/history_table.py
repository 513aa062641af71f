"""A run's history as one table: a row for every epoch, measurement, pruning and removal, in their order."""

import csv
import io
from typing import Any

from .events import Epoch, Evaluated, Event, Finished, Pruned, Removed, Shrunk
from .history import History

COLUMNS = (
    "event", "epoch", "part", "loss", "accuracy", "learning_rate", "seconds", "accuracy_before", "sparsity", "granularity",
    "units_kept", "units", "weights_kept", "weights", "layer", "channel", "score", "parameters", "macs",
)  # fmt: skip


def history_table(history: History) -> list[dict[str, Any]]:
    """Rows with the keys of COLUMNS; a key that a row has nothing to say about is left out.

    Accuracies and sparsities are fractions, losses mean cross-entropies. A pruning's `accuracy` is that after it, on the validation images. parameters, macs:
    what is left after a removal or after surgery.
    """
    return [row for event in history.events if (row := row_of(event))]


def row_of(event: Event) -> dict[str, Any] | None:
    measured: dict[str, Any]
    match event:
        case Epoch():
            measured = {
                "part": "train",
                "loss": event.loss,
                "accuracy": event.accuracy,
                "learning_rate": event.lr,
                "seconds": event.seconds,
            }
        case Evaluated():
            measured = {"part": event.part, "loss": event.quality.loss, "accuracy": event.quality.accuracy}
        case Pruned():
            measured = {
                "part": "validation", "loss": event.after.loss, "accuracy": event.after.accuracy, "accuracy_before": event.before.accuracy,
                "sparsity": event.sparsity, "granularity": event.granularity, "units_kept": event.kept, "units": event.units,
                "weights_kept": event.weights_kept, "weights": event.weights,
            }  # fmt: skip
        case Removed():
            measured = {
                "layer": event.group, "channel": event.channel, "score": event.score, "parameters": event.parameters, "macs": event.macs,
            }  # fmt: skip
        case Shrunk():
            measured = {"parameters": event.parameters[1], "macs": event.macs[1]}
        case Finished():
            measured = {"seconds": event.seconds, "weights_kept": event.weights_kept, "weights": event.weights}
            if event.test is not None:
                measured |= {"part": "test", "loss": event.test.loss, "accuracy": event.test.accuracy}
        case _:
            return None
    return {"event": event.kind, "epoch": event.epoch, **measured}


def history_csv(history: History) -> str:
    """The table as CSV text: numbers and words of ours only, nothing that anybody typed."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(history_table(history))
    return out.getvalue()
