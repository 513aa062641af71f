"""Specs from strangers: refused in words, whatever they hold; names come from the catalogue and nothing is ever looked up by them."""

import json
import subprocess
import sys

import pytest

from prune_core import RunSpec, SpecError
from prune_core.overrides import read
from tests.visit import visit

NAMES = (
    "os.system", "prune_core.criteria.snip:score", "__class__", "__import__('os').system('true')", "../../etc/passwd", "https://evil.example/model.pt",
    "hf://evil/model", "builtins:eval", "snip\0", "SNIP", "", "a" * 5000,
)  # fmt: skip
CHOICES = ("model", "dataset", "criterion", "protocol", "allocation", "granularity", "optimizer", "device", "keep_weights")
NUMBERS = ("sparsity", "epochs", "batch_size", "lr", "momentum", "weight_decay", "seed")
WRONG = ("NaN", "Infinity", "-Infinity", "1e400", "-1", "1e308", "9" * 400, '"1; DROP TABLE runs"', "[]", "{}", '"x"')
SPECS = {
    "no object": "[]",
    "text": '"snip"',
    "nothing": "",
    "no JSON": "{",
    "unknown key": '{"path": "/etc"}',
    "method as key": '{"__class__": "x"}',
    "unknown option": '{"criterion_options": {"function": "os:system"}}',
    "options that are text": '{"criterion_options": "n_examples"}',
    "option of an option": '{"criterion_options.n_examples.real": 1}',
    "plan of its own": '{"plan": [{"kind": "train"}]}',
    "a parent by path": '{"parent": {"fingerprint": "../../x", "event": 0, "mask_checksum": "x"}}',
    "many digits": '{"seed": ' + "1" * 5000 + "}",
    "a million deep": "[" * 10**6,
    "a million deep in a field": '{"criterion_options": ' + '{"a":' * 10**6,
    "a hundred megabytes": '{"model": "' + "a" * 10**8 + '"}',
    "a hundred thousand keys": json.dumps({f"k{i}": i for i in range(60_000)}),
    "lone surrogate": '{"model": "\\ud800"}',
    "a key twice": '{"epochs": 1, "epochs": -1}',
}


def refused(data) -> str:
    with pytest.raises(SpecError) as error:
        RunSpec.read(data)
    for line in str(error.value).splitlines():
        assert len(line) < 2_000
        assert "Traceback" not in line
    return str(error.value)


@pytest.mark.parametrize("spec", SPECS)
def test_a_spec_that_is_none_is_refused_in_words(spec):
    assert refused(SPECS[spec])
    assert refused(SPECS[spec].encode(errors="surrogatepass"))


@pytest.mark.parametrize("field", CHOICES)
def test_a_name_that_is_not_in_the_catalogue_is_only_a_wrong_name(field):
    for name in NAMES:
        assert refused({field: name}).startswith(field)


@pytest.mark.parametrize("field", NUMBERS)
def test_a_number_out_of_its_range_is_refused_by_the_name_of_its_field(field):
    for value in WRONG:
        if (field, value) in {("sparsity", "1e308"), ("seed", "9" * 400)} or value:
            assert refused(f'{{"{field}": {value}}}').startswith(field)


def test_the_command_line_reads_no_more_than_it_may():
    done = subprocess.run(
        [sys.executable, "-m", "prune_core", "run", "--spec", "-"], input=b"[" * 10**7, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert b"at most 1,000,000 characters" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("name", NAMES[:6])
def test_the_form_takes_nothing_from_the_address_but_choices_of_its_own(front, name):
    answer = visit(front.port, "prune", dict.fromkeys(CHOICES, name) | dict.fromkeys(NUMBERS, "NaN"))
    assert answer.errors == []
    assert any(m.delta.new_element.WhichOneof("type") == "alert" for m in answer.deltas)


def test_an_address_of_the_form_is_read_like_any_spec():
    with pytest.raises(SpecError):
        read({"criterion": "os.system"})
