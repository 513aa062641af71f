"""scikit-learn's digits (Alpaydin & Kaynak 1998), 8 x 8 enlarged to 28 x 28. Ships with the library: nothing to download."""

from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from ..streams import seed_of
from .types import Arrays, Report

TEST = 360


def load(folder: Path, report: Report) -> Arrays:
    """All 1,797 digits; a fixed fifth (360) is the test part, since the source has none of its own."""
    source = load_digits()
    small = np.rint(source.images * (255 / 16)).astype(np.uint8)
    images = np.stack([np.asarray(Image.fromarray(i).resize((28, 28), Image.Resampling.BILINEAR)) for i in small])[:, None]
    labels = source.target.astype(np.int64)
    order = np.random.default_rng(seed_of(0, "split", 1)).permutation(len(labels))
    test, train = order[:TEST], order[TEST:]
    return Arrays(images[train], labels[train], images[test], labels[test])
