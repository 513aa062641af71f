"""Karnin's sensitivity against closed forms, the loss itself along a fine path, and a training loop in plain torch that notes what happens."""

import json
import math
from itertools import pairwise

import pytest
import torch
from safetensors import safe_open
from torch import Tensor, nn
from torch.nn import functional as F

from prune_core import RunSpec, catalogue, run
from prune_core.catalogue.criteria.trained import KarninOptions
from prune_core.criteria import karnin
from prune_core.criteria.types import Recorded, Scores, Scoring
from prune_core.engine.checkpoint import unpacked_masks
from prune_core.engine.dataset import open_data
from prune_core.engine.masks import generator
from prune_core.engine.network import Network
from prune_core.engine.optimiser import OPTIMISERS, Adam, Sgd
from prune_core.engine.recording import Recording
from prune_core.models.initialisation import initialise
from prune_core.streams import seed_of

STEEP = torch.tensor([0.5, 1.0, 3.0, 8.0], dtype=torch.float64)
LOWEST = torch.tensor([1.0, -2.0, 0.3, -0.05], dtype=torch.float64)
FIRST = torch.tensor([-0.4, 0.7, 2.0, 0.06], dtype=torch.float64)


def ask(weight: Tensor, recording: Recording, **options) -> Tensor:
    """Scores of a single vector of weights."""
    scoring = Scoring(
        nn.Module(), {"w": weight}, {"w": tuple(weight.shape)}, [], KarninOptions(**options), torch.Generator(),
        recorded={"w": Recorded(recording.start, recording.fall)},
    )  # fmt: skip
    found: Scores = karnin.score(scoring)
    return found["w"]


def bowl(w: Tensor) -> Tensor:
    """Sum of h (w - m)^2 / 2."""
    return (STEEP * (w - LOWEST).square()).sum() / 2


def descended(first: Tensor, lr: float, steps: int, kind: type[Sgd | Adam] = Sgd, momentum: float = 0.0, decay: float = 0.0):
    """(weights, recording) after so many steps down the bowl."""
    weights, gradient = first.clone(), torch.zeros_like(first)
    recording = Recording(kind(weights, gradient, momentum, decay), weights, gradient)
    for _ in range(steps):
        gradient.copy_(STEEP * (weights - LOWEST))
        recording.step(lr)
    return weights, recording


@pytest.mark.parametrize("steps", [1, 7, 400])
def test_down_a_bowl_by_plain_gradient_descent_it_has_a_closed_form(steps):
    """The distance to the lowest point shrinks by q = 1 - lr h a step: a geometric series."""
    lr = 0.05
    weights, recording = descended(FIRST, lr, steps)
    q, e = 1 - lr * STEEP, FIRST - LOWEST
    last = LOWEST + q**steps * e
    fall = lr * (STEEP * e) ** 2 * (1 - q ** (2 * steps)) / (1 - q**2)
    torch.testing.assert_close(weights, last, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(ask(weights, recording), fall * last / (last - FIRST), rtol=1e-11, atol=0)


def test_by_plain_gradient_descent_it_is_the_sum_of_squared_steps_over_the_rate():
    lr, weights, gradient = 0.03, FIRST.clone(), torch.zeros_like(FIRST)
    recording, squares = Recording(Sgd(weights, gradient, 0.0, 0.0), weights, gradient), torch.zeros_like(FIRST)
    for _ in range(50):
        gradient.copy_(STEEP * (weights - LOWEST))
        before = weights.clone()
        recording.step(lr)
        squares += (weights - before) ** 2
    torch.testing.assert_close(ask(weights, recording), squares * weights / (lr * (weights - FIRST)), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("kind", "momentum", "lr"), [(Sgd, 0.0, 1e-4), (Sgd, 0.5, 5e-5), (Adam, 0.9, 1e-5)])
@pytest.mark.parametrize("j", range(len(STEEP)))
def test_along_a_fine_path_that_began_at_zero_it_is_the_rise_of_the_loss_without_the_weight(kind, momentum, lr, j):
    weights, recording = descended(torch.zeros_like(FIRST), lr, 3_000, kind, momentum)
    without = weights.clone()
    without[j] = 0
    assert float(ask(weights, recording)[j]) == pytest.approx(float(bowl(without) - bowl(weights)), rel=1e-3)


@pytest.mark.parametrize("decay", [0.0, 0.4])
def test_on_a_slope_that_is_the_same_everywhere_any_part_of_the_way_tells_all_of_it(decay):
    """Wherever it began, with weight decay in the steps or not: the loss a * w rises by -a w_j when w_j goes to 0."""
    slopes = torch.tensor([0.7, -1.1, 0.2, 2.0], dtype=torch.float64)
    weights, gradient = FIRST.clone(), torch.zeros_like(FIRST)
    recording = Recording(Sgd(weights, gradient, 0.9, decay), weights, gradient)
    for _ in range(5):
        gradient.copy_(slopes)
        recording.step(0.02)
    torch.testing.assert_close(ask(weights, recording), -slopes * weights, rtol=1e-12, atol=1e-12)
    assert bool((ask(weights, recording) < 0).any())
    torch.testing.assert_close(ask(weights, recording, absolute=True), (slopes * weights).abs(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("kind", OPTIMISERS.values())
def test_weight_decay_is_in_the_step_and_not_in_the_slope(kind, fused):
    """Slopes that are 0: decay alone moves the weights, and the loss of the data does not fall by it."""
    weights, gradient = FIRST.clone(), torch.zeros_like(FIRST)
    inner = kind(weights, gradient, 0.9, 0.5)
    inner.fused = fused
    recording = Recording(inner, weights, gradient)
    for _ in range(3):
        gradient.zero_()
        recording.step(0.1)
    assert not weights.isclose(FIRST).any()
    assert not recording.fall.any()
    assert not ask(weights, recording).any()


def test_a_weight_that_ended_where_it_began_scores_zero():
    weights, recording = descended(FIRST, 0.05, 5)
    recording.start[1] = weights[1] + 1e-9 * weights.square().mean().sqrt()
    recording.start[2] = weights[2] + 1e-7 * weights.square().mean().sqrt()
    scores = ask(weights, recording)
    assert [bool(s) for s in scores] == [True, False, True, True]
    nothing, untrained = torch.zeros(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    assert not ask(nothing, Recording(Sgd(untrained, untrained, 0.0, 0.0), untrained, untrained)).any()


def telescoped(lr: float, steps: int) -> tuple[float, float]:
    """(what all weights and biases of 4-6-4-3 recorded, by how much the loss fell) down the slope of its loss on 60 points."""
    chance = torch.Generator().manual_seed(4)
    net = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 3)).double()
    for p in net.parameters():
        p.data = torch.randn(p.shape, generator=chance, dtype=torch.float64) * 0.7
    points, labels = torch.randn(60, 4, generator=chance, dtype=torch.float64), torch.randint(3, (60,), generator=chance)
    weights = nn.utils.parameters_to_vector(net.parameters()).detach().clone()
    gradient = torch.zeros_like(weights)
    recording = Recording(Sgd(weights, gradient, 0.0, 0.0), weights, gradient)

    def loss() -> Tensor:
        nn.utils.vector_to_parameters(weights, net.parameters())
        return F.cross_entropy(net(points), labels)

    first = float(loss().detach())
    for _ in range(steps):
        gradient.copy_(nn.utils.parameters_to_vector(torch.autograd.grad(loss(), list(net.parameters()))))
        recording.step(lr)
    return float(recording.fall.sum()), first - float(loss().detach())


def test_over_all_weights_it_adds_up_to_the_fall_of_the_loss_the_closer_the_finer_the_steps():
    """Riemann sums: half the step, half the error."""
    errors = [abs(recorded / fell - 1) for recorded, fell in (telescoped(0.4 / k, 50 * k) for k in (1, 2, 4, 8))]
    assert errors[-1] < 0.02
    for coarse, fine in pairwise(errors):
        assert 1.7 < coarse / fine < 2.3


SPEC = {"protocol": "iterative", "criterion": "karnin", "epochs": 4, "sparsity": 0.8, "protocol_options": {"rounds": 2}, "weight_decay": 0.02,
        "lr_milestones": (0.5,)}  # fmt: skip
RECIPES = {"sgd": {"optimizer": "sgd", "lr": 0.05, "momentum": 0.9}, "adam": {"optimizer": "adam", "lr": 1e-3}}


# Rounding grows while batch norm trains: measured 2e-6 without it, 3e-3 with it.
CASES = [("lenet_300_100", "sgd", 1e-4), ("lenet_300_100", "adam", 1e-4), ("small_conv", "adam", 3e-2)]


@pytest.mark.parametrize(("model", "optimizer", "largest"), CASES)
def test_a_run_scores_as_a_plain_loop_that_notes_slopes_and_steps_says(tmp_path, model, optimizer, largest):
    """torch.optim, autograd and float64 sums, through two prunings: weights that stay go on being noted, those that went score nothing."""
    spec = RunSpec(model=model, **SPEC, **RECIPES[optimizer]).resolved()
    events = [event for _, event in run(spec, folder=tmp_path)]
    saved = [tensors(tmp_path / e.file)[0] for e in events if e.kind == "scored"]
    files = [tensors(tmp_path / e.file) for e in events if e.kind == "pruned"]
    wanted = noted(spec, [unpacked_masks(packed, json.loads(told["shapes"])) for packed, told in files])
    assert len(saved) == len(wanted) == 2
    for ours, (scores, alive) in zip(saved, wanted, strict=True):
        for name, score in scores.items():
            mine = torch.from_numpy(ours[name]).double()
            errors = ((mine - score).abs() / score.abs().clamp(min=1e-30))[alive[name]]
            assert float(errors.quantile(0.9)) < largest
            assert not mine[~alive[name]].any()
            assert bool((mine < 0).any())
    assert any(bool((~kept).any()) for kept in wanted[1][1].values())


def tensors(path) -> tuple[dict, dict]:
    with safe_open(path, "numpy") as file:
        return {n: file.get_tensor(n) for n in file.keys()}, file.metadata() or {}  # noqa: SIM118


def noted(spec: RunSpec, masks: list[dict[str, Tensor]]) -> list[tuple[dict[str, Tensor], dict[str, Tensor]]]:
    """(scores, what is alive) at every pruning of the run, from training it again by hand."""
    entry, part = spec.model_entry, open_data(catalogue.datasets["digits"], torch.device("cpu"), print)["train"]
    net, drawn = catalogue.function_of(entry)(spec.model_options, entry.classes), Network(entry, spec.model_options, torch.device("cpu"))
    initialise(drawn.module, spec.initialisation, generator(seed_of(spec.seed, "initialise")))
    net.load_state_dict(drawn.module.state_dict())
    net.to(memory_format=torch.channels_last)  # kernels that round alike
    weights = {n: p for n, p in net.named_parameters() if n in {layer.name for layer in entry.layers}}
    start = {n: p.detach().double().clone() for n, p in weights.items()}
    fall = {n: torch.zeros_like(s) for n, s in start.items()}
    alive = {n: torch.ones(p.shape, dtype=torch.bool) for n, p in weights.items()}
    how = {"lr": spec.lr, "weight_decay": spec.weight_decay}
    optimiser = (
        torch.optim.SGD(net.parameters(), momentum=spec.momentum, **how) if spec.optimizer == "sgd"
        else torch.optim.Adam(net.parameters(), betas=(spec.momentum, 0.999), **how)
    )  # fmt: skip
    per_epoch, found = math.ceil(len(part) / spec.batch_size), []
    for i in range(4 * per_epoch):
        if i in (2 * per_epoch, 3 * per_epoch):
            found.append((sensitivities(weights, start, fall), dict(alive)))
            alive = masks[len(found) - 1]
            with torch.no_grad():
                for n, p in weights.items():
                    for tensor in (p, *(s for s in optimiser.state[p].values() if s.shape == p.shape)):
                        tensor.mul_(alive[n])
        for group in optimiser.param_groups:
            group["lr"] = spec.lr * (0.1 if i >= per_epoch else 1.0)  # in the dense half at its middle; then a tenth to fine-tune
        epoch, at = divmod(i, per_epoch)
        order = torch.randperm(len(part), generator=generator(seed_of(spec.seed, "order", epoch)))
        images, labels = part.batch(order[at * spec.batch_size : (at + 1) * spec.batch_size])
        optimiser.zero_grad()
        F.cross_entropy(net.train()(images), labels).backward()
        before = {n: p.detach().double().clone() for n, p in weights.items()}
        for n, p in weights.items():
            p.grad.mul_(alive[n])
        slopes = {n: p.grad.double().clone() for n, p in weights.items()}
        optimiser.step()
        for n, p in weights.items():
            fall[n] -= slopes[n] * (p.detach().double() - before[n])
    return found


def sensitivities(weights: dict[str, Tensor], start: dict[str, Tensor], fall: dict[str, Tensor]) -> dict[str, Tensor]:
    """Where a weight stood still, and where it is 0: nothing."""
    scores = {}
    for n, p in weights.items():
        w = p.detach().double()
        moved = torch.where(w == start[n], torch.inf, w - start[n])
        scores[n] = fall[n] * w / moved
    return scores
