"""Trade-off, Widths, Calibration and Sensitivity as a person uses them: points that open their runs, a slider answered in the browser."""

import re

import pytest
from playwright.sync_api import Page, expect

from .conftest import idle, says

PLACE = """(which) => {
  const plot = document.querySelector('.js-plotly-plot'), box = plot.getBoundingClientRect(), full = plot._fullLayout;
  const trace = plot.data.find((d) => d.ids && d.mode === which);
  return [box.left + full._size.l + full.xaxis.d2p(trace.x[0]), box.top + full._size.t + full.yaxis.d2p(trace.y[0])];
}"""
COLUMNS = """() => new Set(Object.entries(document.querySelector('.js-plotly-plot')._fullLayout)
  .filter(([name]) => /^xaxis/.test(name)).map(([, axis]) => axis.domain[0])).size"""
HOVERED = "() => { const [point] = document.querySelector('.js-plotly-plot')._hoverdata; return point.data.ids[point.pointNumber]; }"


def drawn(tab: Page) -> None:
    tab.locator(".js-plotly-plot .scatterlayer .point").first.wait_for()
    idle(tab)


def test_a_click_on_a_point_opens_its_run(visitor):
    tab = visitor.open("/trade_off?to_published=false")
    drawn(tab)
    x, y = tab.evaluate(PLACE, "markers")
    tab.mouse.move(x, y)
    expect(tab.locator(".hoverlayer")).to_contain_text("LeNet-300-100 · MNIST")
    leads = tab.evaluate(HOVERED)  # of points that lie on each other, the one that the hover text is of
    tab.mouse.click(x, y)
    tab.wait_for_url(f"**/run?{leads}")


def test_links_lead_to_the_runs_behind_each_point_without_a_pointer(visitor):
    tab = visitor.open("/trade_off")
    drawn(tab)
    tab.get_by_text("The runs behind each point").focus()
    tab.keyboard.press("Enter")
    link = tab.get_by_role("link", name=re.compile("seed 0")).first
    link.focus()
    tab.keyboard.press("Enter")
    tab.wait_for_url(re.compile(r"/run\?run="))


def test_the_slider_moves_through_the_prunings_by_keyboard(visitor):
    tab = visitor.open("/widths")
    slider = tab.get_by_role("slider")
    slider.wait_for()
    idle(tab)
    before = slider.get_attribute("aria-valuetext")
    branch = tab.locator(".espalier-widths [data-row='0']").first
    full = branch.get_attribute("aria-label")
    slider.focus()
    tab.keyboard.press("Home")
    expect(slider).to_have_attribute("aria-valuetext", "0 % removed")
    expect(branch).to_have_attribute("aria-label", re.compile(r"235,200 of 235,200 weights"))
    assert (before, full) != ("0 % removed", branch.get_attribute("aria-label"))
    says(tab, "Before any pruning all 266,200 weights")
    tab.wait_for_url(re.compile("wi_removed=0"))


def test_panels_stand_four_in_a_row_and_two_on_a_phone(visitor):
    tab = visitor.open("/calibration")
    drawn(tab)
    assert tab.evaluate(COLUMNS) == 4
    wide = tab.locator(".js-plotly-plot").bounding_box()
    tab.set_viewport_size({"width": 390, "height": 844})
    tab.reload()
    drawn(tab)
    assert tab.evaluate(COLUMNS) == 2
    assert tab.locator(".js-plotly-plot").bounding_box()["height"] > wide["height"]


@pytest.mark.parametrize("protocol", ["score", "iterative"])
def test_on_a_phone_a_runs_title_stands_above_its_progress_and_its_picture(visitor, server, protocol):
    (run, *_) = server.store.runs(states=["finished"], protocols=[protocol], limit=1)
    tab = visitor.open(f"/run?run={run.id}")
    tab.set_viewport_size({"width": 390, "height": 844})
    tab.locator(".st-key-run-progress").wait_for()
    idle(tab)
    tops = [tab.locator(f"{place}").first.bounding_box()["y"] for place in ("h1", ".st-key-run-progress", "[data-testid='stExpander']")]
    assert tops == sorted(tops)
    if protocol == "iterative":
        picture, numbers = (tab.locator(f".st-key-run-{part}").bounding_box()["y"] for part in ("picture", "numbers"))
        assert tops[1] < picture < numbers


def test_a_cell_of_the_map_says_what_it_is(visitor):
    tab = visitor.open("/sensitivity")
    tab.locator(".js-plotly-plot .heatmaplayer image").wait_for()
    box = tab.locator(".js-plotly-plot .heatmaplayer image").bounding_box()
    tab.mouse.move(box["x"] + 5, box["y"] + 5)
    expect(tab.locator(".hoverlayer")).to_contain_text("Layer 1 without 10 %")
    expect(tab.locator(".hoverlayer")).to_contain_text("211,680 of 235,200 weights kept")


def test_a_branch_says_what_it_is_when_it_has_the_focus(visitor):
    tab = visitor.open("/widths")
    branch = tab.locator(".espalier-widths [data-row][tabindex='0']")
    branch.focus()
    expect(tab.locator(".espalier-widths .hint")).to_contain_text("Layer 1")
    tab.keyboard.press("ArrowUp")
    expect(tab.locator(".espalier-widths .hint")).to_contain_text("Layer 2")
