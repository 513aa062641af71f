"""From a run that removed channels to everything that can be asked of it, by clicking what the pages offer: the architecture, its speed, its rivals."""

import re
import zipfile

from playwright.sync_api import expect

from .conftest import WAIT, idle, says


def test_the_whole_comparison_is_a_click_from_a_finished_run(server, visitor, tmp_path):
    tab = visitor.open("/prune?model=small_conv&criterion=l2_norm&sparsity=0.5&epochs=1")
    says(tab, "Take the removed channels out")
    tab.get_by_role("button", name="Start run").click()
    tab.wait_for_url(re.compile(r"/run\?run=[0-9a-f-]{36}$"))
    run_id = tab.url.rpartition("=")[2]
    says(tab, "It was made smaller, to")

    tab.get_by_role("link", name="Speed").last.click()
    tab.wait_for_url(f"**/speed?run={run_id}")
    says(tab, "With zeros in the same places it is")
    tab.locator(".js-plotly-plot .barlayer path").first.wait_for()

    tab.get_by_role("link", name="Layer by layer").click()
    tab.wait_for_url(f"**/network?run={run_id}")
    says(tab, "In which order did channels go?")
    tab.get_by_role("button", name="Build the download").click()
    says(tab, "Building and checking the files")
    with tab.expect_download(timeout=WAIT) as taken:
        tab.get_by_role("button", name="Download the network").click(timeout=WAIT)
    taken.value.save_as(tmp_path / "network.zip")
    assert "model.onnx" in zipfile.ZipFile(tmp_path / "network.zip").namelist()

    tab.get_by_role("link", name="Open the run").click()
    tab.get_by_role("button", name="Compare with training from scratch").click()
    tab.wait_for_url(f"**/scratch?run={run_id}*")
    tab.get_by_role("button", name=re.compile(r"Start \d+ runs")).click()
    expect(tab.locator(".espalier-caption").first).to_have_text(re.compile("Given equal epochs, .*plainly narrower"), timeout=2 * WAIT)
    says(tab, "Width multiplier")

    tab.goto(f"{server.url}/trade_off?to_what=Small conv net on Digits&to_across=Parameters&to_front=true")
    says(tab, "At about")
    says(tab, "Broad line: the best of each size")
    says(tab, "Width multiplier")

    tab.goto(f"{server.url}/widths?runs={run_id}")
    says(tab, "Which architecture did pruning find?")
    tab.get_by_text("Train an architecture like this from scratch").click()
    tab.get_by_label("Name", exact=True).fill("Half of it")
    tab.get_by_label("Name", exact=True).press("Enter")
    idle(tab)
    tab.get_by_role("button", name="Set up its training").click()
    tab.wait_for_url(re.compile("/prune.*family=Half"))
    says(tab, "Train the full network")
    tab.get_by_role("button", name="Start run").click()
    tab.wait_for_url(re.compile(r"/run\?run=[0-9a-f-]{36}$"))
    says(tab, "Half of it")
