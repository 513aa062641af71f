"""Bring up the dashboard or run the tests, with everything they need: `python3 make.py dashboard`, `python3 make.py test`.

Standard library only. Makes a virtual environment in .venv, installs the pinned requirements, finds or installs a browser for the tests.
Further arguments go to Streamlit or pytest: `python3 make.py dashboard --server.port 8600`, `python3 make.py test -k snip`.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main() -> int:
    if sys.version_info < (3, 11):  # noqa: UP036  whoever starts this may have an older one
        return complain(f"Espalier needs Python 3.11 or newer; this is {sys.version.split()[0]}.")
    commands = {"dashboard": dashboard, "test": test}
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        return complain(__doc__)
    return commands[sys.argv[1]](sys.argv[2:])


def dashboard(arguments: list[str]) -> int:
    install("requirements.txt")
    return run(PYTHON, "-m", "streamlit", "run", "app.py", *arguments)


def test(arguments: list[str]) -> int:
    install("requirements-dev.txt")
    if not arguments:
        for check in (("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",)):
            if code := run(PYTHON, "-m", *check):
                return code
        arguments = ["-n", "auto", "--maxprocesses", "4", "--dist", "loadfile", "--no-loadscope-reorder"]
    return run(PYTHON, "-m", "pytest", *arguments, CHROMIUM=browser())


def install(requirements: str) -> None:
    """Create the environment and install into it, unless exactly that was done before."""
    wanted = hashlib.sha256((ROOT / "requirements.txt").read_bytes() + (ROOT / requirements).read_bytes()).hexdigest()
    stamp = ENVIRONMENT / f"{requirements}.sha256"
    if PYTHON.exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    if not PYTHON.exists():
        venv.create(ENVIRONMENT, with_pip=True)
    print(f"Installing {requirements} into .venv (once; several minutes where torch has to be downloaded)", flush=True)
    if run(PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements):
        sys.exit("The installation failed: see pip's message above.")
    stamp.write_text(wanted)


def browser() -> str:
    """Path of a Chromium: $CHROMIUM, one on the PATH, Playwright's own, or Debian's package where we may install it."""
    if os.environ.get("CHROMIUM"):
        return os.environ["CHROMIUM"]
    if found := next(filter(None, map(shutil.which, BROWSERS)), None):
        return found
    if run(PYTHON, "-m", "playwright", "install", "chromium") == 0:
        return ""
    if (
        shutil.which("apt-get")
        and os.geteuid() == 0
        and run("apt-get", "update", "-qq") == 0
        and run("apt-get", "install", "-y", "-qq", "chromium") == 0
    ):
        return shutil.which("chromium") or ""
    sys.exit("The tests need a Chromium: install one and name it in CHROMIUM=/path/to/chromium.")


def run(*command: str | Path, **environment: str) -> int:
    return subprocess.run([str(c) for c in command], cwd=ROOT, env=os.environ | environment, check=False).returncode


def complain(message: str | None) -> int:
    print(message, file=sys.stderr)
    return 2


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
