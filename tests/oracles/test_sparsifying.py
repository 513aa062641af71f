"""What pulls at a network while it trains, and what listens to it: against recursions by hand, single images and networks of the same outputs."""

import copy
import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from prune_core import RunSpec, run
from prune_core.engine.gathering import Gathering
from prune_core.engine.sparsifying import MOMENTUM, Penalty, Scales
from prune_core.events import Pruned, Scored
from tests.oracles.narrow import images, network

NETWORKS = ["lenet_5", "small_conv", "conv_4", "resnet_20", "wrn_16_4", "densenet_40"]


def ready(name: str, shared: bool = True):
    """A network whose batch norms have seen images; all its channels may go."""
    net = network(name, "he", width=0.25)
    net.entry = net.entry.removing(shared)
    net.module.train()(images(net.entry, 16))
    return net


def soft(a: float, threshold: float) -> float:
    return math.copysign(max(abs(a) - threshold, 0.0), a)


class TestPenalty:
    @pytest.mark.parametrize("name", ["small_conv", "wrn_16_4", "densenet_40"])
    def test_adds_its_strength_times_the_sign_of_every_scale_and_nothing_else(self, name):
        net = ready(name)
        with torch.no_grad():
            for p in net.module.parameters():
                p.add_(0.1 * torch.randn(p.shape, generator=torch.Generator().manual_seed(p.numel())))
        scales = {f"{norm.name}.weight" for group in net.entry.channel_groups for norm in group.norms}
        net.gradient.fill_(0.25)
        Penalty(net, 0.01)(8, 0.1)
        for n, p in net.parameters.items():
            wanted = 0.25 + 0.01 * p.sign() if n in scales else torch.full_like(p, 0.25)
            torch.testing.assert_close(p.grad, wanted, rtol=1e-6, atol=1e-8)

    def test_without_strength_slimming_trains_as_a_dense_run_does(self):
        """Beside a run that trains half of its epochs, then prunes: the same losses until then."""
        spec = {"model": "small_conv", "epochs": 3, "sparsity": 0.3}
        pulled = RunSpec(**spec, protocol="slimming", criterion="bn_scale", protocol_options={"penalty": 0, "scale": 1, "finetune": 0.5})
        free = RunSpec(**{**spec, "epochs": 3}, protocol="iterative", criterion="bn_scale", protocol_options={"rounds": 1})
        looked = [[n.event for n in run(s)] for s in (pulled, free)]
        first = [next(e for e in events if e.kind == "epoch") for events in looked]
        assert (first[0].loss, first[0].accuracy) == (first[1].loss, first[1].accuracy)

    def test_pulls_scales_together(self):
        """On real digits: the harder the pull, the smaller the sum of the scales at the pruning."""
        sums = []
        for penalty in (0.0, 1e-3, 1e-2):
            spec = RunSpec(
                model="small_conv", epochs=4, sparsity=0.5, protocol="slimming", criterion="bn_scale", protocol_options={"penalty": penalty}
            )
            event = next(n.event for n in run(spec) if isinstance(n.event, Scored))
            middles = [
                (10 ** ((a + b) / 2), c) for h in event.histograms for a, b, c in zip(h.edges[:-1], h.edges[1:], h.counts, strict=True)
            ]
            sums.append(sum(value * count for value, count in middles))
        assert sums == sorted(sums, reverse=True)
        assert sums[2] < 0.8 * sums[0]


class TestScales:
    @pytest.mark.parametrize(("momentum", "b", "strength", "end"), [(0.9, 0.8, 0.3, 0.5), (0.9, 0.2, 0.3, 0.0), (0.9, -1.0, 0.3, 0.0)])
    def test_ends_where_the_recursion_by_hand_does(self, momentum, b, strength, end):
        """f = (lambda - b)^2 / 2, eta 0.1: the fixed point is max(0, S(b)) with the strength for its threshold."""
        assert momentum == MOMENTUM
        net = network("small_conv", width=0.25)
        scales, eta = Scales(net, strength), 0.1
        value, velocity = 1.0, 0.0
        for _ in range(2000):
            gradient = value - b
            z = soft(value - eta * gradient, eta * strength)
            velocity = z - value + momentum * velocity
            value = max(0.0, z + momentum * velocity)
            for v in scales.values.values():
                v.grad = v.detach() - b
            scales(1, eta)
        assert value == pytest.approx(end, abs=1e-6)
        for v in scales.values.values():
            assert v.tolist() == pytest.approx([value] * len(v), abs=1e-4)

    def test_without_a_gradient_a_factor_shrinks_and_then_stays_at_zero(self):
        net = network("small_conv", width=0.25)
        scales = Scales(net, 0.5)
        seen = []
        for _ in range(60):
            for v in scales.values.values():
                v.grad = torch.zeros_like(v)
            scales(1, 0.1)
            seen.append(float(next(iter(scales.values.values()))[0]))
        assert seen == sorted(seen, reverse=True)
        assert seen[-1] == 0

    @pytest.mark.parametrize("name", NETWORKS)
    def test_factors_go_into_the_weights_without_changing_what_is_computed(self, name):
        net = ready(name)
        scales, chance = Scales(net, 0.1), torch.Generator().manual_seed(0)
        with torch.no_grad():
            for v in scales.values.values():
                v.copy_(torch.rand(v.shape, generator=chance) * (torch.rand(v.shape, generator=chance) < 0.7))
        module, x = net.module.eval(), images(net.entry, 4)
        with torch.no_grad():
            before = module(x)
            factors = scales.fold()
            after = module(x)
        torch.testing.assert_close(before, after, rtol=1e-4, atol=1e-5)
        assert not torch.allclose(before, copy.deepcopy(ready(name).module).eval()(x), rtol=1e-3)
        closed = {n: f > 0 for n, f in factors.items()}
        for n, f in closed.items():
            if not f.any():
                closed[n] = torch.ones_like(f)
        net.apply_masks(net.channel_masks(closed), None)
        with torch.no_grad():
            torch.testing.assert_close(module(x), after, rtol=1e-4, atol=1e-5)  # a closed channel has nothing left that reads it

    def test_the_slope_along_a_factor_is_that_of_central_differences(self):
        net = network("small_conv", "he", width=0.25)
        net.module.double().eval()
        scales = Scales(net, 0.1)
        for name in scales.values:
            scales.values[name] = scales.values[name].detach().double().requires_grad_()
        x, y = images(net.entry, 6).double(), torch.arange(6)
        F.cross_entropy(net.module(x), y).backward()
        for v in scales.values.values():
            for k in range(len(v)):
                losses = []
                for h in (1e-5, -1e-5):
                    with torch.no_grad():
                        v[k] += h
                        losses.append(float(F.cross_entropy(net.module(x), y)))
                        v[k] -= h
                assert float(v.grad[k]) == pytest.approx((losses[0] - losses[1]) / 2e-5, rel=1e-5, abs=1e-9)

    def test_pruning_what_was_closed_costs_nothing(self):
        spec = RunSpec(
            model="small_conv", sparsity=0.4, epochs=10, protocol="structure_selection", criterion="structure_scale",
            protocol_options={"strength": 0.05, "keep_min": 0},
        )  # fmt: skip
        events = [n.event for n in run(spec)]
        scored, pruned = next(e for e in events if isinstance(e, Scored)), next(e for e in events if isinstance(e, Pruned))
        assert sum(h.zeros for h in scored.histograms) >= 32
        assert pruned.before.loss == pytest.approx(pruned.after.loss, rel=1e-5)
        assert pruned.kept == 48


class TestGathering:
    @pytest.mark.parametrize("name", NETWORKS)
    def test_gathers_half_the_mean_square_of_every_images_slope(self, name):
        """Against a loop over single images with a gate on all that reads each channel, in eval mode, where images do not see each other."""
        net = ready(name)
        module = net.module.eval()
        gathering = Gathering(net)
        x, y = images(net.entry, 6, seed=3), torch.arange(6)
        for part in (slice(0, 4), slice(4, 6)):  # two batches of different sizes: each image counts once
            net.gradient.zero_()
            F.cross_entropy(module(x[part]), y[part]).backward()
            gathering(len(y[part]), 0.1)
        found = gathering.scores()
        gathering.end()
        wanted = {n: torch.zeros_like(s) for n, s in found.items()}
        scales = Scales(net, 0.0)
        for i in range(6):
            for v in scales.values.values():
                v.grad = None
            F.cross_entropy(module(x[i : i + 1]), y[i : i + 1]).backward()
            for n, v in scales.values.items():
                wanted[n] += v.grad.double().square() / 12
        for n in wanted:
            torch.testing.assert_close(found[n], wanted[n], rtol=2e-3, atol=1e-9)

    def test_changes_nothing_about_training(self):
        nets = [network("small_conv", "he", width=0.25) for _ in range(2)]
        gathering = Gathering(nets[1])
        for i, net in enumerate(nets):
            net.gradient.zero_()
            F.cross_entropy(net.module.train()(images(net.entry, 8)), torch.arange(8)).backward()
            if i:
                gathering(8, 0.1)
        assert torch.equal(nets[0].gradient, nets[1].gradient)

    def test_a_channel_that_nothing_reads_scores_nothing(self):
        net: object = network("small_conv", "he", width=0.25)
        with torch.no_grad():
            net.parameters["conv2.weight"][:, 1] = 0
        gathering = Gathering(net)
        F.cross_entropy(net.module.train()(images(net.entry, 8)), torch.arange(8)).backward()
        gathering(8, 0.1)
        scores: dict[str, Tensor] = gathering.scores()
        assert scores["conv1"][1] == 0
        assert int((scores["conv1"] == 0).sum()) == 1
