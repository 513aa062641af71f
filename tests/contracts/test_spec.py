"""RunSpec: round trips, fingerprints, and refusals in words."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prune_core import RunSpec, SpecError, catalogue
from prune_core.streams import seed_of

CRITERIA = ", ".join(sorted(catalogue.criteria))
COMPARED = {"protocol": "score", "protocol_options.criteria": ["snip", "random"], "protocol_options.classes": "all",
            "protocol_options.measure": ["agreement"]}  # fmt: skip
PARENT = {"fingerprint": "0" * 64, "group": "1" * 64, "event": 1, "mask_checksum": "2" * 64}
FITTING = [(m, d.name) for m, model in catalogue.models.items() for d in catalogue.datasets.values() if d.shape == model.input_shape]
WEIGHTS = sorted(name for name, protocol in catalogue.protocols.items() if "weight" in protocol.granularities)
SPECS = st.builds(
    lambda protocol, fitting, **fields: RunSpec(
        protocol=protocol, model=fitting[0], dataset=fitting[1],
        parent=PARENT if "parent" in catalogue.protocols[protocol].uses else None, **fields,
    ),
    fitting=st.sampled_from(FITTING),
    criterion=st.sampled_from(["snip", "magnitude", "random", "force", "synflow"]), protocol=st.sampled_from(WEIGHTS),
    sparsity=st.floats(0, 0.999999), epochs=st.integers(0, 10_000), seed=st.integers(0, 2**63 - 1), lr=st.none() | st.floats(1e-6, 100),
    allocation=st.none() | st.sampled_from(sorted(catalogue.allocations)), optimizer=st.none() | st.sampled_from(["sgd", "adam"]),
)  # fmt: skip


@given(SPECS)
def test_a_spec_comes_back_from_json(spec):
    again = RunSpec.read(spec.model_dump_json())
    assert again == spec
    assert again.fingerprint == spec.fingerprint


@given(SPECS)
def test_resolving_twice_changes_nothing_more_and_keeps_the_fingerprint(spec):
    once = spec.resolved()
    assert once.resolved() == once
    assert once.fingerprint == spec.fingerprint
    assert RunSpec.read(once.model_dump_json()).resolved() == once


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ({"protocol_options": {"keep_min": 0}}, {}),
        ({"protocol_options": {"schedule": "linear"}}, {}),
        ({"protocol_options": {"rounds": 1}}, {}),
        ({"criterion": "synflow", "protocol_options": {"rounds": 100}}, {"criterion": "synflow"}),
        ({"model": "small_conv", "criterion": "l2_norm", "protocol_options": {"keep_min": 1}}, {"model": "small_conv", "criterion": "l2_norm"}),
        ({"protocol": "iterative", "dataset": "mnist", "protocol_options": {"finetune_lr": 0.01}}, {"protocol": "iterative", "dataset": "mnist"}),
        ({"protocol": "dense", "keep_weights": "each"}, {"protocol": "dense"}),
        ({"protocol": "score", "protocol_options": {"initialisations": ["glorot"]}}, {"protocol": "score"}),
        ({"protocol": "score", "protocol_options": {"rounds": "own"}}, {"protocol": "score"}),
    ],
    ids=str,
)  # fmt: skip
def test_what_means_the_same_has_the_same_fingerprint(said, meant):
    assert RunSpec.read(said).fingerprint == RunSpec.read(meant).fingerprint


def test_the_group_leaves_the_seed_of_the_parent_out_too():
    twin = RunSpec(protocol="from_scratch", parent=PARENT)
    other = RunSpec(protocol="from_scratch", seed=1, parent=PARENT | {"fingerprint": "3" * 64, "mask_checksum": "4" * 64})
    stranger = RunSpec(protocol="from_scratch", parent=PARENT | {"group": "5" * 64})
    assert twin.group == other.group != stranger.group
    assert len({twin.fingerprint, other.fingerprint, stranger.fingerprint}) == 3


def test_the_fingerprint_knows_the_seed_and_not_the_device_and_the_group_neither():
    a, b, c = RunSpec(), RunSpec(seed=1), RunSpec(device="cpu")
    assert a.fingerprint != b.fingerprint
    assert a.group == b.group == c.group
    assert a.fingerprint == c.fingerprint


@pytest.mark.parametrize(
    ("told", "fingerprint"),
    [
        ({}, "36f93de7fa1a3f19feaa22b07eb7aa106afd2cb1039f8eb86cb462e2f33ad35f"),
        ({"allocation": "per_layer"}, "7fffa94b8ad1e70f58279a99a031fab6b8c2c25a6b4306f4c0738190ac8727d7"),
        ({"model": "small_conv", "criterion": "l2_norm"}, "c48e37d79200d163df7aad3683cb40780db1d71bb30155f75e9f05c3fb37ec74"),
        ({"protocol": "score"}, "48a37c3492aaf26297f99f1edfb499b173732f86ac42ef8c698d3006e3921929"),
    ],
    ids=str,
)
def test_runs_that_were_stored_before_allocations_had_options_keep_their_fingerprints(told, fingerprint):
    assert RunSpec.read(told).fingerprint == fingerprint


def test_what_the_recipe_would_fill_in_makes_the_same_run_when_said_aloud():
    said = RunSpec(dataset="mnist", lr=0.1, momentum=0.9, weight_decay=5e-4, batch_size=100, lr_milestones=(0.5, 0.75))
    assert said.fingerprint == RunSpec(dataset="mnist").fingerprint


def test_the_same_classes_make_the_same_run_however_they_are_listed():
    once, again = (RunSpec(criterion_options={"classes": classes, "balanced": True}) for classes in ([1, 7], [7, 1, 7]))
    assert again.criterion_options.classes == (1, 7)
    assert again.fingerprint == once.fingerprint


def test_a_dense_run_is_the_same_whatever_criterion_stands_beside_it():
    assert (
        RunSpec(protocol="dense", criterion="snip").fingerprint == RunSpec(protocol="dense", criterion="random", sparsity=0.5).fingerprint
    )


def test_channels_are_the_granularity_of_a_criterion_that_ranks_nothing_else():
    spec = RunSpec(model="small_conv", criterion="l2_norm").resolved()
    assert (spec.granularity, spec.allocation) == ("channel", "per_layer")


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ({"criterion": "snipp"}, f"criterion: there is no 'snipp'. Did you mean 'snip'? Choices: {CRITERIA}."),
        ({"sparsity": 1.5}, "sparsity: must be at least 0 and below 1, got 1.5."),
        ({"sparsity": 1.0}, "sparsity: must be at least 0 and below 1, got 1.0."),
        ({"sparsity": "nan"}, "sparsity: must be at least 0 and below 1, got nan."),
        ({"sparsity": float("inf")}, "sparsity: must be at least 0 and below 1, got inf."),
        ({"sparsity": True}, "sparsity: must be at least 0 and below 1, got True."),
        ({"epochs": -1}, "epochs: must be at least 0, got -1."),
        ({"epochs": 2.5}, "epochs: must be a whole number, got 2.5."),
        ({"seed": 2**70}, "seed: must be below 9223372036854775808, got 1180591620717411303424."),
        ({"lr": float("nan")}, "lr: must be a finite number, got nan."),
        ({"lr_milestones": [0.75, 0.5]}, "lr_milestones: must be rising fractions between 0 and 1, got [0.75, 0.5]."),
        ({"criterion_options.n_exampels": 3}, "criterion_options.n_exampels: there is no such field. Did you mean 'n_examples'?"),
        ({"criterion_options": {"n_examples": 0}}, "criterion_options.n_examples: must be at least 1, got 0."),
        ({"criterion_options": {"include": ["x" * 81]}}, "criterion_options.include: patterns have at most 80 characters, got one of 81."),
        ({"criterion_options.labels": "wrong"}, "criterion_options.labels: there is no 'wrong'. Choices: shuffled, true."),
        ({"criterion_options.classes": [12]}, "criterion_options.classes: digits has classes 0 to 9, got 12."),
        ({"criterion": "fisher", "criterion_options.bn_mode": "train"}, "criterion_options.bn_mode: 'train' couples the images of a batch, and "
         "fisher asks for the gradient of each alone. Choices: eval."),
        ({"criterion": "l_obs"}, "criterion: l_obs adjusts what is left to what training had reached, and prune_at_init prunes before any. Set protocol "
         "to iterative, or criterion_options.update to none."),
        ({"criterion": "l_obs", "protocol": "iterative", "criterion_options.include_bias": True}, "criterion_options.include_bias: biases are fitted "
         "with what is left and never removed here, got true. Choices: false."),
        ({"criterion": "obd", "criterion_options.bn_mode": "train"}, "criterion_options.bn_mode: 'train' couples the images of a batch, and obd"),
        ({"criterion_options": {"reduce": "sample", "bn_mode": "train"}}, "criterion_options.bn_mode: 'train' couples the images of a batch"),
        ({"criterion": "taylor", "criterion_options": {"reduce": "sample", "bn_mode": "train"}}, "criterion_options.bn_mode: 'train' couples"),
        ({"model": "vgg_d", "dataset": "cifar_10", "criterion_options.n_examples": "all", "criterion_options.source": "validation",
          "criterion_options.scoring_batch": 4999, "criterion_options.bn_mode": "train"},
         "criterion_options.scoring_batch: 4,999 leaves a last batch of one image of 5,000, and vgg_d needs two"),
        ({"criterion": "fisher", "criterion_options.per_sample_chunk": 0}, "criterion_options.per_sample_chunk: must be at least 1, got 0."),
        ({"criterion": "fisher", "criterion_options.fisher_labels": "true"}, "criterion_options.fisher_labels: there is no 'true'. Choices: empirical"),
        ({"criterion": "obd", "criterion_options.fisher_labels": "empirical"}, "criterion_options.fisher_labels: there is no 'empirical'. Choices: "),
        ({"criterion": "karnin"}, "criterion: karnin reads what training recorded, and prune_at_init asks before any. Protocols that train first: "),
        ({"criterion": "karnin", "protocol": "iterative", "epochs": 0}, "epochs: must be at least 1 where karnin reads what training recorded, got 0."),
        ({"protocol": "score", "protocol_options.criteria": ["snip", "karnin"]}, "protocol_options.criteria: karnin reads what training recorded, and"),
        ({"protocol": "judge", "epochs": 0, "protocol_options.cut_by": "karnin"}, "epochs: must be at least 1 where karnin reads what training"),
        ({"criterion": "l2_norm"}, "model: lenet_300_100 has no channels to prune. Models that have: lenet_5, small_conv."),
        ({"criterion": "bn_scale", "model": "lenet_5"}, "criterion: bn_scale reads batch norm, which lenet_5 has not. Choices: fisher, l1_norm, "),
        ({"model": "small_conv", "criterion": "grasp", "granularity": "channel"}, "granularity: grasp ranks weights, got 'channel'."),
        ({"criterion": None}, f"criterion: prune_at_init needs one. Choices: {CRITERIA}."),
        ({"device": "tpu"}, "device: there is no 'tpu'. Choices: auto, cpu, cuda, cuda:0 and so on."),
        ({"parent": {"fingerprint": "0" * 64, "event": 1, "mask_checksum": "0" * 64}}, "parent.group: is needed."),
        ({"parent": PARENT, "protocol": "dense"}, "parent: dense starts from nothing. Protocols that start from another run: from_scratch, iterative,"),
        ({"model": "small_conv", "protocol": "one_at_a_time", "criterion": "fisher", "epochs": 1},
         "epochs: 72 channels go, one a step of 41 in an epoch: at least"),
        ({"model": "small_conv", "model_options.family": "Thin"}, "model_options.family: names a profile, and there is none: say the channels of each"),
        ({"protocol": "from_scratch"}, "parent: from_scratch starts from a finished run: name it by fingerprint, group, event and"),
        ({"protocol": "iterative", "criterion_options.reinit_after": "he"}, "criterion_options.reinit_after: iterative never draws weights anew."),
        ({"model": "small_conv", "criterion": "l2_norm", "criterion_options.exclude": ["conv1*"]}, "criterion_options.exclude: says something of weights "
         "alone, and channels are ranked here. Leave it out."),
        ({"model": "small_conv", "criterion": "fisher", "granularity": "channel", "criterion_options.per_sample_chunk": 8},
         "criterion_options.per_sample_chunk: says something of weights alone, and channels are ranked here. Leave it out."),
        ({"criterion": "taylor", "criterion_options.form": "feature_map"},
         "criterion_options.form: says something of channels alone, and weights are ranked here. Leave it out."),
        ({"criterion": "taylor", "model": "small_conv", "granularity": "channel", "criterion_options": {"form": "feature_map", "reduce": "total"}},
         "criterion_options.form: feature_map takes the size of each image by itself, so that reduce says nothing; got 'total' for it."),
        ({"criterion": "taylor", "model": "small_conv", "granularity": "channel", "criterion_options": {"form": "feature_map", "bn_mode": "train"}},
         "criterion_options.bn_mode: 'train' couples the images of a batch"),
        ({"criterion_options.n_examples": 1295}, "criterion_options.n_examples: must be at most 1,294, the train images of digits, got 1,295."),
        ({"criterion_options": {"n_examples": 144, "source": "validation"}}, "criterion_options.n_examples: must be at most 143, the validation"),
        ({"protocol": "score", "protocol_options.criteria": ["l2_norm"]}, "protocol_options.criteria: l2_norm ranks channels, and lenet_300_100"),
        (COMPARED | {"protocol_options.criteria": ["snip"]}, "protocol_options.measure: agreement compares two criteria or more, each once, got snip."),
        (COMPARED | {"protocol_options.criteria": ["snip", "snip"]}, "protocol_options.measure: agreement compares two criteria or more, each once, got"),
        (COMPARED | {"protocol_options.criteria": ["grasp", "l2_norm"], "model": "small_conv"},
         "protocol_options.measure: agreement compares criteria that rank the same units: grasp ranks weights, l2_norm ranks channels."),
        (COMPARED | {"protocol_options.classes": "each"}, "protocol_options.measure: agreement compares criteria that saw the same images"),
        (COMPARED | {"protocol_options.batch_sizes": [1, 10]}, "protocol_options.measure: agreement compares criteria that saw the same images: set classes"),
        (COMPARED | {"protocol_options.rounds": "own"}, "protocol_options.measure: agreement compares scores that were asked for once"),
        (COMPARED | {"protocol_options.criteria": ["snip", "grasp", "synflow", "magnitude", "lamp", "taylor", "fisher", "obd", "random"],
                     "protocol_options.sparsities": [i / 200 for i in range(199)]},
         "protocol_options.measure: agreement of 9 criteria at 199 sparsities makes 7,164 counts, and at most 6,000 go into one event."),
        ({"protocol": "score", "protocol_options.rounds": "twice"}, "protocol_options.rounds: there is no 'twice'. Choices: once, own."),
        ({"protocol": "judge", "protocol_options.unit": "channel"}, "model: lenet_300_100 has no channels to take out. Models that have: alexnet_b, "),
        ({"protocol": "judge", "protocol_options.criteria": ["l2_norm"]}, "protocol_options.criteria: l2_norm ranks no weights, which are taken out "),
        ({"protocol": "judge", "protocol_options.criteria": ["snipp"]}, "protocol_options.criteria: there is no 'snipp'. Did you mean 'snip'?"),
        ({"protocol": "judge", "protocol_options.cut_by": "snipp"}, "protocol_options.cut_by: there is no 'snipp'. Did you mean 'snip'?"),
        ({"protocol": "judge", "protocol_options.images": 1295}, "protocol_options.images: must be at most 1,294, the training images of digits"),
        ({"protocol": "judge", "protocol_options.units": 0}, "protocol_options.units: must be at least 1, got 0."),
        ({"protocol": "judge", "protocol_options.sparsities": [1]}, "protocol_options.sparsities: must be at least 0 and below 1, got 1."),
        ({"augment": True}, "augment: digits has no augmentation. Choices: false."),
        ({"allocation": "erkk"}, "allocation: there is no 'erkk'. Did you mean 'erk'? Choices: er, erk, fractions, global, lamp, per_layer, uni"),
        ({"allocation_options.fractions": [0.5]}, "allocation_options: belong to a named allocation, and none is named. Choices: er, erk, fract"),
        ({"allocation": "er", "allocation_options.fractions": [0.5]}, "allocation_options.fractions: there is no such field."),
        ({"allocation": "fractions", "allocation_options.fractions": [0.5, 2, 0]}, "allocation_options.fractions: must be between 0 and 1, got 2"),
        ({"allocation": "fractions", "allocation_options.fractions": [0.5]}, "allocation_options.fractions: lenet_300_100 needs 3 (Layer 1, Layer 2,"),
        ({"protocol_options.target": "decile_11"}, "protocol_options.target: there is no 'decile_11'. Did you mean 'decile_1'? Choices: decile"),
        ("{bad", "spec: is not valid JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)."),
        ("[" * 100_000, "spec: is not valid JSON"),
        ("[1]", "spec: must be an object of fields and values, got [1]."),
        ("x" * 10_000_000, "spec: is too long: at most 1,000,000 characters are read, got 'xxxxxxx"),
        ({"model": "__import__('os')"}, "model: there is no '__import__('os')'. Choices:"),
        ({"criterion": "prune_core.criteria.snip:score"}, "criterion: there is no 'prune_core.criteria.snip:score'."),
    ],
    ids=lambda v: next(iter(v)) if isinstance(v, dict) else v[:30],
)  # fmt: skip
def test_a_bad_value_is_one_line_that_names_field_value_and_choices(data, line):
    with pytest.raises(SpecError) as caught:
        RunSpec.read(data)
    assert len(caught.value.problems) == 1
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_misspelt_field_names_the_nearest_and_all_others():
    with pytest.raises(SpecError, match=r"^eopchs: there is no such field\. Did you mean 'epochs'\? Choices: allocation, "):
        RunSpec.read({"eopchs": 3})


def test_several_problems_are_told_at_once():
    with pytest.raises(SpecError) as caught:
        RunSpec.read({"criterion": "x", "epochs": -1, "protocol_options": {"rounds": 0}})
    assert [p.field for p in caught.value.problems] == ["criterion", "epochs", "protocol_options.rounds"]


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
        lambda s: st.lists(s) | st.dictionaries(st.text(), s),
        max_leaves=8,
    )
)
def test_rubbish_is_refused_in_words_and_never_crashes(rubbish):
    if rubbish == {}:
        return
    with pytest.raises(SpecError):
        RunSpec.read(json.dumps(rubbish))


@pytest.mark.parametrize("field", [f for f in RunSpec.model_fields if not f.endswith("_options")])
def test_every_field_has_a_help_text(field):
    assert RunSpec.model_fields[field].description


def test_streams_of_different_purposes_and_indices_differ_and_are_fixed_for_ever():
    seeds = {seed_of(s, p, i) for s in range(3) for p in ("initialise", "order", "ties") for i in (None, 0, 1)}
    assert len(seeds) == 27
    assert seed_of(0, "ties") == 0x39E4EBF1375B600D
    assert all(0 <= s < 2**63 for s in seeds)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"criterion": "magnitude", "protocol": "iterative"}, "Magnitude, in steps to 95 %"),
        ({"criterion": "magnitude", "protocol": "iterative", "protocol_options": {"target": "random"}}, "Magnitude, in steps to 95 %, by lot"),
        ({"criterion": "magnitude", "protocol_options": {"target": "largest"}}, "Magnitude 95 %, largest first"),
        ({"criterion": "snip", "protocol_options": {"target": "largest"}}, "SNIP 95 %, highest scores first"),
    ],
)  # fmt: skip
def test_a_title_says_who_goes_where_that_is_not_the_lowest_scores(fields, said):
    assert RunSpec(dataset="mnist", sparsity=0.95, **fields).method == said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"criteria": ("snip",)}, "SNIP scores by class"),
        ({"criteria": ("synflow", "force"), "classes": "all", "rounds": "own"}, "SynFlow, FORCE scores in rounds"),
        ({"criteria": ("snip", "grasp", "synflow", "magnitude"), "classes": "all"}, "4 criteria's scores"),
        ({"criteria": ("snip",), "classes": "all", "initialisations": ("he", "glorot")}, "SNIP scores, 2 initialisations"),
    ],
)
def test_a_title_of_a_scoring_run_stays_short_and_says_what_is_unusual(options, said):
    assert RunSpec(protocol="score", protocol_options=options).method == said
