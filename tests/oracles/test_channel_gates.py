"""Criteria that set a gate on every channel, against central differences of explicit gates behind the ReLU: losses of single images, no autograd."""

import math

import pytest
import torch
from torch import Tensor, nn

from prune_core.catalogue.criteria.at_start import SnipOptions, SynflowOptions
from prune_core.catalogue.criteria.channels import SkeletonizationOptions
from prune_core.catalogue.criteria.trained import FisherOptions, TaylorOptions
from prune_core.criteria import fisher, skeletonization, snip, synflow, taylor
from tests.oracles.networks import TinyConv, ask_channels, tiny_conv
from tests.oracles.test_synflow import drawn, flow

H = 1e-5
POSITIONS = {"conv1": 6 * 6, "conv2": 3 * 3}
SIZES = {"snip": torch.abs, "taylor": torch.square}
KINDS = pytest.mark.parametrize("norm", [True, False], ids=["batch-norm", "convolution-alone"])
REDUCES = pytest.mark.parametrize("reduce", ["total", "batch", "sample"])


def logits_with(net: TinyConv, images: Tensor, name: str, k: int, gate: float) -> list[list[float]]:
    gates = {n: torch.ones(g.channels, dtype=torch.float64) for n, g in net.groups.items()}
    gates[name][k] = gate
    with torch.no_grad():
        return net.activations(images, gates)[1].tolist()


def losses_with(net: TinyConv, batch, name: str, k: int, gate: float) -> list[float]:
    """Loss of every image of a batch with the gate of one channel set, in Python floats."""
    logits = logits_with(net, batch[0], name, k, gate)
    return [math.log(sum(map(math.exp, row))) - row[int(y)] for row, y in zip(logits, batch[1], strict=True)]


def slopes(net: TinyConv, batch) -> dict[str, Tensor]:
    """(loss(gate = 1 + h) - loss(gate = 1 - h)) / 2h of every image: name -> (B, channels)."""
    found = {}
    for name, group in net.groups.items():
        pairs = [(losses_with(net, batch, name, k, 1 + H), losses_with(net, batch, name, k, 1 - H)) for k in range(group.channels)]
        columns = [[(a - b) / (2 * H) for a, b in zip(up, down, strict=True)] for up, down in pairs]
        found[name] = torch.tensor(columns, dtype=torch.float64).T
    return found


def sized(net: TinyConv, reduce: str, size) -> dict[str, Tensor]:
    """Mean over all images of what `reduce` takes sizes of, from slopes of single images."""
    each = [slopes(net, batch) for batch in net.batches]
    found = {}
    for name in net.groups:
        together = torch.cat([s[name] for s in each])
        parts = {"total": [together], "batch": [s[name] for s in each], "sample": list(together[:, None])}[reduce]
        found[name] = sum(len(p) * size(p.mean(0)) for p in parts) / len(together)
    return found


def close(found, wanted, rtol=1e-6, atol=1e-9):
    assert set(found) == set(wanted)
    for name in wanted:
        torch.testing.assert_close(found[name], wanted[name], rtol=rtol, atol=atol)


@KINDS
@REDUCES
def test_snip_of_a_channel_is_the_size_of_the_slope_along_its_gate(norm, reduce):
    net = tiny_conv(1, sizes=(5, 3, 4), norm=norm)
    close(ask_channels(snip.score_channels, net, SnipOptions(reduce=reduce)), sized(net, reduce, torch.abs))


@KINDS
@REDUCES
def test_taylor_of_a_channel_is_the_squared_slope_along_its_gate(norm, reduce):
    net = tiny_conv(2, sizes=(5, 3, 4), norm=norm)
    close(ask_channels(taylor.score_channels, net, TaylorOptions(reduce=reduce)), sized(net, reduce, torch.square))


@KINDS
def test_taylor_of_a_feature_map_is_each_images_slope_by_position_in_units_of_its_layer(norm):
    net = tiny_conv(3, norm=norm)
    found = ask_channels(taylor.score_channels, net, TaylorOptions(form="feature_map"))
    for name in net.groups:
        by_position = torch.cat([slopes(net, batch)[name] for batch in net.batches]).abs().mean(0) / POSITIONS[name]
        torch.testing.assert_close(found[name], by_position / math.hypot(*by_position.tolist()), rtol=1e-6, atol=1e-9)


def test_a_layer_in_which_nothing_matters_has_feature_maps_of_zero():
    net = tiny_conv(5)
    with torch.no_grad():
        net.model.fc.weight.zero_()
    found = ask_channels(taylor.score_channels, net, TaylorOptions(form="feature_map"))
    assert not any(s.any() for s in found.values())


@REDUCES
@pytest.mark.parametrize("name", SIZES)
def test_a_moving_average_weighs_later_batches(name, reduce):
    net = tiny_conv(6, sizes=(3, 4, 5))
    score, options, size = {
        "snip": (snip.score_channels, SnipOptions, torch.abs), "taylor": (taylor.score_channels, TaylorOptions, torch.square)
    }[name]  # fmt: skip
    found = ask_channels(score, net, options(reduce=reduce, accumulate="ema"))
    each = [slopes(net, batch) for batch in net.batches]
    for group in net.groups:
        a, b, c = (size(s[group]).mean(0) if reduce == "sample" else s[group].mean(0) for s in each)
        if reduce == "batch":
            a, b, c = map(size, (a, b, c))
        wanted = 0.81 * a + 0.09 * b + 0.1 * c
        torch.testing.assert_close(found[group], size(wanted) if reduce == "total" else wanted, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("place", ["in front of the ReLU", "behind the pooling"])
def test_wherever_the_gate_stands_behind_batch_norm_it_is_the_same_gate(place):
    """The gate is put there by a hook, and the loss is evaluated."""
    net = tiny_conv(7)
    found = ask_channels(snip.score_channels, net, SnipOptions())["conv1"]
    module = net.model.bn1 if place == "in front of the ReLU" else net.model.pool
    gate = torch.ones(4, dtype=torch.float64)
    module.register_forward_hook(lambda _module, _inputs, output: output * gate.view(1, -1, 1, 1))
    for k in range(4):
        values = []
        for value in (1 + H, 1 - H):
            gate[k] = value
            values.append(sum(loss for batch in net.batches for loss in losses_with(net, batch, "conv2", 0, 1)))
        gate[k] = 1
        assert float(found[k]) == pytest.approx(abs(values[0] - values[1]) / (2 * H) / 8, rel=1e-6, abs=1e-9)


def test_a_gate_on_the_filter_is_undone_by_batch_norm_of_the_batch_and_ours_is_not():
    """In training mode, the slope along the gate behind batch norm; the whole batch sees one gate."""
    net = tiny_conv(8, sizes=(6,))
    net.model.train()
    wanted = {name: s.mean(0).abs() for name, s in slopes(net, net.batches[0]).items()}
    close(ask_channels(snip.score_channels, net, SnipOptions()), wanted)
    assert float(wanted["conv1"].max()) > 1e-3


def test_a_relu_that_works_in_place_changes_nothing():
    net = tiny_conv(9)
    before = ask_channels(fisher.score_channels, net, FisherOptions())
    net.model.relu1.inplace = net.model.relu2.inplace = True
    close(ask_channels(fisher.score_channels, net, FisherOptions()), before, rtol=1e-12, atol=1e-15)


def test_no_hook_stays_when_the_network_fails():
    net = tiny_conv()
    net.model.fc = nn.Linear(7, 3)
    with pytest.raises(RuntimeError):
        ask_channels(snip.score_channels, net, SnipOptions())
    assert not any(m._forward_hooks for m in net.model.modules())


def test_by_the_loss_skeletonization_is_snip_with_a_sign_and_taylor_its_square():
    net = tiny_conv(10)
    signed = ask_channels(skeletonization.score, net, SkeletonizationOptions(error="loss"))
    close(ask_channels(snip.score_channels, net, SnipOptions()), {n: s.abs() for n, s in signed.items()}, rtol=1e-12, atol=1e-15)
    close(ask_channels(taylor.score_channels, net, TaylorOptions(reduce="total")), {n: s.square() for n, s in signed.items()}, rtol=1e-12)


class TestFisher:
    @KINDS
    def test_the_empirical_fisher_is_half_the_mean_square_of_single_images_slopes(self, norm):
        net = tiny_conv(11, norm=norm)
        wanted = {name: s / 2 for name, s in sized(net, "sample", torch.square).items()}
        close(ask_channels(fisher.score_channels, net, FisherOptions()), wanted)

    def test_images_count_with_their_own_slopes_and_not_with_their_share_of_a_mean_loss(self):
        net = tiny_conv(12)
        twice = net._replace(batches=[*net.batches, *net.batches])
        one = net._replace(batches=[tuple(torch.cat(parts) for parts in zip(*net.batches, strict=True))])
        wanted = ask_channels(fisher.score_channels, net, FisherOptions())
        for other in (twice, one):
            close(ask_channels(fisher.score_channels, other, FisherOptions()), wanted, rtol=1e-12, atol=1e-15)

    def jacobians(self, net: TinyConv) -> tuple[dict[str, Tensor], Tensor]:
        """Central differences of every logit of every image along each gate, name -> (N, classes, channels), and predictions (N, classes)."""
        images = torch.cat([x for x, _ in net.batches])
        found = {}
        for name, group in net.groups.items():
            pairs = (
                [torch.tensor(logits_with(net, images, name, k, gate), dtype=torch.float64) for gate in (1 + H, 1 - H)]
                for k in range(group.channels)
            )
            found[name] = torch.stack([(up - down) / (2 * H) for up, down in pairs], 2)
        logits = torch.tensor(logits_with(net, images, "conv1", 0, 1), dtype=torch.float64)
        return found, logits.exp() / logits.exp().sum(1, keepdim=True)

    @KINDS
    def test_over_all_classes_it_is_half_the_gauss_newton_diagonal_of_the_gates(self, norm):
        """Mean over images of J^T (diag p - p p^T) J / 2: the curvature of the loss if the outputs were linear in the gates."""
        net = tiny_conv(13, norm=norm)
        jacobian, p = self.jacobians(net)
        outputs = torch.diag_embed(p) - p[:, :, None] * p[:, None, :]
        wanted = {name: torch.einsum("nak,nab,nbk->k", j, outputs, j) / len(j) / 2 for name, j in jacobian.items()}
        close(ask_channels(fisher.score_channels, net, FisherOptions(fisher_labels="exact")), wanted)

    def test_drawn_labels_come_to_all_classes_within_their_standard_errors(self):
        net, draws = tiny_conv(14), 400
        jacobian, p = self.jacobians(net)
        found = ask_channels(fisher.score_channels, net, FisherOptions(fisher_labels="sampled", draws=draws))
        for name, j in jacobian.items():
            residuals = p[:, None, :] - torch.eye(3, dtype=torch.float64)  # (N, label, class): dl / dlogits
            squares = torch.einsum("nca,nak->nck", residuals, j).square() / 2
            mean = torch.einsum("nc,nck->nk", p, squares)
            spread = torch.einsum("nc,nck->nk", p, (squares - mean[:, None]).square()).sum(0).sqrt() / (len(p) * math.sqrt(draws))
            off = (found[name] - mean.mean(0)).abs()
            assert bool((off <= 3.5 * spread + 1e-12).all())
            assert float(off.max()) > 0


class TestSynflow:
    def test_a_channel_carries_what_is_lost_when_it_is_silenced(self):
        """All is linear behind the first ReLU of a positive network: R less R without the channel, from two forward passes of another network."""
        net = tiny_conv(15)
        found = ask_channels(synflow.score_channels, net, SynflowOptions())
        positive = tiny_conv(15)
        with torch.no_grad():
            for name, tensor in positive.model.state_dict().items():
                if tensor.is_floating_point():
                    tensor.abs_()
                if name.endswith(("bias", "running_mean")):
                    tensor.zero_()
        ones = torch.ones(1, 2, 6, 6, dtype=torch.float64)
        for name, group in positive.groups.items():
            whole = sum(logits_with(positive, ones, name, 0, 1)[0])
            lost = [whole - sum(logits_with(positive, ones, name, k, 0)[0]) for k in range(group.channels)]
            assert found[name].tolist() == pytest.approx(lost, rel=1e-10, abs=1e-12)
            assert sum(lost) == pytest.approx(whole, rel=1e-10)

    @pytest.mark.parametrize("name", ["small_conv", "conv_4", "conv_6", "vgg_11", "alexnet_s"])
    def test_what_flows_into_a_channel_flows_out_of_it(self, name):
        """Scores of the weights that read a channel: columns of the next layer, as many in a row as the channel has positions where it is flattened."""
        from prune_core.catalogue import function_of
        from prune_core.criteria.types import Scoring
        from tests.oracles.narrow import narrow

        entry, options = narrow(name)
        module = drawn(function_of(entry)(options, entry.classes)).eval()
        weights, groups = flow(module, entry.input_shape), {g.name: g for g in entry.channel_groups}
        found = synflow.score_channels(Scoring(module, {}, {}, [], SynflowOptions(), torch.Generator(), entry.input_shape, groups=groups))
        readers = dict(zip(list(weights)[:-1], list(weights)[1:], strict=True))
        assert list(found) == list(groups)
        for group in groups.values():
            reader = weights[readers[group.producer]]
            out = reader.flatten(1).reshape(len(reader), group.channels, -1).sum((0, 2))
            torch.testing.assert_close(found[group.name], out, rtol=1e-10, atol=0)


def test_captum_finds_the_same_slopes():
    """Layer activation times gradient of every image's loss, summed over space."""
    attr = pytest.importorskip("captum.attr")
    net = tiny_conv(16)
    found = ask_channels(fisher.score_channels, net, FisherOptions())
    total = {name: torch.zeros(g.channels, dtype=torch.float64) for name, g in net.groups.items()}
    for images, labels in net.batches:
        for name in net.groups:
            layer = net.model.get_submodule(f"relu{name[-1]}")
            loss = nn.CrossEntropyLoss(reduction="none")
            attribution = attr.LayerGradientXActivation(lambda x, labels=labels, loss=loss: loss(net.model(x), labels), layer).attribute(
                images
            )
            total[name] += attribution.sum((2, 3)).square().sum(0).detach() / 2
    close(found, {name: t / 8 for name, t in total.items()}, rtol=1e-10, atol=1e-14)
