"""`python -m prune_core report`. What it needs to draw is imported when it is called."""

import os
from collections.abc import Sequence
from pathlib import Path

import click

from .store import Store, StoreError


@click.command("report")
@click.argument("runs", nargs=-1, required=True)
@click.option("--to", "target", type=click.Path(dir_okay=False, path_type=Path), default=Path("espalier-report.html"), show_default=True)
def report_command(runs: Sequence[str], target: Path) -> None:
    """Write one HTML file about a run, or about two to twelve beside each other, to read without a network."""
    from .reporting import written

    text = written(Store.open(), runs)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name}.{os.getpid()}")
        beside.write_text(text, encoding="utf-8")
        beside.replace(target)
    except OSError as error:
        raise StoreError(f"to: {target} can't be written ({error.strerror}).") from None
    click.echo(target)
