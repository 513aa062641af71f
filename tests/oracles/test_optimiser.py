"""The flat optimisers against torch.optim, and the invariants of masked training."""

import pytest
import torch

from prune_core.engine.optimiser import OPTIMISERS

PEERS = {
    "sgd": lambda p, lr, m: torch.optim.SGD([p], lr=lr, momentum=m, weight_decay=5e-4),
    "adam": lambda p, lr, m: torch.optim.Adam([p], lr=lr, betas=(m, 0.999), weight_decay=5e-4),
}


@pytest.mark.parametrize("momentum", [0.9, 0.0])
@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("name", OPTIMISERS)
def test_fifty_steps_agree_with_torch_optim(name, fused, momentum):
    chance = torch.Generator().manual_seed(0)
    ours, theirs = (torch.randn(200, generator=chance) for _ in range(2))
    theirs.copy_(ours)
    theirs.requires_grad_()
    gradient = torch.zeros(200)
    mine = OPTIMISERS[name](ours, gradient, momentum, 5e-4)
    mine.fused = mine.fused and fused
    peer = PEERS[name](theirs, 0.01, momentum)
    for _ in range(50):
        g = torch.randn(200, generator=chance)
        gradient.copy_(g)
        theirs.grad = g
        mine.step(0.01)
        peer.step()
    torch.testing.assert_close(ours, theirs.detach(), rtol=2e-5, atol=1e-6)
