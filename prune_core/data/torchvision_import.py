"""torchvision beside a torch build whose compiled operators don't load.

Where the two wheels come from different builds, torchvision's shared library is refused and its import ends in "operator torchvision::nms does
not exist", though the data sets need no operator. Declaring the missing schemas lets the import go through. Where the pair fits, nothing happens.
"""

import sys
from typing import Any

import torch

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
declared = torch.library.Library("torchvision", "FRAGMENT")


def torchvision_datasets() -> Any:
    """The module torchvision.datasets."""
    try:
        import torchvision.datasets
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        for name in [m for m in sys.modules if m.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        for schema in SCHEMAS:
            declared.define(schema)
        import torchvision.datasets
    return torchvision.datasets
