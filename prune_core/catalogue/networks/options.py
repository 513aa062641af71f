"""What networks share: options, and the images that they take."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from ..entry import Options

GREY, COLOUR = (1, 28, 28), (3, 32, 32)
Initialisation = Literal["glorot", "he", "lecun", "random_normal", "truncated_normal", "torch_default"]
INITIALISATIONS: Mapping[str, str] = {
    "glorot": "Glorot", "he": "He", "lecun": "LeCun", "random_normal": "Normal", "truncated_normal": "Truncated normal", "torch_default": "PyTorch's",
}  # fmt: skip
INITIALISATION_HELP = (
    "How the first weights are drawn: Glorot, He and LeCun scale by the layer's width, the normals do not (standard deviation 0.1)."
)
PARTS = {0.5: "half", 0.25: "a quarter", 0.125: "an eighth", 0.0625: "a sixteenth", 0.03125: "a thirty-second"}


class WidthOptions(Options):
    width: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Fraction of every layer's channels and hidden units that the network is built with, for small machines: 1 is the published network, "
        "0.25 has about a sixteenth of its weights. Layers keep at least one channel.",
    )

    @property
    def size(self) -> str:
        return "" if self.width == 1 else f"at {part(self.width)} of its channels"

    def of(self, channels: int) -> int:
        """So many channels at this width: rounded, at least one."""
        return max(1, int(self.width * channels + 0.5))


def part(width: float) -> str:
    """A fraction in words: 0.25 -> "a quarter", 0.3 -> "30 %"."""
    return PARTS.get(width) or f"{100 * width:.6g} %"
