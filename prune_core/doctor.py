"""What works on this machine, and what to do about what does not: told to a terminal, or to the page System as JSON.

`python -m prune_core.doctor` prints the JSON: asking imports torch, which the web server must not.
"""

import importlib.util
import json
import platform
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import click

from . import catalogue
from .environment import gpus
from .service import processes
from .service.starting import at_work
from .settings import cores, settings
from .store import Store, StoreError
from .store.lease import lease
from .version import __version__

LEAST_FREE = 500e6


class Finding(NamedTuple):
    """One thing that was looked at. `remedy`: what to do about it; empty where it works.

    `place`: paths and messages that are for whoever runs the server, never for visitors of a page.
    """

    what: str
    found: str
    remedy: str = ""
    place: str = ""


def findings() -> list[Finding]:
    """Everything that was looked at. Imports torch, and writes nothing."""
    return [*software(), *machine(), *data(), *place()]


def examine() -> int:
    """Print every finding; 0 if all works, 1 if something does not."""
    found = findings()
    for finding in found:
        told = ", ".join(filter(None, (finding.found, finding.place)))
        click.echo(f"{'!!' if finding.remedy else 'ok'}  {finding.what:<14} {told}")
        if finding.remedy:
            click.echo(f"    {'':<14} {finding.remedy}")
    return 1 if any(finding.remedy for finding in found) else 0


def for_visitors() -> str:
    """Every finding as JSON, without what names places of this machine."""
    return json.dumps([finding._replace(place="")._asdict() for finding in findings()])


def software() -> Iterator[Finding]:
    yield Finding("espalier", __version__)
    yield Finding("python", platform.python_version(), "" if sys.version_info >= (3, 11) else "Install Python 3.11 or newer.")
    for package in ("torch", "streamlit"):
        try:
            yield Finding(package, version(package))
        except PackageNotFoundError:
            yield Finding(package, "is not installed", "Install what requirements.txt lists.")


def machine() -> Iterator[Finding]:
    yield Finding("device", device())
    n = processes.slots()
    yield Finding("slots", f"{n} {'run' if n == 1 else 'runs'} at the same time, {threads_in_words()} each, on {cores()} cores")


def device() -> str:
    if importlib.util.find_spec("torch") is None:
        return "unknown without torch"
    import torch

    if torch.cuda.is_available():
        return ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))
    return "CPU; no GPU that this torch can use" if gpus() else "CPU"


def threads_in_words() -> str:
    return "1 thread" if processes.threads() == 1 else f"{processes.threads()} threads"


def data() -> Iterator[Finding]:
    folder = settings().data_folder
    for entry in catalogue.datasets.values():
        if not entry.files:
            yield Finding(entry.name, "comes with the software")
        elif missing := [file.path for file in entry.missing(folder)]:
            names = ", ".join(Path(path).name for path in missing)
            there = f"put {names} into {folder / Path(missing[0]).parent}"
            if entry.downloads:
                fetched = f"not here; the first run downloads {entry.download_bytes / 1e6:.0f} MB"
                yield Finding(entry.name, fetched, place=f"without network {there}")
            else:
                yield Finding(entry.name, "not here; it is not downloaded", place=f"to use it {there}")
        else:
            yield Finding(entry.name, "here", place=f"in {folder}")


def place() -> Iterator[Finding]:
    home = settings().home
    try:
        store = Store.open()
        with store.database.writing():
            pass
        yield Finding("database", "can be written", place="" if settings().database_url else f"in {home}")
        held = lease(store)
        if held and at_work(store.home, held):
            yield Finding("supervisor", "at work", place=f"process {held.pid} on {held.host}")
        else:
            yield Finding("supervisor", "none; queueing a run starts one")
    except StoreError as error:
        yield Finding("database", "can't be used", "Set ESPALIER_HOME to a folder that can be written.", str(error))
        return
    free = shutil.disk_usage(home).free
    remedy = "" if free > LEAST_FREE else "Make room, or set ESPALIER_HOME to another disk."
    yield Finding("disk", f"{free / 1e9:.1f} GB free", remedy, f"in {home}")


if __name__ == "__main__":
    print(for_visitors())
