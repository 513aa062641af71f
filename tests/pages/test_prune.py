"""Prune: the form is the catalogue, an address fills it, and bad values leave a usable form."""

import pytest

from pages.parts.repeat_form import Repeat
from prune_core import RunSpec, catalogue

from .conftest import words


def box(shown, label):
    return next(
        w
        for kind in (shown.selectbox, shown.number_input, shown.select_slider, shown.text_input, shown.toggle)
        for w in kind
        if w.label == label
    )


def chosen(shown):
    return {name: box(shown, name).value for name in ("Model", "Data", "Criterion", "Weights removed", "Epochs", "Seed")}


DEFAULTS = {"Model": "lenet_300_100", "Data": "digits", "Criterion": "snip", "Weights removed": 0.9, "Epochs": 10, "Seed": 0}


def test_the_form_opens_at_the_defaults_with_their_plan(page):
    shown = page("prune.py")
    said = words(shown).replace("\xa0", " ")
    assert chosen(shown) == DEFAULTS
    assert "26,620 of 266,200 weights stay" in said
    assert "Train what is left, 10 epochs" in said
    assert "starts at once" in said


def test_an_address_fills_the_form_options_included(page):
    shown = page("prune.py", dataset="mnist", sparsity="0.95", epochs="5", seed="1", lr="0.05", **{"criterion_options.n_examples": "10"})
    assert chosen(shown) == DEFAULTS | {"Data": "mnist", "Weights removed": 0.95, "Epochs": 5, "Seed": 1}
    assert box(shown, "Learning rate").value == 0.05
    assert box(shown, "Number of examples").value == "10"
    assert not shown.error


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("criterion", "snipp", f"Did you mean 'snip'? Choices: {', '.join(sorted(catalogue.criteria))}."),
        ("sparsity", "1.5", "sparsity: must be at least 0 and below 1"),
        ("sparsity", "nan", "sparsity: must be at least 0 and below 1"),
        ("epochs", "-1", "epochs: must be at least 0"),
        ("seed", "1e99999", "seed: must be a whole number"),
        ("spasity", "0.5", "Did you mean 'sparsity'?"),
        ("criterion_options.n_examples", "0", "criterion_options.n_examples: must be at least 1"),
        ("criterion_options", "[" * 5000, "criterion_options: is not valid JSON, got "),
        ("criterion", "l2_norm", "lenet_300_100 has no channels to prune"),
        ("model", "<img src=x onerror=alert(1)>**b**:red[x]$x$", "model: there is no '<img src=x onerror=alert(1)>**b**:red[x]$x$'."),
        ("model", "prune_core.engine.execute:execute", "model: there is no"),
        ("device", "../../etc", "device: there is no"),
        ("protocol", "score", "Saliency"),
        ("seed", str(2**60), "the form takes at most"),
    ],
)  # fmt: skip
def test_a_bad_value_in_the_address_is_one_line_in_words_and_a_usable_form(page, field, value, said):
    shown = page("prune.py", epochs="7", **{field: value}) if field != "epochs" else page("prune.py", epochs=value)
    lines = [e.value for e in shown.error]
    assert len(lines) == 1
    assert said in lines[0].replace("\\", "")
    assert chosen(shown) == DEFAULTS | ({"Epochs": 7} if field != "epochs" else {})
    assert not next(b for b in shown.button if b.label == "Start run").disabled


def test_markup_in_a_bad_value_reaches_markdown_only_escaped(page):
    (line,) = page("prune.py", model="<b>**x**:red[y]$z$[l](javascript:1)").error
    assert r"\<b\>\*\*x\*\*\:red\[y\]\$z\$\[l\]\(javascript\:1\)" in line.value


def test_without_pruning_there_is_no_criterion_and_nothing_to_remove(page):
    shown = page("prune.py", protocol="dense")
    assert box(shown, "Criterion").disabled
    assert not shown.select_slider
    assert "All 266,200 weights are trained" in words(shown).replace("\xa0", " ")


def test_channels_are_offered_where_the_network_has_them(page):
    assert "l2_norm" not in box(page("prune.py"), "Criterion").options
    assert "does not fit: lenet_300_100 has no channels" in box(page("prune.py"), "Criterion").help
    shown = page("prune.py", model="small_conv", criterion="l2_norm", sparsity="0.5")
    assert box(shown, "Channels removed").value == 0.5


@pytest.mark.parametrize("name", catalogue.criteria)
def test_every_option_of_a_criterion_has_a_widget_with_its_help(page, name):
    asked = catalogue.criteria[name]
    trained = asked.update is not None or "recorded" in asked.needs  # which have nothing to go by before any training
    shown = page("prune.py", model="small_conv", criterion=name, protocol="iterative" if trained else "prune_at_init")
    helps = {w.help for kind in (shown.selectbox, shown.number_input, shown.text_input, shown.toggle) for w in kind}
    entry = catalogue.criteria[name]
    ranked = "weight" if "weight" in entry.granularities else "channel"
    without_effect = {field for field, unit in entry.options.only.items() if unit != ranked}
    without_effect |= {"source"} if getattr(entry.options(), "n_examples", 0) > catalogue.datasets["digits"].validation else set()
    without_effect |= {"include_bias"} if name == "l_obs" else set()  # which fits biases, and never removes them
    without_effect |= {"bn_mode"} if getattr(entry.options(), "per_sample", False) else set()  # one choice is left, and stands
    assert {info.description for field, info in entry.options.model_fields.items() if field not in without_effect} <= helps


def test_what_training_records_is_offered_only_where_there_is_training_first(page):
    title = catalogue.criteria["karnin"].title
    shown = page("prune.py")
    assert title not in box(shown, "Criterion").options
    assert (
        "asks before any. Protocols that train first: iterative, judge, one_at_a_time, slimming, structure_selection."
        in box(shown, "Criterion").help
    )
    shown = page("prune.py", protocol="iterative")
    assert title in box(shown, "Criterion").options
    shown = page("prune.py", protocol="iterative", criterion="karnin", epochs="0")
    said = "epochs: must be at least 1 where karnin reads what training recorded, got 0."
    assert said in shown.error[0].value.replace("\\", "")


def test_options_of_weights_alone_are_offered_for_weights_and_those_of_channels_for_channels(page):
    options = catalogue.criteria["taylor"].options

    def offered(shown):
        helps = {w.help for kind in (shown.selectbox, shown.number_input, shown.text_input, shown.toggle) for w in kind}
        return {field for field in options.only if options.model_fields[field].description in helps}

    shown = page("prune.py", model="small_conv", criterion="taylor", sparsity="0.5")
    assert offered(shown) == {"include_bias", "include", "exclude", "per_sample_chunk"}
    box(shown, "Granularity").set_value("channel").run()
    assert not shown.exception
    assert offered(shown) == {"form"}


def test_an_option_changed_in_the_form_changes_the_plan(page):
    shown = page("prune.py", protocol="iterative")
    box(shown, "Rounds").set_value(2).run()
    assert "Two times" in words(shown).replace("Twice", "Two times")


ALLOCATION, TARGET = "Allocation", "Target"


def test_channels_are_shared_out_only_as_channels_can_be(page):
    shown = page("prune.py", model="small_conv", criterion="random", sparsity="0.5", allocation="erk")
    assert "Uniform+" in box(shown, ALLOCATION).options
    assert box(shown, ALLOCATION).value == "erk"
    box(shown, "Granularity").set_value("channel").run()
    assert not shown.exception
    assert not {"Uniform+", "LAMP", "Erdős-Rényi (ER)"} & set(box(shown, ALLOCATION).options)
    assert shown.session_state["prune-form"].last[0].resolved().allocation == "global"


def test_deciles_are_offered_where_layers_are_ranked_by_themselves(page):
    shown = page("prune.py")
    assert box(shown, TARGET).options == ["smallest", "largest", "random"]
    box(shown, ALLOCATION).set_value("per_layer").run()
    assert len(box(shown, TARGET).options) == 3 + 11
    box(shown, TARGET).set_value("decile_3").run()
    assert "from decile D3 of each layer upwards" in words(shown)
    box(shown, ALLOCATION).set_value("global").run()
    assert not shown.exception
    assert box(shown, TARGET).value == "smallest"


def test_given_fractions_have_a_place_in_the_form_and_in_the_address(page):
    shown = page("prune.py", allocation="fractions", **{"allocation_options.fractions": "[0.9, 0.5, 0]"})
    assert box(shown, "Fractions").value == "0.9, 0.5, 0.0"
    assert not shown.error
    box(shown, "Fractions").set_value("0.9, 0.5").run()
    assert "lenet_300_100 needs 3 (Layer 1, Layer 2, Output), got 2." in shown.error[0].value.replace("\\", "")


def test_the_same_run_that_finished_here_is_offered_instead(page, states):
    shown = page("prune.py", sparsity="0.95", epochs="2")
    assert "This very run has finished here" in words(shown)
    assert "Open that run" in [b.label for b in shown.button]


def test_a_misfitting_value_typed_into_the_form_disables_the_start(page):
    shown = page("prune.py")
    box(shown, "Device").set_value("abacus").run()
    assert "device: there is no 'abacus'" in shown.error[0].value.replace("\\", "")
    assert next(b for b in shown.button if b.label == "Start run").disabled


def test_the_spec_of_an_untouched_form_is_the_default_spec(page):
    assert page("prune.py").session_state["prune-form"].last == (RunSpec(), Repeat())


def test_under_the_data_stand_their_counts_balance_and_licence(page):
    said = words(page("prune.py", dataset="mnist")).replace("\xa0", " ")
    assert (
        "54,000 images to train on, 6,000 to validate, 10,000 to test; 4,841 to 6,060 training images a class. Licence: CC BY-SA 3.0."
        in said
    )


def test_random_labels_are_said_before_they_are_learnt(page):
    shown = page("prune.py", dataset="mnist")
    box(shown, "Training labels").set_value("random").run()
    said = words(shown).replace("\xa0", " ")
    assert "Training labels are random: guessing, 10&nbsp;% right" in said
    assert shown.session_state["prune-form"].last[0] == RunSpec(dataset="mnist", dataset_options={"labels": "random"})


def test_classes_that_can_not_be_are_refused_in_the_form_and_leave_it_usable(page):
    shown = page("prune.py")
    box(shown, "Only these classes").set_value("3, 12").run()
    assert "digits has classes 0 to 9, got 12." in shown.error[0].value.replace("\\", "")
    assert next(b for b in shown.button if b.label == "Start run").disabled


def test_augmentation_is_asked_for_where_the_data_have_any(page):
    assert not [w for w in page("prune.py").selectbox if w.label == "Augment"]
    assert box(page("prune.py", dataset="mnist"), "Augment").options == ["no (default)", "no", "yes"]


def test_the_form_offers_the_networks_that_take_the_chosen_images(page):
    shown = page("prune.py")
    offered = box(shown, "Model")
    assert len(offered.options) == sum(m.input_shape == (1, 28, 28) for m in catalogue.models.values())
    assert "**VGG-16** does not fit: digits has images of (1, 28, 28) and vgg_16 takes (3, 32, 32)." in offered.help
    box(shown, "Data").set_value("cifar_10_small").run()
    assert not shown.exception
    assert len(box(shown, "Model").options) == sum(m.input_shape == (3, 32, 32) for m in catalogue.models.values())
    assert catalogue.models[box(shown, "Model").value].input_shape == (3, 32, 32)
    assert not shown.error
    box(shown, "Data").set_value("mnist").run()
    assert box(shown, "Model").value == "lenet_300_100"


def test_the_parameters_of_a_network_are_told_for_the_classes_of_the_data(page):
    assert "VGG-19 · 20,081,188 parameters" in box(page("prune.py", dataset="cifar_100", model="vgg_19"), "Model").options


def test_a_narrow_network_says_so_on_the_form(page):
    shown = page("prune.py", dataset="cifar_10_small", model="vgg_16", **{"model_options.width": "0.25"})
    assert not shown.error
    assert box(shown, "Width").value == 0.25
    assert "VGG-16 at a quarter of its channels · 923,130 parameters" in words(shown)
    box(shown, "Width").set_value(1.0).run()
    assert "of its channels" not in words(shown)
