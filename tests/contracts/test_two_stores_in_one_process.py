"""A server opens the store in more than one place; what other processes write must reach all of them."""

import subprocess
import sys

from prune_core import RunSpec
from prune_core.store import Store

OTHER = """
import sys
from pathlib import Path
from prune_core import RunSpec
from prune_core.store import Store
store = Store.open(Path(sys.argv[1]))
store.submit(RunSpec())
store.close()
"""


def test_opening_the_store_twice_leaves_the_first_one_seeing_what_others_write(tmp_path):
    first = Store.open(tmp_path)
    first.submit(RunSpec())
    second = Store.open(tmp_path)
    for seen in (2, 3):
        subprocess.run([sys.executable, "-c", OTHER, str(tmp_path)], check=True)
        assert [first.queue_length(), second.queue_length()] == [seen, seen]
