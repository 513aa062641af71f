"""Criteria beside each other and beside what was published of them, on real MNIST: test error with its 95 % t-interval.

    python -m tests.bench.criteria             # about an hour on two cores; needs MNIST in ESPALIER_DATA
    python -m tests.bench.criteria --only lenet_300_100_snip_95

LeNet-300-100 with five seeds and 20 epochs, LeNet-5 with three seeds and 10. Criteria for untrained networks prune at the start, the others while training,
half of the epochs before the first of five prunings. Finished seeds are kept in results/criteria.json. Writes results/criteria.md.
"""

from .studying import Study, carry_out

AT_START, WHILE_TRAINING = ("snip", "grasp", "synflow", "random"), ("magnitude", "obd", "l_obs")
PUBLISHED = {
    ("lenet_300_100", "snip", 0.95): "1.6 (SNIP, Table 1)", ("lenet_300_100", "snip", 0.98): "2.4 (SNIP, Table 1)",
    ("lenet_300_100", "magnitude", 0.9): "1.6 at 91.7 % (Han et al., quoted in SNIP, Table 1)",
    ("lenet_300_100", "obd", 0.9): "2.0 at 92 % (LeCun et al., quoted in SNIP, Table 1)",
    ("lenet_300_100", "l_obs", 0.98): "2.0 at 98.5 % (Dong et al., quoted in SNIP, Table 1)",
    ("lenet_5", "snip", 0.98): "0.8 (SNIP, Table 1)",
    ("lenet_5", "magnitude", 0.98): "0.8 at 91.7 % (Han et al., quoted in SNIP, Table 1)",
}  # fmt: skip


def study(model: str, criterion: str, sparsity: float, epochs: int, seeds: int, allocation: str | None = None) -> Study:
    protocol = "prune_at_init" if criterion in AT_START else "iterative"
    fields = {
        "model": model,
        "criterion": criterion,
        "protocol": protocol,
        "sparsity": sparsity,
        "epochs": epochs,
        "allocation": allocation,
    }
    name = "_".join((model, criterion, *([allocation] if allocation else []), f"{100 * sparsity:.0f}"))
    return Study(name, fields, PUBLISHED.get((model, criterion, sparsity), "-"), seeds=seeds)


STUDIES = (
    *(study("lenet_300_100", c, s, 20, 5) for s in (0.9, 0.95, 0.98) for c in (*AT_START, *WHILE_TRAINING)),
    *(study("lenet_300_100", "l_obs", s, 20, 5, "erk") for s in (0.9, 0.95, 0.98)),  # the paper chooses shares by hand
    *(study("lenet_5", c, 0.98, 10, 3) for c in ("snip", "synflow", "magnitude")),
)

if __name__ == "__main__":
    carry_out(STUDIES, "criteria", "MNIST.")
