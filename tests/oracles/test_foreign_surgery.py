"""Surgery on networks that are not ours: torchvision's, on photographs. Their channels, the coupled ones too, and what stays with its reason."""

import pytest
import torch
from sklearn.datasets import load_sample_images
from torch import nn
from torch.nn import functional as F

from prune_core.data.torchvision_import import torchvision_datasets
from prune_core.engine.foreign import reach, shrunk, silenced

torchvision_datasets()
from torchvision import models  # noqa: E402

NETWORKS = {
    "resnet_50": models.resnet50, "mobilenet_v3": models.mobilenet_v3_small, "efficientnet_b0": models.efficientnet_b0,
    "densenet_121": models.densenet121, "convnext_t": models.convnext_tiny, "vit_b_16": models.vit_b_16,
}  # fmt: skip
STAYS = {"convnext_t": "LayerNorm", "vit_b_16": "LayerNorm"}


@pytest.fixture(scope="module")
def photographs() -> torch.Tensor:
    """Two photographs, (2, 3, 224, 224)."""
    images = torch.stack([torch.from_numpy(i.copy()).permute(2, 0, 1) for i in load_sample_images().images]).float() / 255
    return (F.interpolate(images, (224, 224), mode="bilinear") - 0.45) / 0.225


def network(name: str, images: torch.Tensor) -> nn.Module:
    """With random weights, none of which begin at 0; batch norms have seen the photographs."""
    torch.manual_seed(0)
    module = NETWORKS[name]()
    for path, parameter in module.named_parameters():
        if "layer_scale" in path or not parameter.any():
            nn.init.normal_(parameter, 0, 0.1)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias, 0, 0.1)
    with torch.no_grad():
        module.train()(images)
    return module.eval()


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_left_computes_the_same(name, photographs):
    module = network(name, photographs)
    there, chance = reach(module, photographs[:1]), torch.Generator().manual_seed(0)
    gone = {n: torch.randperm(c, generator=chance)[: c // 2].tolist() for n, c in there.channels.items() if c > 1}
    assert gone
    masked, small = silenced(module, photographs[:1], gone), shrunk(module, photographs[:1], gone)
    assert sum(p.numel() for p in small.parameters()) < 0.75 * sum(p.numel() for p in module.parameters())
    for dtype, tolerance in ((torch.float32, 1e-4), (torch.float64, 1e-10)):
        with torch.inference_mode():
            one, other = masked.to(dtype)(photographs.to(dtype)), small.to(dtype)(photographs.to(dtype))
        assert float((one - other).abs().max() / one.abs().max()) <= tolerance
    with torch.inference_mode():
        assert not torch.allclose(one, module.double()(photographs.double()), rtol=1e-3)


@pytest.mark.parametrize("name", NETWORKS)
def test_what_stays_says_why(name, photographs):
    there = reach(network(name, photographs), photographs[:1])
    assert "they are what the network puts out" in there.refused.values()
    assert any(STAYS.get(name, "network puts out") in why for why in there.refused.values())
    assert not set(there.refused) & set(there.channels)


def test_channels_that_cross_a_layer_norm_are_refused_in_words(photographs):
    module = network("convnext_t", photographs)
    with pytest.raises(ValueError, match=r"^features\.0\.0: its channels stay: .*LayerNorm.* takes its statistics over all channels"):
        shrunk(module, photographs[:1], {"features.0.0": [0]})
    with pytest.raises(ValueError, match="no layer of that name"):
        shrunk(module, photographs[:1], {"nowhere": [0]})


def test_a_silent_channel_that_crosses_a_layer_norm_does_change_the_others():
    """Why they are refused: the norm divides by all of them, silent or not."""
    norm, x = nn.LayerNorm(6, dtype=torch.float64), torch.randn(2, 6, dtype=torch.float64)
    x[:, 5] = 0
    with torch.no_grad():
        changed = norm(x)[:, :5] - nn.LayerNorm(5, dtype=torch.float64)(x[:, :5])
    assert float(changed.abs().max()) > 1e-3
