"""Text without the names of this machine's folders: logs and messages travel, and a home folder has somebody's name in it."""

import logging
import sys
import tempfile
from functools import cache
from pathlib import Path

from .settings import settings


def nameless(text: str) -> str:
    """The text with every folder of this machine that we know replaced by what it is to us."""
    for path, word in places():
        text = text.replace(path, word)
    return text


@cache
def places() -> tuple[tuple[str, str], ...]:
    """Folders and what stands for them, longer paths first: one may lie in another."""
    known = {
        "<home of the person>": Path.home(), "<temporary files>": Path(tempfile.gettempdir()), "<Python>": Path(sys.base_prefix),
        "<environment>": Path(sys.prefix), "<Espalier>": Path(__file__).parents[1], "<home>": settings().home, "<data>": settings().data_folder,
    }  # fmt: skip
    spelt = {str(form): word for word, path in known.items() for form in (path, path.expanduser().absolute(), path.expanduser().resolve())}
    return tuple(sorted(((path, word) for path, word in spelt.items() if len(path) > 2), key=lambda pair: -len(pair[0])))


class Nameless(logging.Formatter):
    """Lines of a log, tracebacks too, in which no folder of this machine is named."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        return nameless(super().format(record))


def log_to_stderr() -> None:
    """From now on everything logged in this process goes to its standard error, nameless."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Nameless())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
