"""SynFlow against every path of a small network, and against its own law: what flows into a layer flows out of it."""

import itertools
from math import prod

import pytest
import torch
from torch import nn

from prune_core import catalogue
from prune_core.catalogue import function_of
from prune_core.catalogue.criteria.at_start import SynflowOptions
from prune_core.criteria.synflow import score
from prune_core.criteria.types import Scoring
from tests.oracles.narrow import narrow


def flow(model: nn.Module, input_shape: tuple[int, ...], **options):
    weights = {n: p for n, p in model.named_parameters() if p.ndim > 1}
    units = {n: tuple(w.shape) for n, w in weights.items()}
    return score(Scoring(model.eval(), weights, units, [], SynflowOptions(**options), torch.Generator(), input_shape))


def drawn(model: nn.Module, seed: int = 0) -> nn.Module:
    """All parameters and statistics at random, biases and batch norm too: as a trained network has them."""
    chance = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                tensor.copy_(torch.randn(tensor.shape, generator=chance) * 0.5)
                if name.endswith("running_var"):
                    tensor.abs_().add_(0.1)
    return model


def chain(*widths: int) -> nn.Module:
    layers = [part for a, b in itertools.pairwise(widths) for part in (nn.Linear(a, b), nn.ReLU())]
    return drawn(nn.Sequential(*layers[:-1]))


def test_synflow_is_the_weight_of_all_paths_through_a_connection():
    widths, model = (5, 7, 6, 3), chain(5, 7, 6, 3)
    matrices = [[[abs(v) for v in row] for row in layer.weight.tolist()] for layer in model if isinstance(layer, nn.Linear)]
    wanted = [[[0.0] * a for _ in range(b)] for a, b in itertools.pairwise(widths)]
    for path in itertools.product(*map(range, widths)):
        steps = list(zip(matrices, wanted, path, path[1:], strict=False))
        weight = prod(matrix[j][i] for matrix, _, i, j in steps)
        for _, total, i, j in steps:
            total[j][i] += weight
    for found, paths in zip(flow(model, (5,)).values(), wanted, strict=True):
        torch.testing.assert_close(found, torch.tensor(paths, dtype=torch.float64), rtol=1e-10, atol=0)


def test_what_flows_into_a_hidden_unit_flows_out_of_it():
    into, through, out = flow(chain(5, 7, 6, 3), (5,)).values()
    torch.testing.assert_close(into.sum(1), through.sum(0), rtol=1e-10, atol=0)
    torch.testing.assert_close(through.sum(1), out.sum(0), rtol=1e-10, atol=0)


BRANCHED = ("resnet", "wide_resnet", "preresnet", "densenet")


def layer_totals(name: str) -> list[float]:
    entry, options = narrow(name)
    return [float(s.sum()) for s in flow(drawn(function_of(entry)(options, entry.classes)), entry.input_shape).values()]


@pytest.mark.parametrize("name", [n for n, e in catalogue.models.items() if not e.function.partition(":")[0].endswith(BRANCHED)])
def test_every_layer_of_a_network_without_branches_carries_the_whole_flow(name):
    totals = layer_totals(name)
    assert totals == pytest.approx([totals[0]] * len(totals), rel=1e-10)
    assert totals[0] > 0


@pytest.mark.parametrize("name", [n for n, e in catalogue.models.items() if e.function.partition(":")[0].endswith(BRANCHED)])
def test_the_first_and_the_last_layer_of_a_network_with_branches_carry_the_whole_flow_and_none_carries_more(name):
    first, *between, last = layer_totals(name)
    assert first == pytest.approx(last, rel=1e-10)
    assert min(between) > 0
    assert max(between) <= first * (1 + 1e-10)


def test_batch_norm_multiplies_by_its_scale_over_the_deviation():
    """One path, one weight a layer: w1 * gamma / sqrt(variance + eps) * w2, counted by hand over an image of ones."""
    model = drawn(nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(1, 1)))
    conv, norm, _, linear = model
    path = prod(abs(layer.weight.item()) for layer in (conv, norm, linear))
    by_hand = path / (norm.running_var.item() + norm.eps) ** 0.5
    assert [float(s.sum()) for s in flow(model, (1, 1, 1)).values()] == pytest.approx([by_hand, by_hand], rel=1e-12)


class Residual(nn.Module):
    """stem - (x + branch of two layers) - head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.one, self.two, self.head = nn.Linear(4, 5), nn.Linear(5, 6), nn.Linear(6, 5), nn.Linear(5, 3)

    def forward(self, x):
        x = torch.relu(self.stem(x))
        return self.head(torch.relu(x + self.two(torch.relu(self.one(x)))))


def test_beside_a_shortcut_a_branch_carries_what_the_shortcut_does_not():
    model = drawn(Residual())
    stem, one, two, head = (float(s.sum()) for s in flow(model, (4,)).values())
    a, b = (layer.weight.detach().double().abs() for layer in (model.stem, model.head))
    shortcut = float((b @ a).sum())
    assert (stem, one, two) == pytest.approx((head, head - shortcut, head - shortcut), rel=1e-10)


def test_the_reference_form_adds_shifts_in_absolute_value_and_so_breaks_the_law_on_a_trained_network():
    entry = catalogue.models["small_conv"]
    network = drawn(function_of(entry)(entry.options(), entry.classes))
    totals = [float(s.sum()) for s in flow(network, entry.input_shape, reference=True).values()]
    assert max(totals) > 1.05 * min(totals)


def test_the_reference_form_is_the_same_where_nothing_is_added():
    model = nn.Sequential(nn.Linear(5, 7, bias=False), nn.ReLU(), nn.Linear(7, 3, bias=False))
    ours, theirs = (flow(drawn(model), (5,), reference=reference) for reference in (False, True))
    assert all(a.equal(b) for a, b in zip(ours.values(), theirs.values(), strict=True))


def test_the_flow_of_a_deep_network_is_finite_in_float64_and_not_in_float32():
    model = drawn(nn.Sequential(*(nn.Linear(64, 64, bias=False) for _ in range(40))))
    exact, short = (flow(model, (64,), dtype=dtype) for dtype in ("float64", "float32"))
    totals = [float(s.sum()) for s in exact.values()]
    assert totals == pytest.approx([totals[0]] * 40, rel=1e-10)
    assert totals[0] > torch.finfo(torch.float32).max
    assert not all(bool(s.isfinite().all()) for s in short.values())
