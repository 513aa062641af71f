"""Where a run would be carried out here, told without importing torch: runs count as the same only in the same environment."""

import os
import re
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from .store import Environment
from .version import __version__

NAMES = Path("/proc/driver/nvidia/gpus")
UNKNOWN_GPU = "a GPU"


def gpus() -> tuple[str, ...]:
    """The GPUs that runs may use, as CUDA_VISIBLE_DEVICES names them; found without torch, which would have to start CUDA for it."""
    present = sorted(path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*"))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None or not present:
        return tuple(present)
    return tuple(name for name in visible.split(",") if name.strip() and name.strip() != "-1")


def here(device: str = "auto") -> Environment:
    """What a run with that `device` would say of itself if it started here now."""
    return Environment(__version__, torch_version(), device_name(device))


@cache
def torch_version() -> str:
    """As torch itself says it, read from its folder: the name under which a package was installed may lack "+cpu" or "+cu130"."""
    found = find_spec("torch")
    if found is None or found.origin is None:
        return "none"
    try:
        told = re.search(r"^__version__ = '([^']+)'", Path(found.origin).with_name("version.py").read_text(), re.MULTILINE)
        return told[1] if told else version("torch")
    except (OSError, PackageNotFoundError):
        return "unknown"


def device_name(device: str) -> str:
    """ "cpu", or the name of the GPU: by the driver's own list, or none that a recorded one equals."""
    if device == "cpu" or not gpus() or torch_version().endswith("+cpu"):
        return "cpu"
    return gpu_name()


@cache
def gpu_name() -> str:
    for file in sorted(NAMES.glob("*/information")):
        try:
            told = re.search(r"^Model:\s*(.+?)\s*$", file.read_text(errors="replace"), re.MULTILINE)
        except OSError:
            continue
        if told:
            return told[1]
    return UNKNOWN_GPU
