"""Home: a real picture, three ways in, what is going on."""

from pathlib import Path

import pytest

from .conftest import words

EXAMPLES = Path(__file__).parents[2] / "assets" / "examples"


@pytest.fixture
def picture(store):
    """The store with the example that Home draws."""
    (run,) = store.import_runs(EXAMPLES / "snip-scores-mnist.zip")
    return run


def test_the_example_is_drawn_at_once_as_ten_masks_that_have_words(page, picture):
    said = words(page("home.py"))
    assert said.count("<img ") == 10
    assert said.count('alt="Digit ') == 10
    assert "Ten times, SNIP looked once at 100 pictures of a single digit and kept 13,310 of 266,200 weights." in said


def test_the_picture_claims_no_more_than_its_control_allows(page, picture, store):
    assert "Shuffled labels" not in words(page("home.py"))
    store.import_runs(EXAMPLES / "snip-scores-mnist-shuffled-labels.zip")
    assert "Shuffled labels give the same shapes: they show the pictures, not what a network learns." in words(page("home.py"))


def test_there_are_three_ways_in_and_one_of_them_leads(page, picture):
    shown = page("home.py")
    assert [b.label for b in shown.button] == ["Prune a network", "Explore this picture", "Compare finished runs"]
    assert [b.proto.type for b in shown.button] == ["primary", "secondary", "secondary"]


def test_an_empty_store_says_what_will_stand_here(page, store):
    shown = page("home.py")
    assert "No example is in this store yet." in words(shown)
    assert "Look at a criterion" in [b.label for b in shown.button]


def test_what_is_running_stands_there_with_its_time_and_leads_to_its_page(page, states):
    (link,) = page("home.py").get("page_link")
    assert link.proto.label.replace("\\", "").startswith("2 under way: SNIP 95 % · LeNet-300-100 · Digits · seed 3, ")
    assert states["running"].id in link.proto.query_string
