"""From Home to a verdict on one's own runs, pruned against trained from scratch, without reading anything."""

import re

from playwright.sync_api import Locator, expect

from .conftest import WAIT, says

CLICKS = 10


class Clicks:
    """Counts what it clicks."""

    def __init__(self) -> None:
        self.n = 0

    def __call__(self, what: Locator) -> None:
        what.click()
        self.n += 1


def test_from_home_to_a_verdict_in_fewer_than_ten_clicks(server, visitor):
    click = Clicks()
    tab = visitor.open("/")
    click(tab.get_by_role("button", name="Prune a network"))
    epochs = tab.get_by_role("spinbutton", name="Epochs")
    click(epochs)
    epochs.fill("2")
    epochs.press("Enter")
    says(tab, "2 epochs")
    click(tab.get_by_role("button", name="Start run"))
    tab.wait_for_url(re.compile(r"/run\?run=[0-9a-f-]{36}$"))
    run_id = tab.url.rpartition("=")[2]
    click(tab.get_by_role("button", name="Compare with training from scratch"))
    tab.wait_for_url(f"**/scratch?run={run_id}*")
    says(tab, "Nothing to compare with yet")
    click(tab.get_by_role("button", name=re.compile(r"Start \d+ runs")))
    says(tab, re.compile(r"\d+ of \d+ runs finished"))
    expect(tab.locator(".espalier-caption").first).to_have_text(re.compile(r"Given equal epochs, .*3 seeds"), timeout=WAIT)
    says(tab, "all 9 runs are here")
    assert click.n < CLICKS
    tab.locator(".js-plotly-plot .main-svg").first.wait_for()
    tab.reload()
    expect(tab.locator(".espalier-caption").first).to_have_text(re.compile(r"Given equal epochs, .*3 seeds"), timeout=WAIT)
    assert f"run={run_id}" in tab.url
