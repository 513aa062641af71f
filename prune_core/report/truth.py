"""The truth table: what was asked, what is masked, what was physically removed, what was measured. Four things that are easily confused."""

from .. import markup
from ..charts import words
from ..steps import percent
from .subject import Subject

ZEROS = "Zeros do not make dense kernels faster: same size in memory, same speed."


def truth_table(run: Subject) -> str:
    """Rows of what, how much, what it means."""
    rows = [("Asked", *asked(run)), ("Masked", *masked(run)), ("Physically removed", *removed(run)), ("Measured", *measured(run))]
    return markup.table(["", "How much", "What it means"], [list(row) for row in rows], "Asked, masked, removed, measured")


def asked(run: Subject) -> tuple[str, str]:
    spec = run.result.spec
    if "sparsity" not in spec.protocol_entry.uses:
        return "nothing", "This run was not asked to remove anything."
    what = "channels" if spec.resolved_granularity == "channel" else "weights"
    return f"{percent(spec.sparsity)} of {what} removed", "The share that the run was told to remove."


def masked(run: Subject) -> tuple[str, str]:
    left, of = run.history.weights_kept, run.history.weights
    if left is None or of is None or not run.history.prunings:
        return "nothing", "Every weight may be anything."
    pathless = run.result.effective
    path = f" {pathless:,} of the kept weights lie on a path from input to output." if pathless is not None else ""
    if run.history.shrunk is not None:
        return (
            f"{of - left:,} of {of:,} weights belonged to removed channels",
            f"{left:,} weights are left, {words.share(left / of)}.{path}",
        )
    return f"{of - left:,} of {of:,} weights are zeros", f"{left:,} weights are kept, {words.share(left / of)}.{path} {ZEROS}"


def removed(run: Subject) -> tuple[str, str]:
    shrunk = run.history.shrunk
    if shrunk is not None:
        (params, left), (macs, macs_left) = shrunk.parameters, shrunk.macs
        gone = f"{params - left:,} of {params:,} parameters, {macs - macs_left:,} of {macs:,} multiply-adds"
        proof = f"outputs differ from the masked network's by {shrunk.difference:.1e} of the largest in double precision, on {shrunk.images:,} images"
        return gone, f"Removed channels were cut out of the network; {proof}."
    return "nothing", "Every layer has its full shape still: no channel was cut out of the network."


def measured(run: Subject) -> tuple[str, str]:
    told = []
    for event in run.history.measurements:
        if event.what == "latency":
            for value in event.values.values():
                if isinstance(value, dict) and "median" in value:
                    n = int(value.get("n", 0))
                    spread = f"{1000 * value['low']:.3g} to {1000 * value['high']:.3g}"
                    told.append(f"{n} {'image' if n == 1 else 'images'}: {1000 * value['median']:.3g} ms ({spread})")
    size = f"file of the final weights: {run.weights_bytes / 1e6:.2f} MB" if run.weights_bytes else ""
    where = run.history.started.device if run.history.started else ""
    meaning = f"Forward pass on {where}, median and middle half." if told else "No speed was measured in this run."
    return "; ".join(filter(None, (*told, size))) or "nothing", meaning
