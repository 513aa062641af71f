"""What finished runs came to, grouped by everything but the seed: the values that pages hand to charts, which never see the store."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any, Literal, NamedTuple

from .spec import RunSpec
from .statistics import Interval, interval

Measure = Literal[
    "test_accuracy", "test_error", "validation_accuracy", "weights_kept", "effective", "seconds", "parameters", "macs", "latency", "latency_128"
]  # fmt: skip
OVER = ("finished", "failed", "cancelled")
UNDER_WAY = ("queued", "running")


class Environment(NamedTuple):
    """What a run was computed with; empty where the run does not say."""

    code: str = ""
    torch: str = ""
    device: str = ""

    def __str__(self) -> str:
        return ", ".join(self.parts.values()) or "not recorded"

    @property
    def parts(self) -> dict[str, str]:
        """Field -> in words, of those that are known."""
        said = {"code": f"code {self.code}", "torch": f"torch {self.torch}", "device": f"device {self.device}"}
        return {field: words for field, words in said.items() if getattr(self, field)}


class Result(NamedTuple):
    """One run and what it came to. Accuracies are fractions; None where nothing was measured.

    `effective`: weights on some path from input to output. parameters, macs: of what is left, multiply-adds of one image, zeros not counted. latency,
    latency_128: seconds that one and 128 images were measured to take. `environment`: its words by str(). `created` orders equal runs, newest last.
    """

    id: str
    title: str
    spec: RunSpec
    group: str
    seed: int
    state: str
    test_accuracy: float | None
    validation_accuracy: float | None
    weights_kept: int | None
    weights: int | None
    effective: int | None
    seconds: float | None
    at_chance: bool
    example: bool
    environment: Environment
    fingerprint: str = ""
    created: datetime | None = None
    parameters: int | None = None
    macs: int | None = None
    latency: float | None = None
    latency_128: float | None = None

    @property
    def test_error(self) -> float | None:
        return None if self.test_accuracy is None else 1 - self.test_accuracy

    @property
    def counts(self) -> bool:
        """Whether it may enter a mean."""
        return self.state == "finished" and not self.at_chance


def results(runs: Iterable[Any]) -> list[Result]:
    """Results of stored runs, in their order. runs: anything with the fields of the store's Run, or of its Outcome (then `spec` is its group's)."""
    return [result(run) for run in runs]


def result(run: Any) -> Result:
    s, e = run.summary, getattr(run, "environment", None)
    return Result(
        id=run.id, title=run.title, spec=run.spec, group=run.group, seed=getattr(run, "seed", run.spec.seed), state=run.state,
        test_accuracy=s and s.test_accuracy, validation_accuracy=s and s.validation_accuracy,
        weights_kept=s and s.weights_kept, weights=s.weights if s else run.spec.model_entry.weights,
        effective=getattr(s, "effective", None), seconds=s and s.seconds, at_chance=bool(s and s.at_chance), example=run.example,
        environment=Environment(*(str(getattr(e, field, None) or "") for field in Environment._fields)),
        fingerprint=run.fingerprint, created=run.created, **{name: getattr(s, name, None) for name in ("parameters", "macs", "latency", "latency_128")},
    )  # fmt: skip


class Group:
    """Runs that differ by their seed alone. One run a seed stands for it; nothing is dropped without a word (`words`, `mixed`)."""

    def __init__(self, results: Iterable[Result]) -> None:
        self.all: tuple[Result, ...] = tuple(results)
        if not self.all:
            raise ValueError("results: there must be at least one, got none.")

    @property
    def key(self) -> str:
        return self.all[0].group

    @property
    def spec(self) -> RunSpec:
        """The spec of one of them: equal to the others' but for the seed."""
        return self.all[0].spec

    @property
    def title(self) -> str:
        """What they are, in words, without a seed."""
        return self.spec.title.rpartition(" · ")[0]

    @cached_property
    def results(self) -> dict[int, Result]:
        """The run that stands for each seed, by seed.

        Of several finished ones the one whose environment most seeds share, so that as little as possible is mixed, and of those the newest;
        else one under way, else the newest that failed or was cancelled.
        """
        shared = Counter(env for env, _ in {(r.environment, r.seed) for r in self.all if r.state == "finished"})

        def merit(place: int, r: Result) -> tuple[Any, ...]:
            age = r.created.timestamp() if r.created else 0.0
            return (r.state == "finished", r.state in UNDER_WAY, shared[r.environment], age, -place)

        best: dict[int, tuple[tuple[Any, ...], Result]] = {}
        for place, r in enumerate(self.all):
            mine = merit(place, r)
            if r.seed not in best or mine > best[r.seed][0]:
                best[r.seed] = (mine, r)
        return {seed: best[seed][1] for seed in sorted(best)}

    @cached_property
    def counted(self) -> tuple[Result, ...]:
        """What means are taken of: finished and not at chance, one a seed, by seed."""
        return tuple(r for r in self.results.values() if r.counts)

    @property
    def repeated(self) -> int:
        """Finished runs that stand aside because another one stands for their seed."""
        return sum(r.state == "finished" for r in self.all) - sum(r.state == "finished" for r in self.results.values())

    @property
    def words(self) -> str:
        """How many of how many the mean is of: "5 seeds", "4 of 5 seeds; 1 stayed at chance"."""
        over = [r for r in self.results.values() if r.state in OVER]
        n, of = len(self.counted), len(over)
        said = [f"{of:,} {'seed' if of == 1 else 'seeds'}" if n == of else f"{n:,} of {of:,} {'seed' if of == 1 else 'seeds'}"]
        at_chance, failed = sum(r.state == "finished" and r.at_chance for r in over), sum(r.state == "failed" for r in over)
        cancelled = sum(r.state == "cancelled" for r in over)
        said += [f"{at_chance:,} stayed at chance"] if at_chance else []
        said += [f"{failed:,} failed"] if failed else []
        said += [f"{cancelled:,} {'was' if cancelled == 1 else 'were'} cancelled"] if cancelled else []
        waiting = len(self.results) - of
        said += [f"{waiting:,} under way"] if waiting else []
        return "; ".join([*said[:1], ", ".join(said[1:])]) if said[1:] else said[0]

    @property
    def mixed(self) -> str | None:
        """What the counted runs don't share, in words ("2 of 5 with torch 2.12"); None where they were computed alike."""
        known = [r.environment for r in self.counted if r.environment != Environment()]
        said = []
        for field in Environment._fields:
            found = Counter(getattr(environment, field) for environment in known)
            for value, n in found.most_common()[1:]:
                said.append(f"{n:,} of {len(self.counted):,} with {field} {value or 'unknown'}")
        if known and len(known) < len(self.counted):
            said.append(f"{len(self.counted) - len(known):,} of {len(self.counted):,} on a machine that was not recorded")
        return ", ".join(said) or None

    def values(self, measure: Measure) -> dict[int, float]:
        """Seed -> the measure, of the counted runs that have it: what `paired` compares."""
        found: Mapping[int, float | None] = {r.seed: getattr(r, measure) for r in self.counted}
        return {seed: float(value) for seed, value in found.items() if value is not None}

    def interval(self, measure: Measure) -> Interval | None:
        """Mean and interval over seeds; None where no counted run has the measure."""
        values = self.values(measure)
        return interval(list(values.values())) if values else None


def grouped(results: Iterable[Result]) -> list[Group]:
    """The results by everything but the seed, in the order in which the groups first come."""
    found: dict[str, list[Result]] = {}
    for r in results:
        found.setdefault(r.group, []).append(r)
    return [Group(each) for each in found.values()]
