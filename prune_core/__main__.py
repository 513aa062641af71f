"""`python -m prune_core`: the command line."""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click
from pydantic import ValidationError

from .commands import commands
from .settings import Settings
from .wording import SpecError, problems_of

FAILED, REFUSED, INTERRUPTED = 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command; returns its exit status. What is wrong is said in one line each, without a traceback."""
    try:
        status = commands.main(arguments, prog_name="python -m prune_core", standalone_mode=False)
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except SpecError as error:
        return said(REFUSED, *map(str, error.problems))
    except ValidationError as error:
        if error.title != Settings.__name__:
            raise
        return said(REFUSED, *(f"ESPALIER_{p.field.upper()}: {p.message}" for p in problems_of(error)))
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except click.ClickException as error:
        return said(error.exit_code, error.format_message())
    except BrokenPipeError:
        # Whoever read has left; the interpreter would complain once more when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        from .store import NoSuchRun, StoreError

        if not isinstance(error, StoreError):
            raise
        return said(REFUSED if isinstance(error, NoSuchRun) else FAILED, str(error))


def said(status: int, *lines: str) -> int:
    for line in lines:
        click.echo(" ".join(line.split()), err=True)
    return status


def leave(status: int) -> NoReturn:
    """End the process. torch takes half a second to take itself down, when everything is written and nobody gains by it."""
    if "torch" in sys.modules:
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    leave(main())
