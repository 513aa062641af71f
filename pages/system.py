"""System: what runs are carried out on, how fast that is, what waits, and whether everything works. Names no place of the machine."""

import platform
import shutil
from importlib.metadata import PackageNotFoundError, version

import streamlit as st

from pages.parts import figure, style, times
from pages.parts.checkup import checkup
from pages.parts.plain import plain
from pages.parts.stored import store, told
from prune_core import markup
from prune_core.charts import speeds, words
from prune_core.environment import here
from prune_core.service import slots
from prune_core.service.processes import threads
from prune_core.service.starting import at_work
from prune_core.settings import cores
from prune_core.store import StoreError
from prune_core.store.lease import lease
from prune_core.store.usage import Usage, usage

LOOK_SECONDS = 2.0
POLL_SECONDS = 0.5
PACKAGES = ("torch", "torchvision", "streamlit", "plotly", "numpy", "SQLAlchemy")
SAID_BELOW = {"espalier", "python", "torch", "streamlit"}
KINDS = {"masks": "Masks", "weights": "Weights", "scores": "Scores", "checkpoint": "Checkpoints", "file": "Others"}


def work() -> None:
    """Slots, queue and space as they stand."""
    held = usage(store())
    running, waiting = held.runs.get("running", 0), held.runs.get("queued", 0)
    free = shutil.disk_usage(store().home).free
    with st.grid(4, min_column_width=150, key="system-numbers"):
        st.metric(
            "Slots in use",
            f"{running} of {slots()}",
            each_slot(),
            delta_color="off",
            delta_arrow="off",
            help="Runs that are carried out at the same time.",
        )
        st.metric(
            "Waiting",
            f"{waiting:,}",
            supervised(),
            delta_color="off",
            delta_arrow="off",
            help="Queued runs start by themselves, oldest first.",
        )
        st.metric(
            "Held here",
            size(held.bytes),
            f"{sum(held.runs.values()):,} runs",
            delta_color="off",
            delta_arrow="off",
            help="Events, masks, weights and scores of all runs.",
        )
        st.metric(
            "Free", size(free), disk_words(free), delta_color="off", delta_arrow="off", help="Room on the disk that runs are kept on."
        )


def each_slot() -> str:
    n = threads()
    return f"{'1 thread' if n == 1 else f'{n} threads'} each, {cores()} cores"


def supervised() -> str:
    """Whether someone carries out what is queued."""
    found = lease(store())
    return "supervisor at work" if found and at_work(store().home, found) else "no supervisor needed now"


def disk_words(free: int) -> str:
    return "on its disk" if free > 5e8 else "make room"


def size(number: int) -> str:
    """Bytes as people read them: 740_000 -> "0.7 MB", 74.9e9 -> "74.9 GB"."""
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.1f} MB"


def speed() -> None:
    """The leading picture: how long an epoch takes here, or may take."""
    measured = speeds.speeds(store().speeds())
    numbers = measured if measured.rows else speeds.guesses()
    figure.show(
        lambda theme: speeds.draw(numbers, theme), key="system-speeds", label="Seconds per epoch, by network and data set",
        sentence=numbers.sentence, table=numbers.table(), name="espalier-speeds",
        note="Guesses from another machine; they give way to what is measured here." if numbers.guessed
        else "From the latest run of each that finished here, with whatever else the machine had to do. Estimates on Prune rest on these.",
    )  # fmt: skip


@st.fragment(run_every=POLL_SECONDS)
def looking() -> None:
    """Waits for doctor's answer without holding up anybody."""
    st.html('<p class="espalier-note">Looking … this takes a few seconds.</p>')
    if not checkup().answer().going:
        st.rerun()


def doctor() -> None:
    """What works, and what to do about what does not."""
    st.subheader("Does everything work?", anchor=False)
    found = checkup().answer()
    if found.findings is None and not found.going:
        checkup().ask()
        found = checkup().answer()
    if found.findings is not None:
        shown = [f for f in found.findings if f.remedy or f.what not in SAID_BELOW]
        wrong, n = [f for f in shown if f.remedy], len(shown)
        needs = f"{words.capital(words.counted(len(wrong)))} of {n} {'needs' if len(wrong) == 1 else 'need'} attention."
        figure.caption(needs if wrong else f"All {n} checks are fine.")
        rows = [[f.what, "needs attention" if f.remedy else "fine", f"{f.found}. {f.remedy}" if f.remedy else f.found] for f in shown]
        st.html(markup.table(["What", "State", "Found"], rows, "What doctor found"))
    if found.going:
        looking()
        return
    with st.container(horizontal=True, vertical_alignment="center", key="system-again"):
        if st.button("Check again", icon=":material/replay:", key="check-again"):
            checkup().ask()
            st.rerun()
        if found.at:
            st.html(f'<p class="espalier-note">Looked at {markup.text(times.when(found.at, st.context.timezone))}.</p>', width="content")


def installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def about(held: Usage) -> None:
    """Versions, and where the bytes are."""
    left, right = st.columns(2, gap="large")
    environment = here()
    with left:
        st.subheader("Versions", anchor=False)
        pairs = [("Espalier", environment.code), ("Python", platform.python_version()), *((name, installed(name)) for name in PACKAGES)]
        st.html(markup.facts([("Device", "CPU" if environment.device == "cpu" else environment.device), *pairs]))
    with right:
        st.subheader("Where the space goes", anchor=False)
        database = "on another server" if held.database_bytes is None else size(held.database_bytes)
        kinds = sorted(held.files.items(), key=lambda pair: -pair[1])
        st.html(
            markup.facts([(f"Database, {held.database}", database), *((KINDS.get(kind, kind.capitalize()), size(n)) for kind, n in kinds)])
        )


st.html(style.ASSETS / "tables.css")
style.head("What is it running on?", "The machine behind these pages: what it does now, how fast it is, and whether everything works.")
try:
    st.fragment(told(work), run_every=LOOK_SECONDS)()
    speed()
    doctor()
    about(usage(store()))
except StoreError as error:
    st.error(plain(str(error)), icon=":material/error:")
