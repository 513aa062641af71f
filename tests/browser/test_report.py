"""A report as its reader opens it: a file, no network, by day and by night; and Compare by its link."""

from playwright.sync_api import expect

from prune_core.reporting import written

from .conftest import Visitor, heading, idle, says
from .test_journey import NASTY, PLOT, SHORT, finished

DRAWN = ".plot .main-svg"


def test_a_report_saved_from_a_comparison_opens_without_a_network(browser, server, tmp_path):
    ids = [finished(server, SHORT.model_copy(update={"seed": seed})) for seed in (21, 22)]
    server.store.rename(ids[0], NASTY)
    with browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme="dark", accept_downloads=True) as context:
        visitor = Visitor(context, server.url)
        tab = visitor.open(f"/compare?runs={','.join(ids)}&cmp_scale=Error%2C%20log%20scale")
        assert heading(tab) == "How do these runs differ?"
        tab.locator(f"{PLOT} .main-svg").first.wait_for()
        assert tab.evaluate(f"document.querySelector('{PLOT}').layout.yaxis.type") == "log"
        says(tab, "They differ in seed")
        with tab.expect_download() as download:
            tab.get_by_role("button", name="Report").click()
        assert download.value.suggested_filename == "espalier-2-runs.html"
        download.value.save_as(tmp_path / "report.html")
        assert visitor.complaints == []
    for scheme, ground, width in (("light", "rgb(251, 250, 245)", 1280), ("dark", "rgb(21, 24, 17)", 390)):
        with browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, offline=True) as context:
            page, noticed = context.new_page(), []
            page.on("console", lambda m, noticed=noticed: noticed.append(m.text) if m.type in ("error", "warning") else None)
            page.on("pageerror", lambda error, noticed=noticed: noticed.append(str(error)))
            page.on("request", lambda r, noticed=noticed: noticed.append(r.url) if not r.url.startswith(("file:", "data:")) else None)
            page.goto((tmp_path / "report.html").as_uri())
            page.locator(DRAWN).first.wait_for()
            assert page.locator(".plot").count() == 2
            expect(page.get_by_text(NASTY).first).to_be_visible()
            assert page.locator("img[src=x], [onerror], a").count() == 0
            assert page.title() == "Two runs beside each other"
            assert page.evaluate("getComputedStyle(document.body).backgroundColor") == ground
            assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 1
            assert noticed == []


def test_a_script_smuggled_into_a_report_would_not_run(browser, server, tmp_path):
    (tmp_path / "report.html").write_text(
        written(server.store, [finished(server, SHORT)]).replace(
            "</body>", "<script>document.title='got'</script><img src='https://example.org/x'></body>"
        )
    )
    with browser.new_context() as context:
        page, refused = context.new_page(), []
        page.on("console", lambda m: refused.append(m.text) if "Content Security Policy" in m.text else None)
        page.goto((tmp_path / "report.html").as_uri())
        page.locator(DRAWN).first.wait_for()
        assert page.title() == SHORT.title
        assert len(refused) == 2


def test_a_method_has_an_address_that_can_be_shared_and_an_unknown_one_a_page(visitor):
    tab = visitor.open("/methods")
    tab.get_by_test_id("stMain").get_by_role("link", name="Train, prune, fine-tune").click()
    tab.wait_for_url("**/methods?method=iterative")
    says(tab, "Five times, in mid-training")
    assert heading(visitor.open("/methods?method=iterative")) == "How is it computed?"
    lost = visitor.open("/nowhere-at-all")
    assert heading(lost) == "There is no page here"
    idle(lost)
    assert lost.get_by_role("dialog").count() == 0
    lost.get_by_role("button", name="Go to Home").click()
    expect(lost.get_by_role("heading", name="What is left of a network when you prune it?")).to_be_visible()
