"""Processes of this machine, told apart from later ones with the same number; and what the machine offers to runs."""

import os
import platform
from functools import cache
from pathlib import Path

import psutil

from ..environment import gpus
from ..settings import cores, settings


def host() -> str:
    """The name of this machine."""
    return platform.node() or "localhost"


def born(pid: int) -> str | None:
    """What tells a living process from a later one of the same number; None if it is gone or only waits to be buried.

    On Linux in clock ticks since the boot: psutil derives the time of day from them, which moves when somebody sets the clock.
    """
    stat = Path(f"/proc/{pid}/stat")
    if not boot():
        try:
            process = psutil.Process(pid)
            return None if process.status() == psutil.STATUS_ZOMBIE else repr(process.create_time())
        except psutil.Error:
            return None
    try:
        state, *fields = stat.read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if state in "ZX" else f"{boot()}/{fields[18]}"


def alive(pid: int | None, since: str | None) -> bool:
    """Whether the process that was born then still lives."""
    return pid is not None and since is not None and born(pid) == since


def at_work(host_name: str | None, pid: int | None, since: str | None) -> bool:
    """Whether a process that a store knows of lives on this machine."""
    return host_name == host() and alive(pid, since)


def me() -> tuple[str, int, str]:
    """Host, number and birth of this process."""
    return host(), os.getpid(), born(os.getpid()) or "unknown"


@cache
def boot() -> str:
    """Names the present boot of a Linux system; empty elsewhere."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def slots() -> int:
    """Runs at the same time: as configured, else one a GPU, else min(4, cores)."""
    return settings().slots or len(gpus()) or settings().slot_count


def threads() -> int:
    """Threads of one run: the cores shared among the slots."""
    return max(1, cores() // slots())
