"""The network of a finished run as files for other programs: built when it is asked for, by a process of its own, with progress and a way to stop."""

import streamlit as st

from prune_core.history import History
from prune_core.service.model_files import Building, build, built, stop
from prune_core.store import Run

from . import figure
from .plain import plain
from .routes import file_name
from .stored import store

WHAT = (
    "A zip: weights as safetensors with a description that builds the network again, ONNX whose outputs were checked against PyTorch's, "
    "the spec, and a card with its figures."
)


@st.cache_resource(show_spinner=False)
def under_way() -> dict[str, Building]:
    """Exports of this server by run, until they are over."""
    return {}


def take_along(run: Run, history: History) -> None:
    """The button, its progress, then the download. Says why where there are no weights to take."""
    st.html('<h3 class="espalier-heading">Take it along</h3>')
    end = history.finished
    if end is None or end.file is None or not any(file.name == end.file for file in store().files(run.id)):
        why = (
            "Examples come without weights. Run it again, and its network can be taken along."
            if run.example
            else "This run keeps no weights."
        )
        st.html(f'<p class="espalier-note">{figure.text(why)}</p>')
        return
    going = run.id in under_way()
    st.fragment(offer, run_every=1.0 if going else None)(run, going)


def offer(run: Run, going: bool) -> None:
    """What changes while it is built."""
    building = under_way().get(run.id)
    if building is not None and (building.process.poll() is not None):
        trouble = building.trouble
        under_way().pop(run.id, None)
        if trouble:
            st.session_state[f"take-trouble-{run.id}"] = trouble
        st.rerun()
    if building is not None:
        with st.container(horizontal=True, vertical_alignment="bottom", key="take-progress"):
            st.progress(building.share, text=f"Building and checking the files · {building.seconds:.0f} s, usually about 15")
            if st.button("Cancel", icon=":material/stop:", key="take-cancel"):
                stop(building)
                under_way().pop(run.id, None)
                st.rerun()
        return
    with st.container(horizontal=True, vertical_alignment="center", key="take-row"):
        if path := built(store(), run):
            st.download_button(
                "Download the network", data=path.read_bytes, file_name=file_name(run, "network.zip"), mime="application/zip", type="primary",
                icon=":material/download:", on_click="ignore", key="take-download",
            )  # fmt: skip
        elif st.button("Build the download", icon=":material/inventory_2:", key="take-build"):
            st.session_state.pop(f"take-trouble-{run.id}", None)
            if run.id not in under_way():
                under_way()[run.id] = build(store(), run)
            st.rerun()
        st.html(f'<p class="espalier-note">{figure.text(WHAT)}</p>', width="content")
    if trouble := st.session_state.get(f"take-trouble-{run.id}"):
        st.error(plain(trouble))
