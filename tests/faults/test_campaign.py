"""The fast part of the campaign: more than three hundred faults of every class, at random moments; not one may break an invariant."""

import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .campaign.drive import Injection
from .campaign.long import recorded
from .campaign.table import BY_NAME, FAULTS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def injected(request, tmp_path_factory) -> Callable[[str], list[Injection]]:
    """All injections of the classes that this session asks for, by the campaign's own command, when the first of them is asked for."""
    asked = [item.callspec.params["name"] for item in request.session.items if item.path == request.node.path and hasattr(item, "callspec")]
    place, seed = tmp_path_factory.mktemp("campaign"), random.SystemRandom().randrange(2**31)
    print("moments by seed", seed)
    only = [option for name in dict.fromkeys(asked) for option in ("--only", name)]
    files = ["--record", str(place / "campaign.jsonl"), "--report", str(place / "campaign.md")]
    command = [sys.executable, "-m", "tests.faults.campaign", "--fast", "--at-once", "6", "--seed", str(seed), *files, *only]
    env = {**os.environ, "TMPDIR": str(place)}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    injections = list(recorded(place / "campaign.jsonl"))
    return lambda name: [injection for injection in injections if injection.fault == name]


@pytest.mark.parametrize("name", BY_NAME)
def test_no_fault_breaks_an_invariant(injected, name):
    those = injected(name)
    assert len(those) == BY_NAME[name].fast
    assert [(i.seed, i.violations) for i in those if i.violations] == []
    if all(i.outcome == "not here" for i in those):
        pytest.skip(those[0].note)


def test_there_are_three_hundred_of_them():
    assert sum(fault.fast for fault in FAULTS) >= 300
