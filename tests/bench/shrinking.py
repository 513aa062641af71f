"""Zeros are not speed: VGG-16 at half its channels, beside itself with zeros in their places and beside the full network, as measured on the CPU.

    ESPALIER_HOME=/some/folder python -m tests.bench.shrinking        # two minutes on a machine that does nothing else; needs CIFAR-10 small in ESPALIER_DATA

The run stays in the store of ESPALIER_HOME, and the page Speed shows it. Its network is trained for an epoch on 512 images: what is measured here is time.
Writes shrinking.json and .md.
"""

import json
from pathlib import Path

from prune_core import RunSpec, __version__
from prune_core.charts.speedup import MASKED, SMALLER, WHOLE, speedup
from prune_core.store import Store

from .stored import finished

RESULTS = Path(__file__).parent / "results"
WANTED = (2.5, 3.5)  # times as fast, for one image and for 128
SPEC = RunSpec(
    model="vgg_16", dataset="cifar_10_small", dataset_options={"images": 512}, criterion="l2_norm", allocation="per_layer", sparsity=0.5, epochs=1,
)  # fmt: skip


def main() -> None:
    store = Store.open()
    history = store.history(finished(store, [SPEC])[0].id)
    numbers, shrunk = speedup(history), history.shrunk
    assert shrunk is not None
    rows = {row.title: row._asdict() for row in numbers.rows}
    (RESULTS / "shrinking.json").write_text(json.dumps(rows, indent=1) + "\n")
    ms = {row.title: (1000 * row.one.median, 1000 * row.many.median) for row in numbers.rows}
    lines = [
        f"VGG-16 at half its channels, {numbers.threads} CPU threads, medians of warm passes in turns. Espalier {__version__}. Outputs of the smaller and the "
        f"masked network differ by {shrunk.difference:.1e} of the largest in double precision, {shrunk.single:.1e} in single.",
        "", "| network | 1 image, ms | 128 images, ms | times as fast | file, bytes | held in a pass, bytes |", "| --- | --- | --- | --- | --- | --- |",
    ]  # fmt: skip
    for row in numbers.rows:
        one, many = numbers.gains(row.title) or (1.0, 1.0)
        lines.append(
            f"| {row.title} | {ms[row.title][0]:.2f} | {ms[row.title][1]:.0f} | {one:.2f}, {many:.2f} | {row.bytes:,} | {row.memory or 0:,} |"
        )
    small, zeros = numbers.gains(SMALLER), numbers.gains(MASKED)
    assert small is not None
    assert zeros is not None
    met = "met" if small[0] >= WANTED[0] and small[1] >= WANTED[1] else "NOT met"
    lines += ["", f"Wanted: at least {WANTED[0]} and {WANTED[1]} times as fast as the {WHOLE.lower()}: {met}. {numbers.sentence}"]
    told = "\n".join(lines)
    (RESULTS / "shrinking.md").write_text(told + "\n")
    print(told)


if __name__ == "__main__":
    main()
