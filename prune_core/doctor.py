"""What works on this machine, and what to do about what does not."""

import importlib.util
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
    """One thing that was looked at. `remedy`: what to do about it; empty where it works."""

    what: str
    found: str
    remedy: str = ""


def examine() -> int:
    """Print every finding; 0 if all works, 1 if something does not."""
    findings = [*software(), *machine(), *data(), *place()]
    for finding in findings:
        click.echo(f"{'!!' if finding.remedy else 'ok'}  {finding.what:<14} {finding.found}")
        if finding.remedy:
            click.echo(f"    {'':<14} {finding.remedy}")
    return 1 if any(finding.remedy for finding in findings) else 0


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
    yield Finding("slots", f"{processes.slots()} runs at the same time, {threads_in_words()} each, on {cores()} cores")


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
        elif missing := [file.path for file in entry.files if not is_here(folder, file.path)]:
            names = ", ".join(Path(path).name for path in missing)
            where = folder / Path(missing[0]).parent
            yield Finding(
                entry.name,
                f"not here; the first run downloads {entry.download_bytes / 1e6:.0f} MB. Without network put {names} into {where}.",
            )
        else:
            yield Finding(entry.name, f"here, in {folder}")


def is_here(folder: Path, path: str) -> bool:
    """Packed as it was downloaded, or unpacked beside."""
    return (folder / path).is_file() or (folder / path.removesuffix(".gz")).is_file()


def place() -> Iterator[Finding]:
    home = settings().home
    try:
        store = Store.open()
        with store.database.writing():
            pass
        yield Finding("database", "can be written" + ("" if settings().database_url else f", in {home}"))
        held = lease(store)
        yield Finding(
            "supervisor", f"process {held.pid} on {held.host}" if held and at_work(store.home, held) else "none; queueing a run starts one"
        )
    except StoreError as error:
        yield Finding("database", str(error), "Set ESPALIER_HOME to a folder that can be written.")
        return
    free = shutil.disk_usage(home).free
    yield Finding(
        "disk", f"{free / 1e9:.1f} GB free in {home}", "" if free > LEAST_FREE else "Make room, or set ESPALIER_HOME to another disk."
    )
