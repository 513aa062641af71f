"""SNIP's Figure 2 on real MNIST, and its control (criteria that look at data; the paper, section 5.4)."""

import numpy as np
import pytest
from safetensors.numpy import load_file

from prune_core import RunSpec, run
from prune_core.engine.dataset import open_data


def own_class_best(folder, labels: str, sparsity: float = 0.9) -> int:
    """Classes (of ten) whose mask image correlates more with their own class mean than with any other."""
    import torch

    from prune_core import catalogue

    spec = RunSpec(protocol="score", dataset="mnist", protocol_options={"labels": labels})
    scored = [e for _, e in run(spec, folder=folder) if e.kind == "scored"]
    data = open_data(catalogue.datasets["mnist"], torch.device("cpu"), print)["train"]
    means = np.stack([data.images[data.labels == k].float().mean((0, 1)).numpy().ravel() for k in range(10)])
    index = scored[0].sparsities.index(sparsity)
    masks = np.stack([load_file(folder / e.file)["pixels"][index] for e in scored]).astype(float)
    correlation = np.corrcoef(masks, means)[:10, 10:]
    return int((correlation.argmax(1) == np.arange(10)).sum())


@pytest.mark.parametrize("labels", ["true", "shuffled"])
def test_at_90_percent_masks_look_most_like_their_own_class_with_true_and_with_shuffled_labels(mnist, tmp_path, labels):
    assert own_class_best(tmp_path, labels) >= 9


def test_kept_counts_per_pixel_add_up_to_the_first_layer_and_are_nested(mnist, tmp_path):
    scored = next(e for _, e in run(RunSpec(protocol="score", dataset="mnist"), folder=tmp_path) if e.kind == "scored")
    pixels = load_file(tmp_path / scored.file)["pixels"].astype(int)
    assert pixels.shape == (99, 784)
    assert pixels.sum(1).tolist() == [k[0] for k in scored.kept]
    assert (np.diff(pixels, axis=0) <= 0).all()
    totals = [sum(k) for k in scored.kept]
    assert totals[scored.sparsities.index(0.9)] == 26_620
    assert totals[scored.sparsities.index(0.95)] == 13_310


def test_a_scoring_run_shows_exactly_the_mask_that_a_pruning_run_gets(mnist, tmp_path):
    spec = RunSpec(protocol="score", dataset="mnist", protocol_options={"classes": "all"})
    scored = next(e for _, e in run(spec, folder=tmp_path) if e.kind == "scored")
    pruned = next(e for _, e in run(RunSpec(dataset="mnist", sparsity=0.95, epochs=0)) if e.kind == "pruned")
    looked = load_file(tmp_path / scored.file)["pixels"][scored.sparsities.index(0.95)]
    assert looked.tolist() == list(pruned.first_layer.counts)
