"""The command `run`. It stores nothing, so no database is imported: torch alone takes long enough."""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import BinaryIO

import click

from .events import Finished, Numbered, Progress
from .settings import settings
from .spec import RunSpec
from .terminal import describes_a_run, duration, spec_from


@click.command()
@describes_a_run
@click.option("--json", "as_json", is_flag=True, help="One JSON object an event and line; the default where the output is no terminal.")
def run(file: BinaryIO | None, settings_given: Sequence[str], as_json: bool) -> int:
    """Carry out a run here and now. Nothing is stored."""
    spec = spec_from(file, settings_given)
    os.environ.setdefault("OMP_NUM_THREADS", str(settings().threads))
    from .engine.errors import RunError
    from .engine.execute import execute

    try:
        if as_json or not sys.stdout.isatty():
            for numbered in execute(spec, threads=settings().threads):
                click.echo(numbered.json())
        else:
            watch(spec, lambda report: execute(spec, threads=settings().threads, report=report))
    except (RunError, MemoryError) as error:
        click.echo(" ".join(str(error).split()) or "There was not enough memory.", err=True)
        return 1
    return 0


def watch(spec: RunSpec, begin: Callable[[Callable[[Progress], None]], Iterable[Numbered]]) -> None:
    """A bar with the time left while the run goes, then what it came to."""
    click.echo(spec.title)
    with click.progressbar(length=1, file=sys.stderr, item_show_func=lambda text: text) as bar:

        def report(progress: Progress) -> None:
            bar.length = progress.total
            bar.update(progress.done - bar.pos, progress.doing)

        events = [event for _, event in begin(report)]
        bar.update((bar.length or 1) - bar.pos, "")
    for end in events:
        if isinstance(end, Finished):
            click.echo("\n".join(words_of(end)))


def words_of(end: Finished) -> list[str]:
    accuracy = [f"Test accuracy    {100 * end.test.accuracy:.2f} % ({end.test.n:,} images)"] if end.test else []
    return [
        *accuracy, f"Weights kept     {end.weights_kept:,} of {end.weights:,}",
        f"Took             {duration(end.seconds)}", f"weights_sha256   {end.weights_sha256}",
    ]  # fmt: skip
