"""What one can do with a run: where else it can be seen, what can follow it, what can be taken away."""

from typing import Literal

import streamlit as st

from prune_core import RunSpec, SpecError
from prune_core.charts import words
from prune_core.estimate import estimate
from prune_core.history import History
from prune_core.overrides import command, overrides
from prune_core.service import submit
from prune_core.store import Run
from prune_core.twins import NO_MASKS, common, parent_at, train_longer

from . import figure, routes
from .naming import naming
from .plain import plain
from .report_button import report_button
from .run_words import ALIVE
from .stored import store

ONWARD = "Starts from these final weights. Choose other data there, and the network is transferred: only its output layer is drawn anew."
MORE_EPOCHS = (5, 10, 20)
FROM = {"from_scratch": "From scratch, with the masks of", "mask_control": "A control for the mask of", "train_longer": "Goes on from"}


def origin(run: Run) -> None:
    """The run that this one starts from, as a link."""
    if run.parent is None:
        return
    how, found = FROM.get(run.spec.protocol, "Starts from"), store().find(run.parent)
    if found is None:
        st.html(f'<p class="espalier-lead">{figure.text(how)} a run that is not here any more.</p>')
        return
    with st.container(key="run-origin"):
        st.page_link(
            "run.py", label=f"{how} {plain(found.title)}", icon=":material/subdirectory_arrow_right:", query_params={"run": found.id}
        )


def places(run: Run, history: History) -> dict[str, tuple[str, str, dict[str, str]]]:
    """Title -> page, icon and address of the other pages that show this run."""
    if run.state != "finished":
        return {}
    whole = ("network.py", ":material/account_tree:", {"run": run.id})
    if any(event.what == "removal" for event in history.measurements):
        return {
            "Calibration": ("calibration.py", ":material/balance:", {"run": run.id}),
            "Sensitivity": ("sensitivity.py", ":material/layers:", {"run": run.id}), "Network": whole,
        }  # fmt: skip
    if "training" not in run.spec.protocol_entry.uses:
        return {"Network": whole}
    subject = f"{run.spec.model_entry.title} on {run.spec.dataset_entry.title}"
    found: dict[str, tuple[str, str, dict[str, str]]] = {"Trade-off": ("trade_off.py", ":material/show_chart:", {"to_what": subject})}
    if history.prunings:
        found["Widths"] = ("widths.py", ":material/park:", {"runs": run.id})
    if any(event.what == "latency" for event in history.measurements):
        found["Speed"] = ("speed.py", ":material/speed:", {"run": run.id})
    if any(pruning.epoch > 0 for pruning in history.prunings):
        found["Instability"] = ("instability.py", ":material/ecg_heart:", {"run": run.id})
    if run.spec.is_made_of_another:
        found["Scratch"] = ("scratch.py", ":material/restart_alt:", {"run": run.id})
    return found | {"Network": whole}


def see_elsewhere(run: Run, history: History) -> None:
    """Links to the other pages that show this run."""
    if found := places(run, history):
        with st.container(horizontal=True, vertical_alignment="center", key="run-places"):
            st.html('<p class="espalier-note">See it in</p>', width="content")
            for title, (page, icon, query) in found.items():
                st.page_link(page, label=title, icon=icon, query_params=query)


def actions(run: Run, history: History) -> None:
    """What can follow the run, then what can be taken away from it."""
    over = run.state not in ALIVE and not run.spec.protocol_entry.page
    pruned = run.state == "finished" and "sparsity" in run.spec.protocol_entry.uses and not run.spec.is_made_of_another
    if over:
        with st.container(horizontal=True, vertical_alignment="center", key="run-actions"):
            if pruned and st.button("Compare with training from scratch", type="primary", icon=":material/restart_alt:", key="run-scratch"):
                st.switch_page("scratch.py", query_params={"run": run.id})
            if not run.spec.is_made_of_another:
                kind: Literal["primary", "secondary"] = "secondary" if pruned else "primary"
                if st.button("Run again", type=kind, icon=":material/replay:", help="Opens the form with these choices.", key="run-again"):
                    st.switch_page("prune.py", query_params=overrides(run.spec))
            longer(run, history)
            onward(run, history)
    with st.container(horizontal=True, vertical_alignment="center", key="run-takeaway"):
        report_button([run], key="run-report")
        with st.popover("Copy as command", icon=":material/terminal:", key="run-command"):
            st.code(as_command(run.spec), language="bash", wrap_lines=True)
            st.html('<p class="espalier-note">The same run on the command line: same seed, same weights.</p>')
        files(run)
        naming(run)


def as_command(spec: RunSpec) -> str:
    """The run as a command; one that starts from another run needs the store, so it is queued."""
    return command(spec) if spec.parent is None else command(spec).replace(" run ", " submit ", 1)


def longer(run: Run, history: History) -> None:
    """Train a finished run for some more epochs, as a new run that starts from its final weights."""
    end = history.finished
    if end is None or end.file is None or not any(file.name == end.file for file in store().files(run.id)):
        return
    with st.popover("Train longer", icon=":material/fast_forward:", key="run-longer"):
        more = (
            st.segmented_control("More epochs", MORE_EPOCHS, default=MORE_EPOCHS[1], required=True, key="run-longer-epochs")
            or MORE_EPOCHS[1]
        )
        try:
            spec = train_longer(history, int(more))
        except (SpecError, ValueError) as error:
            st.html(f'<p class="espalier-note">{figure.text(str(error))}</p>')
            return
        cost, before = estimate(spec, store().speeds()), store().find(spec.fingerprint)
        rate = f" at learning rate {spec.lr:g}" if spec.lr else ""
        st.html(
            f'<p class="espalier-note">A new run from the final weights, under the same masks{rate}. '
            f"About {figure.text(words.duration(max(1.0, cost.seconds)))} on this machine.</p>"
        )
        if before and st.button("Open that run", icon=":material/show_chart:", key="run-longer-open"):
            st.switch_page("run.py", query_params={"run": before.id})
        elif before is None and st.button("Start", type="primary", icon=":material/play_arrow:", key="run-longer-start"):
            st.switch_page("run.py", query_params={"run": submit(store(), spec).id})


def onward(run: Run, history: History) -> None:
    """Prune a whole trained network from its final weights, on its own images or on others: the form opens, and starts from this run."""
    end, spec = history.finished, history.spec
    if end is None or spec is None or end.file is None or end.masks_sha256 is not None:
        return
    if not any(file.name == end.file for file in store().files(run.id)):
        return
    if st.button("Prune it from here", icon=":material/content_cut:", help=ONWARD, key="run-onward"):
        parent = parent_at(spec, len(history.events) - 1, NO_MASKS)
        start = RunSpec(**common(spec), protocol="iterative", criterion="magnitude", parent=parent)
        st.switch_page("prune.py", query_params=overrides(start))


def files(run: Run) -> None:
    """Masks, weights and history, as links that can be shared."""
    kept = [file for file in store().files(run.id) if file.kind in routes.KINDS]
    with st.popover("Files", icon=":material/download:", key="run-files"):
        lines = [(file.name, size(file.bytes)) for file in kept] + [(routes.HISTORY, "every epoch, measurement and pruning")]
        rows = [
            f'<a href="{routes.address(run, name)}" target="_self" download>{name}</a><span>{figure.text(about)}</span>'
            for name, about in lines
        ]
        st.html(f'<div class="espalier-links">{"".join(rows)}</div>')
        st.html('<p class="espalier-note">Masks are bit-packed, weights are arrays by name; both are safetensors files.</p>')


def size(number: int) -> str:
    return f"{number / 1e6:.1f} MB" if number >= 1e5 else f"{number / 1e3:.1f} KB"
