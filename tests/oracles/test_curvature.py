"""Fisher and optimal brain damage against loops over single images, Jacobians of the outputs, and the explicit Hessian."""

import math

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F

from prune_core import catalogue
from prune_core.catalogue.criteria.trained import FisherOptions, ObdOptions
from prune_core.criteria import fisher, obd
from prune_core.criteria.hessian_product import hessian_product
from prune_core.criteria.hutchinson import hutchinson_diagonal
from prune_core.criteria.per_sample import Weighed, mean_squares, per_sample_gradients
from tests.oracles import narrow
from tests.oracles.networks import Tiny, ask, tiny


class Convolutions(nn.Module):
    """Every way in which a convolution can look at its image: padded, strided, dilated, grouped, with a kernel that is no square."""

    def __init__(self) -> None:
        super().__init__()
        self.padded = nn.Conv2d(2, 4, (3, 2), padding=(2, 1))
        self.strided = nn.Conv2d(4, 6, 3, stride=(2, 1), padding=1, bias=False)
        self.spread = nn.Conv2d(6, 6, 2, dilation=(1, 2), groups=3)
        self.dense = nn.Linear(6, 3)

    def forward(self, x):
        for layer in (self.padded, self.strided, self.spread):
            x = torch.tanh(layer(x))
        return self.dense(x.mean((2, 3)))


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_squared_gradients_of_single_images_are_those_of_a_loop_over_them(chunk):
    torch.manual_seed(0)
    model = Convolutions().double()
    images, labels, shares = torch.randn(7, 2, 7, 6).double(), torch.randint(3, (7,)), torch.rand(7).double()
    weights = dict(model.named_parameters())
    wanted = {name: torch.zeros_like(w) for name, w in weights.items()}
    for x, y, share in zip(images, labels, shares, strict=True):
        for name, g in zip(weights, torch.autograd.grad(F.cross_entropy(model(x[None]), y[None]), list(weights.values())), strict=True):
            wanted[name] += share * g**2 / shares.sum()
    parts = [Weighed(images[:4], labels[:4], shares[:4]), Weighed(images[4:], labels[4:], shares[4:])]
    found = mean_squares(model, weights, parts, chunk)
    for name, square in wanted.items():
        torch.testing.assert_close(found[name], square, rtol=1e-12, atol=1e-30)


def test_gradients_of_single_images_are_those_of_a_loop_over_them():
    torch.manual_seed(0)
    model, images, labels = Convolutions().double(), torch.randn(5, 2, 7, 6).double(), torch.randint(3, (5,))
    weights = dict(model.named_parameters())
    found = per_sample_gradients(model, weights, images, labels)
    for i, (x, y) in enumerate(zip(images, labels, strict=True)):
        for name, g in zip(weights, torch.autograd.grad(F.cross_entropy(model(x[None]), y[None]), list(weights.values())), strict=True):
            torch.testing.assert_close(found[name][i], g, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("model", catalogue.models)
def test_in_every_network_they_are_those_of_a_loop_over_the_images(model):
    net = narrow.network(model, "he")
    module, weights = net.module.eval(), {layer.name: net.parameters[layer.name] for layer in net.entry.layers}
    x, y = narrow.images(net.entry, 3), torch.tensor([1, 0, 2])
    wanted = {name: torch.zeros(w.shape, dtype=torch.float64) for name, w in weights.items()}
    for image, label in zip(x, y, strict=True):
        for name, g in zip(
            weights, torch.autograd.grad(F.cross_entropy(module(image[None]), label[None]), list(weights.values())), strict=True
        ):
            wanted[name] += g.double() ** 2 / 3
    found = mean_squares(module, weights, [Weighed(x, y, torch.ones(3))], 2)
    for name, square in wanted.items():
        torch.testing.assert_close(found[name], square, rtol=1e-3, atol=1e-6 * float(square.max()))


def test_squares_that_float32_cannot_hold_are_there_all_the_same():
    layer = nn.Sequential(nn.Linear(3, 2, bias=False))
    with torch.no_grad():
        layer[0].weight.copy_(torch.tensor([[60.0, 0, 0], [0, 0, 0]]))
    x, y = torch.tensor([[1.0, 0.5, 0.0]]), torch.tensor([0])
    found = mean_squares(layer, {"0.weight": layer[0].weight}, [Weighed(x, y, torch.ones(1))], 1)["0.weight"]
    wrong = math.exp(-60) / (1 + math.exp(-60))
    assert found[1].tolist() == pytest.approx([wrong**2, wrong**2 / 4, 0], rel=1e-5)
    assert wrong**2 < 1e-51


def flat(scores):
    return torch.cat([s.flatten() for s in scores.values()])


def image_gradients(net: Tiny, label=None) -> torch.Tensor:
    """(N, 60): one backward pass for each image, with its own label or the one given."""
    rows = []
    for images, labels in net.batches:
        for x, y in zip(images, labels, strict=True):
            y = y if label is None else torch.tensor(label)
            gradients = torch.autograd.grad(F.cross_entropy(net.model(x[None]), y[None]), list(net.weights.values()))
            rows.append(torch.cat([g.flatten() for g in gradients]))
    return torch.stack(rows)


def jacobians(net: Tiny) -> tuple[torch.Tensor, torch.Tensor]:
    """Derivatives of every logit of every image (N, 3, 60), and predictions (N, 3)."""
    rows, shares = [], []
    for x in torch.cat([images for images, _ in net.batches]):
        logits = net.model(x[None])[0]
        each = [torch.autograd.grad(z, list(net.weights.values()), retain_graph=True) for z in logits]
        rows.append(torch.stack([torch.cat([g.flatten() for g in gradients]) for gradients in each]))
        shares.append((logits.exp() / logits.exp().sum()).detach())
    return torch.stack(rows), torch.stack(shares)


def gauss_newton(net: Tiny) -> torch.Tensor:
    """Diagonal of the mean over images of J^T (diag p - p p^T) J: the curvature of the loss if the outputs were linear in the weights."""
    rows, p = jacobians(net)
    outputs = torch.diag_embed(p) - p[:, :, None] * p[:, None, :]
    return torch.einsum("nai,nab,nbi->i", rows, outputs, rows) / len(rows)


def hessian(net: Tiny) -> torch.Tensor:
    """(60, 60): of the mean loss over all images."""
    images, labels = (torch.cat(parts) for parts in zip(*net.batches, strict=True))
    sizes = [w.numel() for w in net.weights.values()]

    def loss(vector):
        pieces = {n: v.view(w.shape) for (n, w), v in zip(net.weights.items(), vector.split(sizes), strict=True)}
        return F.cross_entropy(functional_call(net.model, pieces, (images,)), labels)

    return torch.autograd.functional.hessian(loss, flat(net.weights).detach())


def second_differences(net: Tiny, h=1e-4) -> torch.Tensor:
    """(L(w + h) - 2 L(w) + L(w - h)) / h^2 of every weight: evaluates the loss, never calls autograd."""
    before, result = net.loss(), []
    for weight in net.weights.values():
        values = weight.data.view(-1)
        for j in range(values.numel()):
            value = float(values[j])
            values[j] = value + h
            up = net.loss()
            values[j] = value - h
            down = net.loss()
            values[j] = value
            result.append((up - 2 * before + down) / h**2)
    return torch.tensor(result, dtype=torch.float64)


class TestFisher:
    @pytest.mark.parametrize("seed", range(3))
    def test_the_empirical_fisher_is_the_mean_over_single_images(self, seed):
        net = tiny(seed)
        wanted = image_gradients(net).square().mean(0) * flat(net.weights).detach().square() / 2
        torch.testing.assert_close(flat(ask(fisher.score, net, FisherOptions())), wanted, rtol=1e-12, atol=1e-15)

    @pytest.mark.parametrize("chunk", [1, 2, 5, 1000])
    def test_how_many_images_are_taken_at_a_time_changes_nothing(self, chunk):
        net = tiny(1)
        wanted = flat(ask(fisher.score, net, FisherOptions()))
        torch.testing.assert_close(flat(ask(fisher.score, net, FisherOptions(per_sample_chunk=chunk))), wanted, rtol=1e-12, atol=1e-15)

    def test_images_count_with_their_own_gradients_and_not_with_their_share_of_a_mean_loss(self):
        """The gradient of a mean loss carries 1 / N, its square 1 / N^2: twelve images once and twice are the same mean."""
        net = tiny(2)
        twice = Tiny(net.model, net.weights, [*net.batches, *net.batches])
        torch.testing.assert_close(flat(ask(fisher.score, twice, FisherOptions())), flat(ask(fisher.score, net, FisherOptions())))

    @pytest.mark.parametrize("seed", range(3))
    def test_over_all_classes_it_is_the_gauss_newton_diagonal(self, seed):
        net = tiny(seed)
        wanted = gauss_newton(net) * flat(net.weights).detach().square() / 2
        torch.testing.assert_close(flat(ask(fisher.score, net, FisherOptions(fisher_labels="exact"))), wanted, rtol=1e-11, atol=1e-15)

    @pytest.mark.parametrize("draws", [10, 160])
    def test_drawn_labels_come_to_all_classes_as_one_over_the_root_of_the_draws(self, draws):
        net = tiny(0)
        _, p = jacobians(net)
        squares = torch.stack([image_gradients(net, label).square() for label in range(3)], 1)  # (N, 3, 60)
        mean = torch.einsum("nc,ncj->nj", p, squares)
        spread = torch.einsum("nc,ncj->nj", p, (squares - mean[:, None]).square()).sum(0).sqrt() / (len(p) * math.sqrt(draws))
        factor = flat(net.weights).detach().square() / 2
        found = flat(ask(fisher.score, net, FisherOptions(fisher_labels="sampled", draws=draws, per_sample_chunk=100)))
        off = (found / factor - mean.mean(0)) / spread
        assert float(off.abs().max()) < 3.5
        assert 0.3 < float(off.square().mean().sqrt()) < 1.7

    def test_labels_are_drawn_as_the_network_predicts_them(self):
        from prune_core.criteria.fisher_diagonal import sampled

        p = torch.tensor([[0.7, 0.2, 0.1], [0.0, 1.0, 0.0]], dtype=torch.float64)
        drawn = sampled(p, 10_000, torch.Generator().manual_seed(0))
        counts = torch.bincount(drawn[:, 0], minlength=3)
        assert bool(((counts - 10_000 * p[0]).abs() < 4 * (10_000 * p[0] * (1 - p[0])).sqrt()).all())
        assert drawn[:, 1].unique().tolist() == [1]


class TestObd:
    def test_the_default_is_half_the_gauss_newton_diagonal_times_the_squared_weight(self):
        net = tiny(3)
        wanted = gauss_newton(net) * flat(net.weights).detach().square() / 2
        torch.testing.assert_close(flat(ask(obd.score, net, ObdOptions())), wanted, rtol=1e-11, atol=1e-15)

    def test_first_order_and_weight_decay_are_the_second_order_change_of_the_penalised_loss(self):
        """-w dL/dw + w^2 d^2L/dw^2 / 2, both derivatives by differences of the loss along each weight, plus what the penalty changes."""
        decay, probes = 0.05, 100
        net = tiny(1)
        w = flat(net.weights).detach()
        options = ObdOptions(hessian="hutchinson", probes=probes, first_order=True, weight_decay=decay)
        h = hessian(net)
        spread = ((h.square().sum(1) - h.diagonal().square()) / probes).sqrt() * w.square() / 2
        wanted = -w * image_gradients(net).mean(0) + second_differences(net) * w.square() / 2 - decay * w.square() / 2
        off = (flat(ask(obd.score, net, options)) - wanted).abs()
        assert bool((off < 4 * spread + 1e-6).all())

    def test_negative_entries_count_as_zero_when_asked(self):
        net = tiny(0)
        keep, zero = (flat(ask(obd.score, net, ObdOptions(hessian="hutchinson", probes=20, negative=n))) for n in ("keep", "zero"))
        assert bool((keep < 0).any())
        assert zero.equal(keep.clamp(min=0))


class TestHutchinson:
    def test_the_explicit_hessian_has_the_second_differences_of_the_loss_on_its_diagonal(self):
        net = tiny(0)
        torch.testing.assert_close(hessian(net).diagonal(), second_differences(net), rtol=1e-4, atol=1e-6)

    def test_a_product_is_that_of_the_explicit_hessian(self):
        net = tiny(1)
        chance = torch.Generator().manual_seed(5)
        z = {n: torch.randn(w.shape, generator=chance, dtype=torch.float64) for n, w in net.weights.items()}
        found = flat(hessian_product(lambda batch: F.cross_entropy(net.model(batch[0]), batch[1]), net.weights, net.batches, z))
        torch.testing.assert_close(found, hessian(net) @ flat(z), rtol=1e-11, atol=1e-13)

    @pytest.mark.parametrize("probes", [20, 320])
    def test_the_estimate_lies_within_its_standard_errors_of_the_explicit_hessian(self, probes):
        net = tiny(0)
        h = hessian(net)
        spread = ((h.square().sum(1) - h.diagonal().square()) / probes).sqrt()
        found = flat(hutchinson_diagonal(net.model, net.weights, net.batches, probes, torch.Generator().manual_seed(0)))
        off = (found - h.diagonal()) / spread
        assert float(off.abs().max()) < 4
        assert 0.5 < float(off.square().mean().sqrt()) < 1.5
