"""Layer-wise OBS against least-squares fits by numpy on inputs gathered by hand, and against what the layers really put out."""

import numpy as np
import pytest
import torch
from torch import nn

from prune_core import catalogue
from prune_core.catalogue.criteria.trained import LObsOptions
from prune_core.criteria import l_obs
from prune_core.criteria.layer_inputs import inputs
from prune_core.criteria.types import CriterionError, Scoring
from prune_core.engine.dataset import open_data
from prune_core.engine.scoring import adjusted, score, scoring_batches
from prune_core.steps import Score
from tests.oracles.narrow import network
from tests.oracles.networks import Tiny, tiny

BARE = LObsOptions(damping=1e-14)


def asked(net: Tiny, options=BARE, left=None, seed=0) -> Scoring:
    units = {n: tuple(w.shape) for n, w in net.weights.items()}
    chance = torch.Generator().manual_seed(seed)
    return Scoring(net.model, net.weights, units, net.batches, options, chance, tuple(net.batches[0][0].shape[1:]), left=left or {})


def dense(seed=0) -> Tiny:
    return tiny(seed, sizes=(40, 23))


def convolutional(seed=0) -> Tiny:
    """Two convolutions, the first with stride and without a bias, and a dense layer, on images of 2 x 5 x 5."""
    chance = torch.Generator().manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(2, 3, 3, stride=2, padding=1, bias=False), nn.ReLU(), nn.Conv2d(3, 4, 2), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3)
    ).double()
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, generator=chance, dtype=torch.float64) * 0.7)
    weights = {n: p for n, p in model.named_parameters() if n.endswith("weight")}
    sizes = (30, 17)
    return Tiny(
        model, weights, [(torch.randn(n, 2, 5, 5, generator=chance, dtype=torch.float64), torch.zeros(n, dtype=torch.int64)) for n in sizes]
    )


def by_hand(net: Tiny, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Inputs (n, d) of a layer, one row for everything that it forms a weighted sum of, and its weights (d, outputs), the bias last."""
    place = int(name.split(".")[0])
    x = torch.cat([images for images, _ in net.batches])
    with torch.no_grad():
        for layer in net.model[:place]:
            x = layer(x)
    layer, x = net.model[place], x.numpy()
    weights = layer.weight.detach().numpy().reshape(len(layer.weight), -1).T
    if isinstance(layer, nn.Conv2d):
        (p, _), (s, _), (k, _) = layer.padding, layer.stride, layer.kernel_size
        x = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
        places = range(0, x.shape[2] - k + 1, s)
        x = np.stack([image[:, i : i + k, j : j + k].ravel() for image in x for i in places for j in places])
    if layer.bias is None:
        return x, weights
    return np.hstack([x, np.ones((len(x), 1))]), np.vstack([weights, layer.bias.detach().numpy()])


def fitted(y: np.ndarray, target: np.ndarray, support: np.ndarray) -> np.ndarray:
    """The least-squares fit of target (n,) on the columns of y that are in the support."""
    found = np.zeros(y.shape[1])
    found[support] = np.linalg.lstsq(y[:, support], target, rcond=None)[0]
    return found


def damped(y: np.ndarray, damping: float) -> np.ndarray:
    """Rows that add the damping times the mean second moment to every second moment of y, without adding to n."""
    strength = np.sqrt(len(y) * damping * (y**2).sum() / y.size)
    return np.vstack([y, strength * np.eye(y.shape[1])])


def some(net: Tiny, share: float, seed=3) -> dict[str, torch.Tensor]:
    chance = torch.Generator().manual_seed(seed)
    return {n: torch.rand(w.shape, generator=chance) < share for n, w in net.weights.items()}


def with_bias(mask: torch.Tensor, d: int) -> np.ndarray:
    """(outputs, d): a bias is always there."""
    rows = mask.flatten(1).numpy()
    return np.hstack([rows, np.ones((len(rows), d - rows.shape[1]), bool)])


NETS = pytest.mark.parametrize("net", [dense(), dense(1), convolutional()], ids=["dense", "dense-1", "convolutional"])


@NETS
@pytest.mark.parametrize("damping", [1e-14, 0.3])
class TestEveryLayer:
    def test_a_score_is_the_error_that_the_best_fit_without_the_weight_leaves(self, net, damping):
        scores = l_obs.score(asked(net, LObsOptions(damping=damping)))
        for name, found in scores.items():
            y, w = by_hand(net, name)
            n, y = len(y), damped(y, damping)
            for c in range(w.shape[1]):
                for q in range(found[c].numel()):
                    rest = np.arange(len(w)) != q
                    error = ((y @ (fitted(y, y @ w[:, c], rest) - w[:, c])) ** 2).sum() / (2 * n)
                    assert float(found[c].flatten()[q]) == pytest.approx(error, rel=1e-8, abs=1e-12)

    def test_what_is_left_of_an_output_is_the_least_squares_fit_on_it(self, net, damping):
        kept = some(net, 0.6)
        values = l_obs.update(asked(net, LObsOptions(damping=damping)), kept)
        for name, mask in kept.items():
            y, w = by_hand(net, name)
            y = damped(y, damping)
            support = with_bias(mask, len(w))
            wanted = np.stack([fitted(y, y @ w[:, c], support[c]) for c in range(w.shape[1])])
            size = mask[0].numel()
            np.testing.assert_allclose(values[name].flatten(1).numpy(), wanted[:, :size], rtol=1e-8, atol=1e-11)
            if len(w) > size:
                np.testing.assert_allclose(values[name.replace("weight", "bias")].numpy(), wanted[:, size], rtol=1e-8, atol=1e-11)

    def test_after_an_earlier_pruning_only_what_it_left_can_make_up(self, net, damping):
        left, kept = some(net, 0.8), some(net, 0.5, seed=4)
        kept = {name: mask & left[name] for name, mask in kept.items()}
        with torch.no_grad():
            before = [w.clone() for w in net.weights.values()]
            for name, w in net.weights.items():
                w.mul_(left[name])
        question = asked(net, LObsOptions(damping=damping), left)
        scores, values = l_obs.score(question), l_obs.update(question, kept)
        for name, found in scores.items():
            y, w = by_hand(net, name)
            n, y = len(y), damped(y, damping)
            alive, support = with_bias(left[name], len(w)), with_bias(kept[name], len(w))
            for c in range(w.shape[1]):
                for q in range(found[c].numel()):
                    rest = alive[c] & (np.arange(len(w)) != q)
                    error = ((y @ (fitted(y, y @ w[:, c], rest) - w[:, c])) ** 2).sum() / (2 * n) if alive[c][q] else 0
                    assert float(found[c].flatten()[q]) == pytest.approx(error, rel=1e-8, abs=1e-12)
                wanted = fitted(y, y @ w[:, c], support[c])[: found[c].numel()]
                np.testing.assert_allclose(values[name][c].flatten().numpy(), wanted, rtol=1e-8, atol=1e-11)
        with torch.no_grad():
            for w, value in zip(net.weights.values(), before, strict=True):
                w.copy_(value)


@NETS
def test_the_error_that_is_predicted_is_the_one_that_the_layer_makes(net):
    """One weight of every layer goes; the layer itself, with its new values, on the same inputs."""
    question = asked(net)
    scores = l_obs.score(question)
    for name, s in scores.items():
        kept = {n: torch.ones_like(w, dtype=torch.bool) for n, w in net.weights.items()}
        kept[name].view(-1)[5] = False
        values = l_obs.update(question, kept)
        layer, x = net.model[int(name[0])], torch.cat([images for images, _ in net.batches])
        for before in net.model[: int(name[0])]:
            x = before(x)
        with torch.no_grad():
            moved = torch.func.functional_call(layer, {part: values[f"{name[0]}.{part}"] for part, _ in layer.named_parameters()}, (x,))
            change = (moved - layer(x)).square().sum(1).mean() / 2  # over images and places
        assert float(change) == pytest.approx(float(s.flatten()[5]), rel=1e-7)


def test_on_pruned_inputs_a_layer_is_fitted_behind_the_layers_that_are_fitted_already():
    net = dense()
    kept = some(net, 0.7)
    values = l_obs.update(asked(net, LObsOptions(damping=1e-14, inputs="pruned")), kept)
    first = torch.func.functional_call(
        net.model[0], {"weight": values["0.weight"], "bias": values["0.bias"]}, (torch.cat([x for x, _ in net.batches]),)
    )
    y = np.hstack([first.tanh().detach().numpy(), np.ones((63, 1))])
    w = np.vstack([net.model[2].weight.detach().numpy().T, net.model[2].bias.detach().numpy()])
    support = with_bias(kept["2.weight"], len(w))
    wanted = np.stack([fitted(y, y @ w[:, c], support[c]) for c in range(4)])[:, :-1]
    np.testing.assert_allclose(values["2.weight"].numpy(), wanted, rtol=1e-8, atol=1e-11)
    others = l_obs.update(asked(net), kept)
    assert values["0.weight"].equal(others["0.weight"])
    assert not torch.allclose(values["2.weight"], others["2.weight"])


def test_the_network_itself_stays_as_it_is():
    net = convolutional()
    before = {n: t.clone() for n, t in net.model.state_dict().items()}
    for options in (BARE, LObsOptions(inputs="pruned")):
        l_obs.update(asked(net, options), some(net, 0.5))
    assert all(t.equal(before[n]) for n, t in net.model.state_dict().items())


def test_an_input_that_is_always_zero_is_worth_nothing_and_harms_nothing():
    net = dense()
    for images, _ in net.batches:
        images[:, 1] = 0
    question = asked(net, LObsOptions())
    scores = l_obs.score(question)["0.weight"]
    assert float(scores[:, 1].max()) < 1e-4 * float(scores[:, [0, 2, 3]].min())
    kept = {n: torch.ones_like(w, dtype=torch.bool) for n, w in net.weights.items()}
    torch.testing.assert_close(l_obs.update(question, kept)["0.weight"], net.weights["0.weight"].detach())


def test_layers_that_nothing_reaches_keep_what_they_have():
    """Black images: nothing but the first bias comes behind the first layer, which has none, and where a ReLU stops that, nothing at all."""
    net = convolutional()
    for images, _ in net.batches:
        images.zero_()
    with torch.no_grad():
        net.model[2].bias.fill_(-1.0)
    kept = some(net, 0.5)
    scores, values = (f(asked(net, LObsOptions()), *told) for f, told in ((l_obs.score, ()), (l_obs.update, (kept,))))
    for name in ("0.weight", "2.weight", "5.weight"):
        assert float(scores[name].max()) < 1e-6
        torch.testing.assert_close(values[name], net.weights[name].detach() * kept[name])


def test_weights_that_nothing_parts_are_refused_in_words():
    net = dense()
    for images, _ in net.batches:
        images[:, 1] = images[:, 0]
    with pytest.raises(CriterionError, match=r"criterion_options\.damping: inputs of a layer depend on each other"):
        l_obs.score(asked(net, LObsOptions(damping=1e-18)))


class TestPlacesOfConvolutions:
    def rows(self, each, cut=(12,)):
        layer, x = nn.Conv2d(2, 3, 3, padding=1).double(), torch.arange(12 * 2 * 36, dtype=torch.float64).view(12, 2, 6, 6) + 1
        chance = torch.Generator().manual_seed(0)
        return torch.cat([rows for part in x.split(list(cut)) for rows in inputs(layer, part, each, chance)])

    def test_each_image_gives_as_many_and_none_twice(self):
        everything, drawn = self.rows(36), self.rows(5)
        assert (len(everything), len(drawn)) == (12 * 36, 12 * 5)
        found = [{tuple(row) for row in rows.tolist()} for rows in drawn.split(5)]
        whole = [{tuple(row) for row in rows.tolist()} for rows in everything.split(36)]
        assert all(len(few) == 5 and few <= all_ for few, all_ in zip(found, whole, strict=True))

    def test_how_images_are_cut_into_batches_changes_nothing(self):
        assert self.rows(5, (5, 3, 4)).equal(self.rows(5))

    def test_every_place_comes_up_as_often_as_every_other(self):
        layer, chance = nn.Conv2d(1, 1, 1, bias=False), torch.Generator().manual_seed(0)
        x = torch.arange(16.0).view(1, 1, 4, 4).expand(4000, 1, 4, 4)
        counts = torch.bincount(torch.cat(list(inputs(layer, x, 4, chance))).long().flatten(), minlength=16)
        assert float((counts - 1000).square().sum() / 750) < 40  # about chi-squared with 15 degrees of freedom


def test_biases_are_not_ranked():
    from pydantic import ValidationError

    with pytest.raises(ValidationError, match=r"biases are fitted with what is left and never removed here"):
        LObsOptions(include_bias=True)


@pytest.mark.parametrize("round", [1, 2])
def test_in_a_run_what_is_left_is_fitted_on_the_images_that_were_scored(round):
    """The first layer's normal equations, on images that are drawn here as a scoring of that round draws them."""
    cpu, options = torch.device("cpu"), LObsOptions(n_examples=60, damping=1e-9)
    data = open_data(catalogue.datasets["digits"], cpu, print)
    net = network("lenet_300_100")
    step = Score(criterion="l_obs", options=options.model_dump(mode="json"), round=round)
    scores = score(step, net, data, 5)
    kept = {name: s >= s.flatten().quantile(0.97) for name, s in scores.items()}
    values = adjusted(step, net, data, 5, kept)
    y = torch.cat([x.flatten(1) for x, _ in scoring_batches(data, options, 5, round)]).double()
    y = torch.cat([y, torch.ones(len(y), 1)], 1)
    change = torch.cat([values["fc1.weight"] - net.parameters["fc1.weight"], (values["fc1.bias"] - net.parameters["fc1.bias"])[:, None]], 1)
    slopes = (y @ change.detach().T).T @ y / len(y)
    support = torch.cat([kept["fc1.weight"], torch.ones(300, 1, dtype=torch.bool)], 1)
    assert float(slopes[support].abs().max()) < 1e-5 * float(slopes[~support].abs().max())
    before = {n: p.clone() for n, p in net.parameters.items()}
    net.put(values)
    net.apply_masks(kept, None)
    assert all(not net.parameters[n][~mask].any() for n, mask in kept.items())
    assert all(p.equal(values[n].float()) and not p.equal(before[n]) for n, p in net.parameters.items())


def test_in_a_run_the_scores_of_a_later_round_leave_out_what_went_before():
    """The output layer of LeNet-300-100: its first class, the inverse over what is left of it taken by numpy."""
    options = LObsOptions(n_examples=200, damping=1e-3)
    data = open_data(catalogue.datasets["digits"], torch.device("cpu"), print)
    net = network("lenet_300_100")
    left = torch.rand(10, 100, generator=torch.Generator().manual_seed(0)) < 0.5
    net.apply_masks({"fc3.weight": left}, None)
    found = score(Score(criterion="l_obs", options=options.model_dump(mode="json"), round=2), net, data, 5)["fc3.weight"][0]
    x = torch.cat([x for x, _ in scoring_batches(data, options, 5, 2)]).flatten(1)
    with torch.no_grad():
        y = net.module.fc2(net.module.fc1(x).relu()).relu().double().numpy()
    alive = left[0].numpy()
    y = np.hstack([y, np.ones((200, 1))])
    moments = y.T @ y / 200
    moments += 1e-3 * np.trace(moments) / 101 * np.eye(101)
    support = np.append(alive, True)
    inverse = np.linalg.inv(moments[support][:, support]).diagonal()[:-1]
    weights = net.parameters["fc3.weight"][0].detach().double().numpy()
    np.testing.assert_allclose(found.numpy()[alive], weights[alive] ** 2 / (2 * inverse), rtol=1e-5)
    assert not found.numpy()[~alive].any()
