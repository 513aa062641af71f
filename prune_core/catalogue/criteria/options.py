"""Options that criteria have in common."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from ...steps import Granularity
from ...streams import Purpose
from ...wording import refuse
from ..anatomy import Layer
from ..entry import DataSet, Options

LONGEST_PATTERN = 80
Accumulate = Annotated[Literal["mean", "ema"], Field(description="How batches are combined: their mean, or a moving average (0.9).")]


class ScopeOptions(Options):
    """What every criterion ranks."""

    only: ClassVar[Mapping[str, Granularity]] = {"include_bias": "weight", "include": "weight", "exclude": "weight"}

    include_bias: bool = Field(False, description="Rank biases too and count them as prunable, as SNIP's published code does.")
    include: tuple[str, ...] = Field((), max_length=64, description="Only parameters whose name matches one of these patterns (* and ?).")
    exclude: tuple[str, ...] = Field((), max_length=64, description="No parameter whose name matches one of these patterns (* and ?).")

    @property
    def stream(self) -> Purpose:
        """What chance is drawn for: for the scores themselves, or to break ties, by the keys that every pruning of the run breaks them by."""
        return "random"

    @property
    def draws_once(self) -> bool:
        """Whether chance is drawn once a run, the same in every round."""
        return False

    def ranks(self, name: str) -> bool:
        """Whether a parameter of this name is ranked, by the patterns."""
        wanted = not self.include or any(fnmatchcase(name, pattern) for pattern in self.include)
        return wanted and not any(fnmatchcase(name, pattern) for pattern in self.exclude)

    def too_many(self, weights: int) -> str:
        """Why so many weights can't be ranked together, and the way out; empty where they can."""
        return ""

    def gradients(self, layers: Sequence[Layer]) -> int:
        """Numbers in single precision that one image's own gradients take at a time, where the weights of these layers are ranked."""
        return 0

    def matrices(self, layers: Sequence[Layer]) -> int:
        """Numbers in double precision that are held beside the network at the worst moment, where these layers are ranked."""
        return 0

    def solving(self, layers: Sequence[Layer], images: int, classes: int, left: float) -> float:
        """Multiply-adds of a scoring, or of adjusting what is left, beside the gradients of `passes`; with this part of the weights left."""
        return 0.0

    @property
    def adjusts(self) -> bool:
        """Whether the weights that stay get new values at a pruning."""
        return False

    @field_validator("include", "exclude")
    @classmethod
    def are_as_short_as_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Every scoring repeats its options in an event, and events are small."""
        for pattern in value:
            if len(pattern) > LONGEST_PATTERN:
                raise refuse(f"patterns have at most {LONGEST_PATTERN} characters, got one of {len(pattern):,}.")
        return value


class DataOptions(ScopeOptions):
    """What every criterion that looks at images has in common."""

    n_examples: int | Literal["all"] = Field(100, description="Training images that the scores are computed from.")
    scoring_batch: int = Field(
        100, ge=1, le=100_000, description="Images in one pass while scoring; a short last batch weighs by its size."
    )
    classes: tuple[int, ...] = Field((), max_length=1000, description="Only images of these classes; empty: of all.")
    balanced: bool = Field(False, description="Equally many images of each class.")
    source: Literal["train", "validation"] = Field("train", description="The part of the data that the images are drawn from.")
    bn_mode: Literal["eval", "train"] = Field(
        "eval", description="Batch norm by running statistics (eval) or by those of the batch (train)."
    )
    calibrate_bn: int = Field(0, ge=0, le=10_000, description="Batches in training mode that set the batch norm statistics before scoring.")

    @field_validator("classes")
    @classmethod
    def each_once_in_order(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        """The same classes are the same run; named twice, a class would lend its images twice."""
        return tuple(sorted(set(value)))

    @field_validator("n_examples")
    @classmethod
    def is_a_number_of_images(cls, value: int | str) -> int | str:
        """A bound on the field itself would be put to 'all' too."""
        if isinstance(value, int) and value < 1:
            raise refuse(f"must be at least 1, got {value}.")
        return value

    @property
    def per_sample(self) -> bool:
        """Whether the gradient of each image alone is needed, which batch norm by the statistics of the batch does not have."""
        return False

    @property
    def same_images(self) -> bool:
        """Whether all rounds look at the images of the first."""
        return False

    def there(self, data: DataSet) -> int:
        """Images that may be drawn from, of a data set as a run has it; of some classes at most so many, where they are not counted."""
        if not (self.classes and data.balance.exact):
            return int(getattr(data, self.source))
        counts: tuple[int, ...] = getattr(data.balance, self.source)
        return sum(counts[c] for c in self.classes if 0 <= c < len(counts))

    def images(self, data: DataSet) -> int:
        """Images that one scoring looks at."""
        return self.there(data) if self.n_examples == "all" else min(self.n_examples, self.there(data))

    def passes(self, classes: int, layers: Sequence[Layer]) -> int:
        """Gradients of the loss computed for every scoring image, second derivatives counted as two, where these layers are ranked; for estimates of time."""
        return 1


class LabelOptions(DataOptions):
    """What every criterion that knows the classes of the images has in common."""

    labels: Literal["true", "shuffled"] = Field("true", description="'shuffled' is the control: right images, labels dealt out at random.")


class GradientOptions(LabelOptions):
    """What every criterion that takes the size of a mean gradient over images has in common."""

    reduce: Literal["total", "batch", "sample"] = Field(
        "total", description="Where the absolute value is taken: of the mean over all images, of each batch, or of each image."
    )
    accumulate: Accumulate = "mean"

    @property
    def per_sample(self) -> bool:
        return self.reduce == "sample"
