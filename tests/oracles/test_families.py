"""Families of smaller networks: their members against the networks that are built of them."""

from fractions import Fraction

import pytest

from prune_core import RunSpec, catalogue
from prune_core.catalogue.shrunk import in_order, parameters
from prune_core.engine.building import built
from prune_core.families import bottleneck, scaled_copy, width_multiplier
from tests.oracles.narrow import narrow

ABLE = [name for name, entry in catalogue.models.items() if entry.channel_groups]
BLOCKS = [name for name in ABLE if catalogue.models[name].shared_groups]
BUDGETS = (0.5, 0.2, 0.05)


def counted(name: str, profile: tuple[int, ...]) -> int:
    """Numbers of the module that a run with this profile trains."""
    table, (_, options) = catalogue.models[name], narrow(name, 0.25)
    options = options.model_copy(update={"profile": profile})
    return sum(p.numel() for p in built(table.built(options, 10), options).parameters())


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("name", ABLE)
def test_a_width_multiplier_is_the_widest_network_that_the_budget_allows(name, budget):
    entry, _ = narrow(name, 0.25)
    most = int(budget * entry.parameters)
    try:
        member = width_multiplier(entry, most)
    except ValueError:
        assert parameters(entry, {g.name: 1 for g in in_order(entry)}) > most
        return
    assert counted(name, member.profile) == member.parameters <= most
    groups = in_order(entry)
    factor = min(
        Fraction(2 * n + 1, 2 * g.channels) for n, g in zip(member.profile, groups, strict=True)
    )  # at which the next channel comes
    wider = {g.name: max(1, int(factor * g.channels + Fraction(1, 2))) for g in groups}
    assert all(wider[g.name] >= n for n, g in zip(member.profile, groups, strict=True))
    assert parameters(entry, wider) > most


@pytest.mark.parametrize("name", BLOCKS)
def test_a_bottleneck_leaves_residual_streams_whole(name):
    entry, _ = narrow(name, 0.25)
    member = bottleneck(entry, int(0.6 * entry.parameters))
    between = [g for g in in_order(entry) if not g.shared]
    assert len(member.profile) == len(between)
    assert all(1 <= n <= g.channels for n, g in zip(member.profile, between, strict=True))
    assert counted(name, member.profile) == member.parameters <= 0.6 * entry.parameters


def test_a_chain_has_no_bottlenecks():
    with pytest.raises(ValueError, match="no blocks"):
        bottleneck(catalogue.models["vgg_11"], 10**9)


@pytest.mark.parametrize("name", ["small_conv", "vgg_11", "resnet_18", "wrn_16_4", "densenet_40"])
def test_copies_of_a_profile_reproduce_it_and_grow_with_the_budget(name):
    entry, _ = narrow(name, 0.25)
    widths = {g.name: max(2, g.channels // (2 + i % 3)) for i, g in enumerate(entry.channel_groups)}
    whole = parameters(entry, widths)
    same = scaled_copy(entry, widths, whole)
    assert same.profile == tuple(widths.values())
    assert same.parameters == whole
    members = [scaled_copy(entry, widths, int(whole * share)) for share in (0.5, 0.7, 1.0, 1.5)]
    assert [m.parameters for m in members] == sorted(m.parameters for m in members)
    assert all(m.parameters <= whole * share for m, share in zip(members, (0.5, 0.7, 1.0, 1.5), strict=True))
    assert all(n >= 1 for m in members for n in m.profile)
    assert counted(name, members[0].profile) == members[0].parameters


def test_budgets_out_of_reach_and_profiles_of_others_are_refused_in_words():
    entry = catalogue.models["small_conv"]
    with pytest.raises(ValueError, match="the smallest network of this family has"):
        width_multiplier(entry, 10)
    with pytest.raises(ValueError, match="groups of channels of another network"):
        scaled_copy(entry, {"conv9": 3}, 10_000)


def test_a_profile_names_its_network_and_says_so_in_the_fingerprint():
    one, other = (RunSpec(model="small_conv", protocol="dense", model_options={"profile": p}) for p in ((4, 8, 9), (4, 9, 8)))
    assert one.network.startswith("small_conv with 21 channels (")
    assert one.network != other.network
    assert one.fingerprint != other.fingerprint
    assert one.model_entry.layers[1].shape == (8, 4, 3, 3)
