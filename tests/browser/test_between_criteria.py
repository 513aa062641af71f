"""Agreement of criteria as a person moves its slider: answered in the browser, told to the page when it is let go."""

import re

import pytest
from playwright.sync_api import expect

from pages.parts.between_criteria import SPARSITIES
from prune_core import RunSpec
from prune_core.service import submit

from .conftest import idle, says, until

CHOSEN = ("snip", "magnitude", "random")
RUNS = (
    {"criteria": ("snip",)},
    {"criteria": CHOSEN, "classes": "all", "sparsities": SPARSITIES, "measure": ("agreement",)},
)
PAGE = f"/saliency?sal_data=Digits&sal_with={','.join(CHOSEN)}&sal_compared=99.9"


@pytest.fixture
def compared(server, visitor):
    """The page with three criteria that were compared before."""
    for options in RUNS:
        run = submit(server.store, RunSpec(protocol="score", dataset="digits", protocol_options=options))
        until(lambda: server.store.run(run.id).state == "finished", f"{run.title} to finish")  # noqa: B023
    tab = visitor.open(PAGE)
    tab.locator(".espalier-agreement svg").wait_for()
    idle(tab)
    return tab


def test_the_slider_answers_in_the_browser_and_the_sentence_and_the_address_follow(compared):
    slider, cell = compared.get_by_label("Weights removed").last, compared.locator(".espalier-agreement [data-cell='1,0']")
    expect(slider).to_have_attribute("aria-valuetext", "99.9 % removed")
    expect(cell).to_have_attribute(
        "aria-label", re.compile(r"SNIP and Magnitude, 99\.9 % removed: both keep \d+ of 266 weights, by chance 0\.")
    )
    slider.focus()
    compared.keyboard.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", "1 % removed")
    expect(cell).to_have_attribute("aria-label", re.compile(r"1 % removed: both keep [\d,]+ of 263,538 weights, by chance 260,903\."))
    says(compared, "With 1 % removed, SNIP and Magnitude")
    compared.wait_for_url(re.compile("sal_compared=1(&|$)"))


def test_cells_say_what_they_are_by_keyboard_on_both_sides_of_the_diagonal(compared):
    hint = compared.locator(".espalier-agreement .hint")
    compared.locator(".espalier-agreement [data-cell='1,0']").focus()
    expect(hint).to_contain_text("SNIP and Magnitude, 99.9 % removed")
    compared.keyboard.press("ArrowRight")
    expect(hint).to_contain_text("Magnitude and Random: correlation of the ranks of all weights")


def test_the_picture_can_be_saved_as_it_stands(compared):
    compared.locator(".st-key-sal-agreement-files").get_by_role("button").first.click()
    for ending in ("svg", "png"):
        with compared.expect_download() as download:
            compared.get_by_role("button", name=f"Download the picture as {ending.upper()}").click()
        assert download.value.suggested_filename == f"espalier-agreement.{ending}"
