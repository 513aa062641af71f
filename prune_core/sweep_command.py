"""The command `sweep`: many runs at once."""

import sys
import time
from collections.abc import Sequence
from typing import Any, BinaryIO

import click

from .store import Store, Sweep
from .sweeps import FOLLOWS, Planned, expand, plan_sweep, words_of
from .terminal import describes_a_run, duration, field_and_value, fields_from, values_of
from .wording import Problem, SpecError

LOOK_SECONDS = 0.5


@click.command()
@describes_a_run
@click.option(
    "--over", multiple=True, metavar="FIELD=VALUE,VALUE", help="A field and the values to try, repeatable: every combination runs."
)
@click.option("--seeds", type=int, default=1, show_default=True, help="So many seeds of each, counted from the spec's own.")
@click.option("--reference", is_flag=True, help="The dense network of every run too: the same as --follow dense.")
@click.option("--random-mask", is_flag=True, help="Every run under a random mask with the same layer densities too: --follow shuffled.")
@click.option("--follow", multiple=True, metavar="TWIN", help=f"What else to run beside each, repeatable: {', '.join(FOLLOWS)}.")
@click.option("--again", is_flag=True, help="Run also what has run here already.")
@click.option("--name", help="A name for the sweep, up to 80 characters.")
@click.option("--dry-run", is_flag=True, help="Say what would run, and start nothing.")
@click.option("--yes", is_flag=True, help="Start without asking; nobody is asked where standard input is no terminal.")
@click.option("--wait", is_flag=True, help="Stay until all of it is over; exit status 1 if any run didn't finish.")
def sweep(
    file: BinaryIO | None, settings_given: Sequence[str], over: Sequence[str], seeds: int, reference: bool, random_mask: bool,
    follow: Sequence[str], again: bool, name: str | None, dry_run: bool, yes: bool, wait: bool,
) -> int:  # fmt: skip
    """Queue a run at every combination of some values, and print the sweep's id. What has run here already is taken as it is."""
    from . import service

    base = fields_from(file, settings_given)
    twins = [*follow, *(["dense"] if reference else []), *(["shuffled"] if random_mask else [])]
    specs = expand(base, varied(over), seeds)
    store = Store.open()
    planned = plan_sweep(store, specs, twins, slots=service.slots(), again=again)
    click.echo(f"{name or words_of(specs)}\n{words(planned, service.slots())}", err=True)
    if dry_run:
        return 0
    if not yes and sys.stdin.isatty() and not click.confirm("Start?", default=True, err=True):
        return 1
    started = service.submit_sweep(store, specs, name, twins, again=again)
    click.echo(started.id)
    return watch(store, started) if wait else 0


def varied(over: Sequence[str]) -> dict[str, list[Any]]:
    """field=value,value texts as what `expand` takes. Raises SpecError, a line a problem."""
    found: dict[str, list[Any]] = {}
    for setting in over:
        field, value = field_and_value("--over", setting)
        if field in found:
            raise SpecError([Problem(field, "is varied twice. Give all of its values at once, with commas between them.")])
        found[field] = values_of(field, value)
    return found


def words(planned: Planned, slots: int) -> str:
    """How many runs, how many of them are here, how long it takes."""
    later = f", {len(planned.follow):,} of them after others" if planned.follow else ""
    here = f" {len(planned.already):,} are here already." if planned.already else ""
    if not planned.to_run:
        return f"{planned.runs:,} {'run' if planned.runs == 1 else 'runs'}, here already: nothing to start."
    guess = "" if planned.measured else ", by a first guess"
    at_once = f"{slots} {'run' if slots == 1 else 'runs'} at a time"
    count = f"{planned.runs:,} {'run' if planned.runs == 1 else 'runs'}:"
    return f"{count} {planned.to_run:,} to start{later}.{here} About {duration(planned.seconds)}, {at_once}{guess}."


def watch(store: Store, started: Sweep) -> int:
    """Stay until the sweep is over."""
    from . import service

    said = ""
    while True:
        now = store.sweep(started.id)
        line = f"{now.over:,} of {now.runs:,} over"
        if line != said and sys.stderr.isatty():
            click.echo(f"\r{line}", err=True, nl=False)
            said = line
        if not now.under_way:
            break
        service.ensure_supervisor(store)
        time.sleep(LOOK_SECONDS)
    counts = ", ".join(f"{n:,} {state}" for state, n in now.counts.items())
    click.echo(f"{chr(13) if said else ''}{counts}.", err=True)
    for why, n in now.dropped.items():
        click.echo(f"{n:,} did not follow: {why}", err=True)
    return 0 if set(now.counts) == {"finished"} and not now.dropped else 1
