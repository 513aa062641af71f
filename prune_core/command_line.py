"""The commands that work on the store, and `doctor`, which alone of them imports torch, when it is called."""

import json
import logging
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import click

from . import catalogue
from .places import log_to_stderr
from .planning import plan
from .settings import settings
from .steps import percent
from .store import Run, Store, StoreError
from .store.bundles import KINDS
from .terminal import describes_a_run, duration, plain, spec_from, table

RUN = click.argument("run")
NEWEST = 500


@click.command()
@describes_a_run
@click.option("--name", help="A name for it, up to 80 characters.")
@click.option("--notes", default="", help="Notes, up to 2,000 characters.")
@click.option("--wait", is_flag=True, help="Stay until it is over; exit status 1 if it didn't finish.")
def submit(file: BinaryIO | None, settings_given: Sequence[str], name: str | None, notes: str, wait: bool) -> int:
    """Queue a run and print its id. It goes on when this command, or the page, is closed."""
    from . import service

    store = Store.open()
    queued = service.submit(store, spec_from(file, settings_given), name, notes)
    click.echo(queued.id)
    while wait and queued.state in ("queued", "running"):
        time.sleep(0.2)
        service.ensure_supervisor(store)
        queued = store.run(queued.id)
    if wait and queued.state != "finished":
        click.echo(queued.message or f"The run was {queued.state}.", err=True)
        return 1
    return 0


LISTS = {"criteria": catalogue.criteria, "models": catalogue.models, "datasets": catalogue.datasets, "protocols": catalogue.protocols}


@click.command("list")
@click.argument("what", type=click.Choice([*LISTS, "runs", "sweeps"]))
@click.option("--all", "all_", is_flag=True, help=f"Every run, not only the newest {NEWEST}.")
def list_(what: str, all_: bool) -> None:
    """What there is to choose from, or the runs and sweeps of the store."""
    if what == "runs":
        runs = Store.open().runs(limit=None if all_ else NEWEST + 1)
        shown = runs if all_ else runs[:NEWEST]
        table(("id", "state", "run", "test accuracy"), [(r.id, r.state, r.title, accuracy_of(r)) for r in shown])
        if len(shown) < len(runs):
            click.echo(f"These are the newest {NEWEST}; --all lists the others too.", err=True)
    elif what == "sweeps":
        rows = [(s.id, f"{s.over:,} of {s.runs:,} over{', cancelled' * s.cancelled}", s.name) for s in Store.open().sweeps()]
        table(("id", "state", "sweep"), rows)
    else:
        table(("name", "title", "what it is"), [(entry.name, entry.title, entry.summary) for entry in LISTS[what].values()])


@click.command()
@RUN
@click.option("--json", "as_json", is_flag=True, help="Everything that is known of it as one JSON object.")
def show(run: str, as_json: bool) -> None:
    """One run of the store: what it is, how it stands, what it came to."""
    store = Store.open()
    found = store.run(run)
    if as_json:
        known = {**found._asdict(), "spec": found.spec.model_dump(mode="json"), "progress": found.progress and found.progress._asdict()}
        known |= {"summary": found.summary and found.summary._asdict(), "files": [file._asdict() for file in store.files(run)]}
        known |= {"attempts": [attempt._asdict() for attempt in store.attempts(run)]}
        known |= {"events": [json.loads(numbered.json()) for numbered in store.events(run)]}
        click.echo(json.dumps(known, default=str, indent=1))
        return
    history = store.history(run)
    facts = [("run", found.title), ("id", found.id), ("state", state_of(found)), ("created", f"{found.created:%Y-%m-%d %H:%M} UTC")]
    facts += [("notes", found.notes)] if found.notes else []
    facts += [("plan", step.words) if i == 0 else ("", step.words) for i, step in enumerate(plan(found.spec))]
    facts += [("warning", message) for message in history.warnings]
    if history.weights_kept is not None:
        facts += [("weights kept", f"{history.weights_kept:,} of {history.weights:,}")]
    if found.summary:
        facts += [("test accuracy", accuracy_of(found)), ("took", duration(found.summary.seconds))]
    facts += [("file", f"{file.name} ({file.bytes:,} bytes)") for file in store.files(run)]
    facts += [("folder", str(store.folder(run)))]
    for word, text in facts:
        click.echo(f"{word:<14} {plain(text)}")


@click.command("export")
@click.argument("runs", nargs=-1, required=True)
@click.option(
    "--to", "target", type=click.Path(dir_okay=False, path_type=Path), help="The zip. Default: espalier-runs.zip, or espalier-model.zip."
)
@click.option(
    "--without", multiple=True, type=click.Choice(("masks", "scores", "weights")), help="Leave files of this kind out (repeat for more)."
)
@click.option(
    "--as", "what", type=click.Choice(("runs", "model")), default="runs", show_default=True,
    help="runs: with events and files, for another store. model: the network of one run, for other programs: safetensors, ONNX and a card.",
)  # fmt: skip
def export(runs: Sequence[str], target: Path | None, without: Sequence[str], what: str) -> None:
    """Write finished runs into one zip, or the network of one of them."""
    target = target or Path(f"espalier-{what}.zip")
    if what == "runs":
        Store.open().export_runs(runs, target, [kind for kind in KINDS if kind not in without])
    elif len(runs) > 1 or without:
        raise click.UsageError("--as model writes the network of one run, whole.")
    else:
        from .service.exporting import export as export_model

        export_model(runs[0], target)
    click.echo(target)


@click.command("import")
@click.argument("bundle", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_(bundle: Path) -> None:
    """Take in the runs of a zip made by `export`. Runs that are already here are left alone."""
    for run in Store.open().import_runs(bundle):
        click.echo(run.id)


@click.command()
@click.option("--idle", default=600.0, show_default=True, type=click.FloatRange(min=0.1), help="End after so many seconds without a run.")
@click.option("--checkpoint", default=30.0, show_default=True, type=click.FloatRange(min=0), help="Seconds between checkpoints of a run.")
def supervise(idle: float, checkpoint: float) -> None:
    """Carry out queued runs until there are none. The pages and `submit` start this by themselves."""
    from .service import processes
    from .service.executor import LocalExecutor
    from .service.supervisor import Plan, Supervisor

    log_to_stderr()
    supervisor = Supervisor(Store.open(), LocalExecutor, Plan(processes.slots(), processes.threads(), checkpoint, idle))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: supervisor.stop.set())
    supervisor.run()
    logging.shutdown()
    # multiprocessing would wait for the runs at the interpreter's end; they go on by themselves.
    os._exit(0)


@click.command()
def repair() -> None:
    """Set a damaged database aside and make a new one of every run that can still be read."""
    from .service import processes
    from .store.repair import repair

    if settings().database_url:
        raise StoreError("database_url: only the SQLite database of a home folder can be repaired here; ask its administrator.")
    done = repair(settings().home.expanduser().absolute(), processes.at_work)
    click.echo(f"{len(done.whole)} runs are whole, {len(done.hurt)} have lost a part, {len(done.gone)} are gone.")
    for word, ids in (("lost a part", done.hurt), ("gone", done.gone)):
        for run_id in ids:
            click.echo(f"{run_id}  {word}")
    if done.aside:
        click.echo(f"The damaged database is {done.aside.name} now, in the same folder.")


@click.command()
def doctor() -> int:
    """What works here, and what to do about what does not."""
    from .doctor import examine

    return examine()


def state_of(run: Run) -> str:
    if run.state == "running" and run.progress:
        p = run.progress
        return f"running: {p.doing}, {percent(p.done / max(p.total, 1))}"
    return f"{run.state}: {run.message}" if run.message else run.state


def accuracy_of(run: Run) -> str:
    accuracy = run.summary and run.summary.test_accuracy
    return "" if accuracy is None else f"{100 * accuracy:.2f} %"
