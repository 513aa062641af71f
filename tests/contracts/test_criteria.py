"""What holds for every criterion of the catalogue, tried on everybody."""

import hashlib
from typing import get_args

import pytest
import torch
from pydantic import ValidationError

from prune_core import RunSpec, catalogue, plan
from prune_core.catalogue.criteria.options import DataOptions
from prune_core.engine.dataset import open_data
from prune_core.engine.execute import execute
from prune_core.engine.network import Network
from prune_core.engine.optimiser import Sgd
from prune_core.engine.recording import Recording
from prune_core.engine.scoring import adjusted, alive, histograms, score
from prune_core.models.initialisation import initialise
from prune_core.steps import Score

CPU = torch.device("cpu")
PAIRS = [(c, g) for c in catalogue.criteria.values() for g in sorted(c.granularities)]
FEW = ("conv1.weight", "fc.weight")  # for a criterion that can't rank all weights at once
IDS = [f"{c.name}-{g}" for c, g in PAIRS]


@pytest.fixture(scope="module")
def data():
    return open_data(catalogue.datasets["digits"], CPU, print)


@pytest.fixture
def network():
    entry = catalogue.models["small_conv"]
    net = Network(entry, entry.options(), CPU)
    chance = torch.Generator().manual_seed(0)
    initialise(net.module, "he", chance)
    with torch.no_grad():  # as after some training: at the start batch norm is the same for all channels
        for name, tensor in net.module.state_dict().items():
            if name.startswith("bn") and tensor.is_floating_point():
                tensor.add_(torch.randn(tensor.shape, generator=chance) * 0.2)
    net.recording = Recording(Sgd(net.weights, net.gradient, 0.9, 0.0), net.weights, net.gradient)
    for _ in range(2):  # down any slopes
        for layer in entry.layers:
            net.parameters[layer.name].grad.normal_(generator=chance)
        net.recording.step(1e-3)
    net.factors = {g.name: torch.rand(g.channels, generator=chance, dtype=torch.float64) for g in entry.channel_groups}
    return net


def asked(entry, granularity, **options) -> Score:
    if "max_weights" in entry.options.model_fields:
        options = {"include": FEW, "n_examples": 30, **options}
    return Score(criterion=entry.name, granularity=granularity, options=entry.options(**options).model_dump(mode="json"))


def state_of(net: Network) -> str:
    digest = hashlib.sha256(b"".join(t.detach().numpy().tobytes() for t in net.module.state_dict().values()))
    digest.update(net.gradient.numpy().tobytes() + torch.get_rng_state().numpy().tobytes())
    digest.update(b"".join(t.numpy().tobytes() for t in net.recording.state.values()))
    digest.update(repr([(m.training, len(m._forward_hooks)) for m in net.module.modules()]).encode())
    digest.update(repr([p.requires_grad for p in net.module.parameters()]).encode())
    return digest.hexdigest()


def largest(scores) -> float:
    """Criteria differ in scale by orders of magnitude: what is small is small beside this."""
    return max(float(s.abs().max()) for s in scores.values())


def reductions(entry) -> list[dict[str, str]]:
    """Options for every way in which images are combined that the criterion has."""
    field = entry.options.model_fields.get("reduce")
    return [{}] if field is None else [{"reduce": how} for how in get_args(field.annotation)]


@pytest.mark.parametrize(("entry", "granularity"), PAIRS, ids=IDS)
class TestEveryCriterion:
    def test_gives_one_finite_score_for_every_unit_in_float64(self, entry, granularity, network, data):
        scores = score(asked(entry, granularity), network, data, 0)
        if granularity == "weight":
            few = FEW if "max_weights" in entry.options.model_fields else [layer.name for layer in network.entry.layers]
            assert {n: tuple(s.shape) for n, s in scores.items()} == {x.name: x.shape for x in network.entry.layers if x.name in few}
        else:
            assert {n: tuple(s.shape) for n, s in scores.items()} == {g.name: (g.channels,) for g in network.entry.channel_groups}
        assert all(s.dtype == torch.float64 and bool(s.isfinite().all()) for s in scores.values())

    def test_has_negative_scores_exactly_where_its_entry_says_so(self, entry, granularity, network, data):
        scores = score(asked(entry, granularity), network, data, 0)
        assert entry.signed == any(bool((s < 0).any()) for s in scores.values())

    @pytest.mark.parametrize("training", [True, False])
    def test_leaves_network_gradients_modes_and_random_state_bit_for_bit(self, entry, granularity, network, data, training):
        network.module.train(training)
        network.gradient.normal_()
        before = state_of(network)
        score(asked(entry, granularity), network, data, 0)
        assert state_of(network) == before

    def test_gives_the_same_scores_for_the_same_seed(self, entry, granularity, network, data):
        a, b = (score(asked(entry, granularity), network, data, 3) for _ in range(2))
        assert all(a[n].equal(b[n]) for n in a)

    def test_cutting_the_images_into_other_batches_changes_nothing_but_what_is_taken_of_each_batch(self, entry, granularity, network, data):
        if not issubclass(entry.options, DataOptions):
            pytest.skip("looks at no data")
        for how in reductions(entry):
            whole, parts = (score(asked(entry, granularity, n_examples=50, scoring_batch=b, **how), network, data, 0) for b in (50, 7))
            same = [torch.allclose(whole[name], parts[name], rtol=1e-3, atol=1e-5 * float(whole[name].abs().max())) for name in whole]
            assert not any(same) if how.get("reduce") == "batch" else all(same), how

    def test_renaming_units_renames_their_scores(self, entry, granularity, network, data):
        if entry.control:
            pytest.skip("draws by position, on purpose")
        before = score(asked(entry, granularity), network, data, 0)
        order = torch.randperm(16, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            state = network.module.state_dict()
            for name in ("conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var"):
                state[name].copy_(state[name][order].clone())
            network.parameters["conv2.weight"].copy_(network.parameters["conv2.weight"][:, order].clone())
            for name, noted in network.recorded(("conv1.weight", "conv2.weight")).items():
                for tensor in noted:
                    tensor.copy_((tensor[order] if name == "conv1.weight" else tensor[:, order]).clone())
            network.factors["conv1"] = network.factors["conv1"][order]
        after = score(asked(entry, granularity), network, data, 0)
        name = "conv1.weight" if granularity == "weight" else "conv1"
        torch.testing.assert_close(after[name], before[name][order], rtol=1e-4, atol=min(1e-7, 1e-5 * largest(before)))

    def test_knows_nothing_of_the_network_exactly_where_it_is_the_control(self, entry, granularity, network, data):
        before = score(asked(entry, granularity), network, data, 0)
        chance = torch.Generator().manual_seed(2)
        with torch.no_grad():
            for parameter in network.parameters.values():
                parameter.add_(torch.randn(parameter.shape, generator=chance) * 0.1)
        network.factors = {name: factors / 2 for name, factors in network.factors.items()}
        after = score(asked(entry, granularity), network, data, 0)
        assert entry.control == all(before[name].equal(after[name]) for name in before)

    def test_what_it_needs_is_what_its_options_ask_for(self, entry, granularity):
        assert ("data" in entry.needs) == issubclass(entry.options, DataOptions)
        assert ("labels" in entry.needs) == ("labels" in entry.options.model_fields)

    def test_gives_new_values_at_a_pruning_exactly_where_its_entry_names_what_does(self, entry, granularity, network, data):
        assert (entry.update is not None) == entry.options().adjusts
        if entry.update is None:
            return
        step, before = asked(entry, granularity), state_of(network)
        scores = score(step, network, data, 0)
        kept = {name: s > s.flatten().median() for name, s in scores.items()}
        once, again = (adjusted(step, network, data, 0, kept) for _ in range(2))
        assert all(once[name].equal(again[name]) for name in once)
        assert all(once[name].shape == network.parameters[name].shape and bool(once[name].isfinite().all()) for name in once)
        assert all(not once[name][~mask].any() and bool(once[name][mask].any()) for name, mask in kept.items())
        assert state_of(network) == before

    def test_a_run_removes_exactly_half_of_the_channels(self, entry, granularity):
        if granularity == "weight":
            pytest.skip("runs of tests/contracts/test_execution.py remove weights")
        protocol = next(
            (p.name for p in catalogue.protocols.values() if "factors" in entry.needs and entry.name in p.criteria), "prune_at_init"
        )
        spec = RunSpec(model="small_conv", protocol=protocol, criterion=entry.name, granularity=granularity, sparsity=0.5, epochs=0)
        events = [e for _, e in execute(spec)]
        *rounds, pruned = (e for e in events if e.kind == "pruned")
        assert len(rounds) + 1 == entry.rounds
        assert events[-1].kind == "finished"
        assert (pruned.kept, sum(layer.kept for layer in pruned.layers)) == (40, 40)

    def test_says_everything_that_a_page_shows(self, entry, granularity):
        assert entry.title
        assert entry.formula
        assert entry.summary.endswith(".")
        assert entry.oracle
        assert all(field.description for field in entry.options.model_fields.values())

    def test_histograms_count_every_unit_that_is_left(self, entry, granularity, network, data):
        step = asked(entry, granularity)
        scores = score(step, network, data, 0)
        for h in histograms(scores, alive(step, network, scores)):
            assert sum(h.counts) + h.zeros == scores[h.name].numel()
            assert list(h.edges) == sorted(h.edges)


OPTIONS = [
    (e.name, field, e.options)
    for e in (*catalogue.criteria.values(), *catalogue.protocols.values(), *catalogue.models.values())
    for field in e.options.model_fields
]


@pytest.mark.parametrize(("name", "field", "options"), OPTIONS, ids=[f"{n}-{f}" for n, f, _ in OPTIONS])
def test_every_option_refuses_nonsense(name, field, options):
    for nonsense in ("nonsense", -1, 10**12, {"a": 1}, [None], float("nan")):
        if isinstance(nonsense, str) and options.model_fields[field].annotation in (tuple[str, ...],):
            continue
        try:
            options(**{field: nonsense})
        except ValidationError:
            return
    pytest.fail(f"{name} takes anything for {field}")


def test_a_score_that_is_not_finite_stops_the_run_and_names_the_layer(network, data):
    from prune_core.engine.errors import RunError

    with torch.no_grad():
        network.parameters["conv2.weight"][0, 0, 0, 0] = float("inf")
    with pytest.raises(RunError, match=r"Magnitude: conv2\.weight has a score that is not finite \(1 of 4,608\)"):
        score(asked(catalogue.criteria["magnitude"], "weight"), network, data, 0)


class TestGradientOptions:
    snip = catalogue.criteria["snip"]

    def test_one_class_means_images_of_that_class_only(self, data):
        from prune_core.engine.scoring import scoring_batches

        for _, labels in scoring_batches(data, self.snip.options(classes=(3,), n_examples=40), 0, 0):
            assert labels.unique().tolist() == [3]

    def test_a_longer_draw_begins_with_the_shorter_one(self, data):
        from prune_core.engine.scoring import draw

        short, long = (draw(data["train"], self.snip.options(n_examples=n), data, 0, 0) for n in (10, 100))
        assert long[:10].equal(short)

    def test_balanced_means_equally_many_of_each_class(self, data):
        from prune_core.engine.scoring import draw

        rows = draw(data["train"], self.snip.options(n_examples=50, balanced=True), data, 0, 0)
        assert torch.bincount(data["train"].labels[rows]).tolist() == [5] * 10

    def test_shuffled_labels_are_the_same_labels_dealt_out_anew(self, data):
        from prune_core.engine.scoring import shuffled

        labels = data["train"].labels
        control = shuffled(labels, 0)
        assert torch.bincount(control).equal(torch.bincount(labels))
        assert float((control == labels).double().mean()) < 0.2

    def test_more_images_than_there_are_is_refused_with_the_number(self, data):
        from prune_core.engine.errors import RunError
        from prune_core.engine.scoring import draw

        with pytest.raises(RunError, match=r"1,000 images asked, Digits has \d+ of class 7 in its train part"):
            draw(data["train"], self.snip.options(n_examples=1000, classes=(7,)), data, 0, 0)

    def test_batch_norm_by_batch_statistics_changes_scores_but_not_the_network(self, network, data):
        before = state_of(network)
        a, b = (score(asked(self.snip, "weight", bn_mode=mode), network, data, 0) for mode in ("eval", "train"))
        assert not torch.allclose(a["conv2.weight"], b["conv2.weight"])
        score(asked(self.snip, "weight", calibrate_bn=2), network, data, 0)
        assert state_of(network) == before

    def test_biases_are_ranked_when_asked_and_get_zero_at_the_start(self, network, data):
        scores = score(asked(self.snip, "weight", include_bias=True), network, data, 0)
        assert not scores["fc.bias"].any()

    def test_patterns_choose_what_is_ranked(self, network, data):
        scores = score(asked(self.snip, "weight", include=("conv*",), exclude=("conv1.*",)), network, data, 0)
        assert set(scores) == {"conv2.weight", "conv3.weight"}


@pytest.mark.parametrize("name", [name for name, entry in catalogue.criteria.items() if not entry.needs & {"recorded", "factors"}])
def test_scores_without_training_are_asked_with_the_labels_where_a_criterion_looks_at_them(name):
    asked = {"criteria": (name,), "classes": "all", "labels": "shuffled"}
    steps = plan(RunSpec(protocol="score", model="small_conv", protocol_options=asked))
    (step,) = (step for step in steps if isinstance(step, Score))
    assert (step.options.get("labels") == "shuffled") == ("labels" in catalogue.criteria[name].needs)


def test_two_criteria_with_the_same_seed_start_from_the_same_weights():
    def first_quality(criterion):
        return next(e for _, e in execute(RunSpec(criterion=criterion, epochs=0)) if e.kind == "pruned").before

    assert first_quality("snip") == first_quality("random")
