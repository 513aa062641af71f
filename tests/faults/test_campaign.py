"""The fast part of the campaign: more than three hundred faults of every class, at random moments; not one may break an invariant."""

import random
from collections.abc import Callable

import pytest

from .campaign.drive import Injection, campaign
from .campaign.ground import prepare
from .campaign.long import spread
from .campaign.table import BY_NAME, FAULTS

AT_ONCE = 4

Inject = Callable[[str], list[Injection]]


@pytest.fixture(scope="module")
def injected(request, tmp_path_factory) -> Inject:
    """All injections of the classes that are asked for in this session, carried out the first time that one of them is."""
    asked = [
        item.callspec.params["name"] for item in request.session.items if item.fspath == request.node.path and hasattr(item, "callspec")
    ]
    seed = random.SystemRandom().randrange(2**31)
    print("moments by seed", seed)
    place = tmp_path_factory.mktemp("campaign")
    wanted = spread({name: BY_NAME[name].fast for name in dict.fromkeys(asked)}, seed)
    done = list(campaign(prepare(place / "ground"), place, wanted, at_once=AT_ONCE, long=False))
    return lambda name: [injection for injection in done if injection.fault == name]


@pytest.mark.parametrize("name", BY_NAME)
def test_no_fault_breaks_an_invariant(injected, name):
    those = injected(name)
    assert len(those) == BY_NAME[name].fast
    assert [(i.seed, i.violations) for i in those if i.violations] == []
    if all(i.outcome == "not here" for i in those):
        pytest.skip(those[0].note)


def test_there_are_three_hundred_of_them():
    assert sum(fault.fast for fault in FAULTS) >= 300
