"""What networks share: options, and the images that they take."""

import hashlib
from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from ...wording import refuse
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


class ProfileOptions(Options):
    later: ClassVar[frozenset[str]] = frozenset({"profile", "family"})
    profile: tuple[int, ...] = Field(
        (),
        max_length=512,
        title="Channels of each layer",
        description="Channels that the network is built with, a number for each layer or group of layers that can lose any, in their order: what a "
        "pruning left, or a profile of your own. Empty: all of them.",
    )

    family: str = Field(
        "",
        max_length=40,
        title="Name of the profile",
        description="What a profile is called: networks of one name stand together as one series, whatever their sizes.",
    )

    @field_validator("profile")
    @classmethod
    def are_channels(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if any(n < 1 for n in value):
            raise refuse(f"must be at least 1 channel for each layer, got {min(value):,}.")
        return value

    @field_validator("family")
    @classmethod
    def names_a_profile(cls, value: str, info: ValidationInfo) -> str:
        if not value.isprintable():
            raise refuse("must be letters and signs that can be printed.")
        if value.strip() and not info.data.get("profile"):
            raise refuse("names a profile, and there is none: say the channels of each layer too, or leave it empty.")
        return " ".join(value.split())

    @property
    def size(self) -> str:
        """A network's name has 64 characters in the store: a profile stands there as its sum, and what tells it from others of that sum."""
        if not self.profile:
            return ""
        told = f"{getattr(self, 'width', 1.0)}:{','.join(map(str, self.profile))}"
        return f"with {sum(self.profile):,} channels ({hashlib.sha256(told.encode()).hexdigest()[:6]})"


class WidthOptions(ProfileOptions):
    width: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Fraction of every layer's channels and hidden units that the network is built with, for small machines: 1 is the published network, "
        "0.25 has about a sixteenth of its weights. Layers keep at least one channel.",
    )

    @property
    def size(self) -> str:
        return super().size or ("" if self.width == 1 else f"at {part(self.width)} of its channels")

    def of(self, channels: int) -> int:
        """So many channels at this width: rounded, at least one."""
        return max(1, int(self.width * channels + 0.5))


def part(width: float) -> str:
    """A fraction in words: 0.25 -> "a quarter", 0.3 -> "30 %"."""
    return PARTS.get(width) or f"{100 * width:.6g} %"
