"""A sweep as a person clicks it together: killed in the middle with everything that works for it, it ends complete on Trade-off."""

import re

from prune_core import RunSpec
from prune_core.service import submit_sweep
from prune_core.sweeps import expand

from .conftest import Visitor, idle, says, until


def kill_everything(server):
    """SIGKILL to web server, supervisor, fork server and workers at once."""
    import psutil

    ours = [process for process in psutil.process_iter() if server.owns(process)]
    for process in ours:
        process.kill()
    psutil.wait_procs(ours, timeout=10)
    server.process.wait()
    return len(ours)


def choose(tab, *names):
    for name in names:
        tab.get_by_test_id("stMain").get_by_role("button", name=name, exact=True).click()
        idle(tab)


def test_a_sweep_that_is_clicked_together_and_killed_in_the_middle_ends_complete_on_trade_off(fresh_server, browser):
    server = fresh_server
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        visitor = Visitor(context, server.url)
        tab = visitor.open("/prune?epochs=3")
        says(tab, "About")
        tab.get_by_text("Repeat over").click()
        tab.get_by_role("radiogroup", name="Seeds").get_by_text("3", exact=True).click()
        idle(tab)
        choose(tab, "Random", "98 %")
        tab.get_by_text("The dense reference too").click()
        tab.get_by_role("button", name="Start 15 runs").click()
        tab.wait_for_url(re.compile(r"/runs\?sweep=[0-9a-f-]{36}$"))
        says(tab, "of 15 runs over")
        (sweep,) = server.store.sweeps()
        until(
            lambda: server.store.sweep(sweep.id).counts.get("running") and server.store.sweep(sweep.id).over >= 3, "the middle of the sweep"
        )
        assert kill_everything(server) >= 3
        assert server.store.sweep(sweep.id).under_way
        server.start()
        until(lambda: not server.store.is_busy(), "the sweep to end")
        tab.reload()
        says(tab, "Complete · 15 finished")
        runs = server.store.runs(sweep=sweep.id)
        assert len({run.fingerprint for run in runs}) == server.store.count(example=False) == 15
        for run in runs:
            assert [number for number, _ in server.store.events(run.id)] == list(range(len(server.store.events(run.id))))
        tab.get_by_role("button", name="See on Trade-off").click()
        tab.locator(".js-plotly-plot .scatterlayer path").first.wait_for()
        says(tab, "LeNet-300-100 on Digits")
        says(tab, "3 seeds")


def test_a_sweep_is_cancelled_as_a_whole_after_asking(server, visitor):
    sweep = submit_sweep(server.store, expand({"epochs": 2000}, {"sparsity": [0.5, 0.6]}, 2), "long ones", follow=["shuffled"])
    tab = visitor.open(f"/runs?sweep={sweep.id}")
    says(tab, "running · about")
    tab.get_by_role("button", name="Cancel all").click()
    dialog = tab.get_by_role("dialog")
    dialog.get_by_text("Eight runs that are not over will be cancelled").wait_for()
    dialog.get_by_role("button", name="Go on").click()
    dialog.wait_for(state="hidden")
    assert not server.store.sweep(sweep.id).cancelled
    tab.get_by_role("button", name="Cancel all").click()
    dialog.get_by_role("button", name="Cancel all").click()
    says(tab, "Cancelled · 4 cancelled")
    assert server.store.sweep(sweep.id).counts == {"cancelled": 4}


def test_what_has_run_already_can_be_looked_at_from_the_form(server, visitor):
    spec = RunSpec(epochs=1, sparsity=0.7)
    sweep = submit_sweep(server.store, [spec])
    until(lambda: server.store.sweep(sweep.id).over, "the run")
    tab = visitor.open("/prune?epochs=1&sparsity=0.7&seeds=3")
    tab.get_by_role("button", name="Start 2 runs").wait_for()
    tab.get_by_role("button", name="1 of 3 have already run").click()
    tab.get_by_role("link", name=spec.title).click()
    tab.wait_for_url(re.compile(r"/run\?run="))
    says(tab, "Finished")
