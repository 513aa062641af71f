"""The web process stays small: no torch in it, whatever pages people have open."""

import re
from pathlib import Path

import psutil

from .conftest import idle

LARGEST = 350e6


def test_a_server_with_five_pages_open_has_no_torch_in_it_and_stays_small(server, visitor):
    examples = server.store.runs(states=["finished"])
    run = next(r for r in examples if r.spec.protocol != "score")
    for path in ("/", "/prune", f"/run?run={run.id}", "/runs", "/saliency"):
        idle(visitor.open(path))
    loaded = Path(f"/proc/{server.process.pid}/maps").read_text()
    assert not re.findall("libtorch|torchvision|libc10", loaded)
    assert psutil.Process(server.process.pid).memory_info().rss < LARGEST
