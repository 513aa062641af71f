"""What a person does with Espalier, from Home to a deleted run, in a real browser over a real server and real workers."""

import re

import pytest
from playwright.sync_api import expect

from prune_core import RunSpec
from prune_core.service import submit

from .conftest import Visitor, heading, idle, says, until

NASTY = "<img src=x onerror=document.title='got'> **b** :red[x] $x$ [l](javascript:1)"
LONG = RunSpec(epochs=4000, sparsity=0.9)
SHORT = RunSpec(epochs=2, sparsity=0.9)
PLOT = ".js-plotly-plot"
RANGE = "() => document.querySelector('.js-plotly-plot').layout.xaxis.range.map(Number)"
POINTS = "() => Math.max(...document.querySelector('.js-plotly-plot').data.map(trace => trace.x ? trace.x.length : 0))"


def finished(server, spec):
    """A run of that spec that has finished."""
    run = submit(server.store, spec)
    until(lambda: server.store.run(run.id).state == "finished", f"{spec.title} to finish")
    return run.id


def events_of(server, run_id):
    return len(server.store.events(run_id))


def test_from_home_to_a_live_run_zoomed_reloaded_and_cancelled(server, visitor):
    tab = visitor.open("/")
    tab.get_by_role("button", name="Prune a network").click()
    expect(tab.get_by_role("heading", name="What happens if I prune ...?")).to_be_visible()
    epochs = tab.get_by_role("spinbutton", name="Epochs")
    epochs.fill("4000")
    epochs.press("Enter")
    says(tab, "Train what is left, 4000 epochs")
    tab.get_by_role("button", name="Start run").click()
    tab.wait_for_url(re.compile(r"/run\?run=[0-9a-f-]{36}$"))
    run_id = tab.url.rpartition("=")[2]
    says(tab, "Running · epoch")
    tab.locator(f"{PLOT} .main-svg").first.wait_for()
    tab.wait_for_function(f"({POINTS})() > 4")

    box = tab.locator(f"{PLOT} .nsewdrag").first.bounding_box()
    tab.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.3 * box["height"])
    tab.mouse.down()
    tab.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.7 * box["height"], steps=8)
    tab.mouse.up()
    tab.wait_for_function(f"({RANGE})()[0] > 100")
    zoomed, points = tab.evaluate(RANGE), tab.evaluate(POINTS)
    tab.wait_for_function(f"({POINTS})() > {points} + 3")
    assert tab.evaluate(RANGE) == zoomed

    elsewhere = visitor.open(f"/run?run={run_id}")
    assert heading(elsewhere) == heading(tab)
    says(elsewhere, "Running · epoch")
    tab.reload()
    says(tab, "Running · epoch")
    assert heading(tab) == heading(elsewhere)

    tab.get_by_role("button", name="Cancel run").click()
    says(tab, "Cancelled · after epoch")
    says(elsewhere, "Cancelled · after epoch")
    expect(tab.get_by_role("button", name="Run again")).to_be_visible()
    assert server.store.run(run_id).state == "cancelled"


def test_a_run_watched_to_its_end_can_be_run_again_copied_and_downloaded(server, visitor):
    run_id = submit(server.store, SHORT.model_copy(update={"seed": 5, "epochs": 40})).id
    tab = visitor.open(f"/run?run={run_id}")
    says(tab, "Finished · 40 epochs")
    says(tab, "of the 360 test images")
    tab.get_by_role("button", name="Copy as command").click()
    expect(tab.get_by_text("--set epochs=40 --set seed=5")).to_be_visible()
    tab.keyboard.press("Escape")
    tab.get_by_role("button", name="Files", exact=True).click()
    for name in ("weights.safetensors", "history.csv"):
        with tab.expect_download() as download:
            tab.get_by_role("link", name=name).click()
        assert download.value.suggested_filename.endswith(name)
    tab.keyboard.press("Escape")
    tab.get_by_role("button", name="Run again").click()
    tab.wait_for_url("**/prune?*")
    expect(tab.get_by_role("spinbutton", name="Epochs")).to_have_value("40")
    expect(tab.get_by_role("spinbutton", name="Seed")).to_have_value("5")
    says(tab, "This very run has finished here")


def test_a_run_is_found_named_and_deleted_after_asking(server, visitor):
    run_id = finished(server, SHORT.model_copy(update={"seed": 6}))
    server.store.rename(run_id, NASTY)
    tab = visitor.open("/runs?search=onerror")
    table = tab.get_by_test_id("stDataFrame")
    table.wait_for()
    idle(tab)
    box = table.bounding_box()
    tab.mouse.click(box["x"] + 16, box["y"] + 52)
    says(tab, "1 selected")
    tab.get_by_role("button", name="Delete").click()
    dialog = tab.get_by_role("dialog")
    expect(dialog.get_by_text(NASTY)).to_be_visible()
    assert server.store.run(run_id).state == "finished"
    dialog.get_by_role("button", name="Delete").click()
    says(tab, "No run fits this search.")
    assert heading(visitor.open(f"/run?run={run_id}")) == "This run is not here"


def test_what_people_type_is_shown_and_never_interpreted(server, visitor):
    run_id = finished(server, SHORT.model_copy(update={"seed": 7}))
    server.store.rename(run_id, NASTY)
    server.store.annotate(run_id, NASTY)
    tab = visitor.open(f"/run?run={run_id}")
    assert heading(tab) == NASTY
    assert tab.get_by_test_id("stMain").get_by_text(NASTY).count() == 2
    for page in (
        tab,
        visitor.open("/runs"),
        visitor.open("/"),
        visitor.open("/prune?model=" + "%3Cimg%20src=x%20onerror=alert(1)%3E**b**"),
    ):
        idle(page)
        assert page.locator("img[src=x], [onerror], a[href^=javascript]").count() == 0
        assert page.title() != "got"
    says(page, "there is no '<img src=x onerror=alert(1)>**b**'")


def test_a_click_on_saliency_brings_the_grid(server, visitor):
    tab = visitor.open("/saliency?sal_data=Digits")
    tab.get_by_role("button", name="Look", exact=True).click()
    tab.locator(".espalier-viewer img, .espalier-viewer canvas").first.wait_for()
    slider = tab.get_by_role("slider").first
    slider.focus()
    slider.press("ArrowRight")
    says(tab, "removed")


def test_the_first_request_to_a_fresh_server_may_be_a_deep_link(browser, fresh_server):
    example = next(r for r in fresh_server.store.runs(states=["finished"]) if r.spec.protocol != "score")
    with browser.new_context() as context:
        visitor = Visitor(context, fresh_server.url)
        tab = visitor.open(f"/run?run={example.id}")
        assert heading(tab) == example.title
        menu = tab.get_by_test_id("stSidebarNav")
        titles = [text.split()[-1] for text in menu.get_by_role("link").all_inner_texts()]
        assert titles[:4] == ["Home", "Prune", "Runs", "Saliency"]
        tab.locator(f"{PLOT} .main-svg").first.wait_for()
        tab.close()
        fresh_server.kill()
        fresh_server.start()
        assert heading(visitor.open("/saliency")) == "What does the criterion look at?"
        assert heading(visitor.open("/prune?sparsity=0.95&epochs=5")) == "What happens if I prune ...?"
        assert heading(visitor.open("/runs")) == "What have we tried?"
        assert visitor.complaints == []


def test_a_killed_web_server_takes_no_run_with_it_and_the_open_page_comes_back(browser, fresh_server):
    store = fresh_server.store
    run_id = submit(store, LONG).id
    with browser.new_context() as context:
        visitor = Visitor(context, fresh_server.url)
        tab = visitor.open(f"/run?run={run_id}")
        says(tab, "Running · epoch")
        fresh_server.kill()
        seen = events_of(fresh_server, run_id)
        until(lambda: events_of(fresh_server, run_id) > seen + 10, "the run to go on without the web server")
        fresh_server.start()
        until(
            lambda: "CONNECTED" in (tab.get_by_test_id("stApp").get_attribute("data-test-connection-state") or ""),
            "the open page to come back",
        )
        says(tab, "Running · epoch")
        says(visitor.open(f"/run?run={run_id}"), "Running · epoch")
        assert store.run(run_id).attempt == 1
        store.request_cancel(run_id)
        says(tab, "Cancelled · after epoch")


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_stands_in_both_themes_and_widths(browser, server, scheme, width):
    examples = server.store.runs(states=["finished"])
    run = next(r for r in examples if r.example and r.spec.protocol != "score")
    scoring = next(r for r in examples if r.example and r.spec.protocol == "score")
    with browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme) as context:
        visitor = Visitor(context, server.url)
        for path in ("/", "/prune", f"/run?run={run.id}", f"/run?run={scoring.id}", "/run?run=nobody", "/runs", "/saliency"):
            tab = visitor.open(path)
            idle(tab)
            assert tab.get_by_test_id("stException").count() == 0
            assert tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 1, path
            assert tab.evaluate("getComputedStyle(document.querySelector('.stApp')).colorScheme") == scheme
            tab.close()
        assert visitor.complaints == []
