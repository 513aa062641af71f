"""Real MNIST beside the published values: default options, five seeds, test error with its 95 % t-interval.

    python -m tests.bench.published            # about 20 minutes on two cores; needs MNIST in ESPALIER_DATA
    python -m tests.bench.published --only snip_95

Finished seeds are kept in results/published.json and not run again, unless the spec has changed since. Writes results/published.md.
"""

from .studying import Study, carry_out

STUDIES = (
    Study("dense", {"protocol": "dense", "epochs": 20}, "1.7 (SNIP, Table 1, reference)"),
    Study("snip_95", {"criterion": "snip", "sparsity": 0.95, "epochs": 20}, "1.6 (SNIP, Table 1)", 2.3),
    Study(
        "iterative_90", {"criterion": "magnitude", "protocol": "iterative", "sparsity": 0.9, "epochs": 20},
        "1.6 at 91.7 % (Han et al., quoted in SNIP, Table 1)", 2.2,
    ),
    Study("lenet_5_snip_98", {"model": "lenet_5", "criterion": "snip", "sparsity": 0.98, "epochs": 20, "lr": 0.1}, "0.8 (SNIP, Table 1)", 1.5),
)  # fmt: skip

if __name__ == "__main__":
    carry_out(STUDIES, "published", "MNIST.")
