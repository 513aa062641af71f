"""Saliency: which input pixels keep their connections, class by class, with the control beside it (SNIP's figures 2 and 3)."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import streamlit as st

from pages.parts import figure, masks, style
from pages.parts.plain import plain
from pages.parts.stored import store
from prune_core import RunSpec, SpecError, catalogue
from prune_core.charts import saliency as chart
from prune_core.charts import scores, words
from prune_core.history import History
from prune_core.service import submit
from prune_core.settings import settings
from prune_core.store import Run, StoreError

REMOVED = 95
SIZES = (1, 10, 100, 1000, 10_000)
LABELS = {"True": "true", "Shuffled": "shuffled"}
OWN = "The model's own"
POLL_SECONDS = 0.3

DATASETS = {entry.title: entry for entry in catalogue.datasets.values()}
CRITERIA = {entry.title: entry for entry in catalogue.criteria.values() if "weight" in entry.granularities}
MODELS = {entry.title: entry for entry in catalogue.models.values()}
INITIALISATIONS = {
    "Glorot": "glorot", "He": "he", "LeCun": "lecun", "Normal": "random_normal", "Truncated normal": "truncated_normal", "PyTorch's": "torch_default",
}  # fmt: skip


class Choice(NamedTuple):
    """A knob of this page: its name in the address, what it may be, what it is at first."""

    key: str
    options: tuple[str, ...]
    first: str


CHOICES = (
    Choice("sal_data", tuple(DATASETS), "MNIST"),
    Choice("sal_criterion", tuple(CRITERIA), "SNIP"),
    Choice("sal_labels", tuple(LABELS), "True"),
    Choice("sal_model", tuple(MODELS), "LeNet-300-100"),
    Choice("sal_start", (OWN, *INITIALISATIONS), OWN),
)


class Asked(NamedTuple):
    """What the controls say."""

    spec: RunSpec
    control: RunSpec
    many: RunSpec
    sees_data: bool


def complaints(asked: Mapping[str, str]) -> list[str]:
    """What in the address is no choice of this page. Streamlit drops such values without a word."""
    found = [
        f"{c.key}: there is no '{asked[c.key][:40]}'. Choices: {', '.join(c.options)}."
        for c in CHOICES
        if c.key in asked and asked[c.key] not in c.options
    ]
    for key, low, high in (("sal_removed", 1, 99), ("sal_seed", 0, 2**53 - 1)):
        value = asked.get(key, str(low))
        if not (value.isdecimal() and len(value) < 17 and low <= int(value) <= high):
            found.append(f"{key}: must be a whole number from {low} to {high:,}, got '{value[:40]}'.")
    return found


def controls() -> Asked:
    """The knobs, and the runs that answer them."""

    def knob(choice: Choice, label: str, **how: Any) -> str:
        first = choice.options.index(choice.first)
        return st.selectbox(label, choice.options, index=first, key=choice.key, bind="query-params", on_change=look, filter_mode=None, **how)

    data = DATASETS[knob(CHOICES[0], "Data")]
    criterion = CRITERIA[knob(CHOICES[1], "Criterion", help="What decides which weights stay. Random and magnitude see no data.")]
    labels = st.segmented_control(
        "Labels", CHOICES[2].options, default="True", key="sal_labels", bind="query-params", on_change=look, required=True,
        disabled="labels" not in criterion.needs, help="Shuffled is the control: the right images, with labels dealt out at random.",
    )  # fmt: skip
    with st.popover("More options", icon=":material/tune:", width="stretch"):
        model = MODELS[knob(CHOICES[3], "Model", help="With a dense first layer: one mask a class. With a convolution: what is kept of its filters.")]
        start = knob(CHOICES[4], "First weights", help="How the weights are drawn before they are scored.")
        seed = st.number_input("Seed", 0, 2**53 - 1, 0, key="sal_seed", bind="query-params", on_change=look, help="The same seed draws the same weights and images.")

    def spec(**options: Any) -> RunSpec:
        mine = {"criteria": (criterion.name,), **options}
        own = {} if start == OWN else {"initialisation": INITIALISATIONS[start]}
        return RunSpec.model_validate({
            "protocol": "score", "model": model.name, "model_options": own, "dataset": data.name, "seed": int(seed), "protocol_options": mine,
        })  # fmt: skip

    sees_data = "data" in criterion.needs
    label = LABELS[labels or "True"] if sees_data else "true"
    other = "true" if label == "shuffled" else "shuffled"
    sizes = tuple(n for n in SIZES if n <= data.train)
    return Asked(spec(labels=label), spec(labels=other), spec(labels=label, classes="all", batch_sizes=sizes), sees_data)


def look() -> None:
    """The visitor asked: from here on, whatever the controls say is scored at once."""
    st.session_state["sal_looking"] = True


def data_is_here(spec: RunSpec) -> bool:
    folder = settings().data_folder
    return all((folder / f.path).exists() or (folder / f.path.removesuffix(".gz")).exists() for f in spec.dataset_entry.files)


def answer(spec: RunSpec) -> Run | None:
    """The run that answers a spec, or the one that this visitor started and that failed."""
    if found := store().find(spec.fingerprint):
        return found
    mine = st.session_state.get("sal_runs", {}).get(spec.fingerprint)
    return store().run(mine) if mine else None


def start(spec: RunSpec) -> Run:
    run = submit(store(), spec)
    st.session_state.setdefault("sal_runs", {})[spec.fingerprint] = run.id
    return run


@st.cache_data(show_spinner=False, max_entries=16)
def scored(run_id: str) -> tuple[History, dict[str, Any]]:
    """Events and score files of a finished run: neither changes any more."""
    history = store().history(run_id)
    return history, {e.file: store().tensors(run_id, e.file) for e in history.scorings if e.file}


@st.fragment(run_every=POLL_SECONDS)
def wait(run_id: str, height: int) -> None:
    """The place of a picture that is being computed; draws the page anew when it is there."""
    run = store().run(run_id)
    if run.state not in ("queued", "running"):
        st.rerun()
    p = run.progress
    share = min(1.0, p.done / p.total) if p and p.total else 0.0
    st.progress(share, text=f"{p.doing} …" if p and p.doing else "Waiting for a free slot …" if run.state == "queued" else "Starting …")
    st.skeleton(height)


def pending(spec: RunSpec, run: Run | None, *, key: str, height: int, words_: str, button: str) -> bool:
    """True where there is nothing to draw yet; then says why and offers the one button that helps."""
    if run and run.state == "finished":
        return False
    if run and run.state in ("queued", "running"):
        wait(run.id, height)
        return True
    if run is None and st.session_state.get("sal_looking") and key == "sal-look" and data_is_here(spec):
        wait(start(spec).id, height)
        return True
    if run:
        st.error(run.message or "The scoring was cancelled.")
    else:
        size = "" if data_is_here(spec) else f" {spec.dataset_entry.title} is not here yet: {spec.dataset_entry.download_bytes / 1e6:.0f} MB will be downloaded."
        figure.caption(words_ + size)
    if st.button("Look again" if run else button, type="primary" if key == "sal-look" else "secondary", icon=":material/visibility:", key=key, on_click=look):
        start(spec)
        st.rerun()
    return True


def heading(grid: chart.Grid, spec: RunSpec) -> str:
    """What was scored, and what a careful reader should know about it."""
    data = spec.dataset_entry
    images = "" if grid.means is None else f", {getattr(spec.protocol_options, 'batch_sizes', (100,))[0]} images a {grid.one}"
    said = f"{spec.model_entry.title} before training, {data.title}{images}, seed {spec.seed}."
    if grid.layout == "filters":
        return f"{said} Each picture holds the first layer's filters side by side: bright weights are kept, dark ones removed."
    if grid.means is None:
        return f"{grid.criterion} sees no data, so there is one mask for all. {said} Each picture is drawn to its own brightest pixel."
    black = f"Pixels are standardised: black is \N{MINUS SIGN}{data.mean[0] / data.std[0]:.2f}, not 0, so the background counts too."
    return f"{said} Each row is drawn to its own brightest pixel; what that keeps of its {grid.of} weights stands at the right. {black}"


def draw_grid(asked: Asked, run: Run) -> str:
    """The picture with what stands under it; returns its sentence, which stands beside it."""
    grid = chart.saliency(*scored(run.id))
    key = f"sal-grid-{run.fingerprint[:12]}"
    name = f"saliency-{run.spec.dataset}-{'-'.join(getattr(run.spec.protocol_options, 'criteria', ()))}"
    if len(grid.classes) == 1:
        pictures = [
            masks.Picture(counts := grid.at(s)[0], f"{words.share(s)} removed: at most {counts.max()} of {grid.of} weights kept at a pixel", f"{words.share(s)} removed")
            for s in (*(i / 10 for i in range(1, 10)), REMOVED / 100)
        ] if grid.layout == "pixels" else []  # fmt: skip
        masks.grid(pictures, key=key, largest=None, across=5)
        figure.foot(key=key, table=grid.table(), name=name, note=heading(grid, run.spec))
        return grid.sentence
    address = st.query_params.get("sal_removed", "")
    chosen = masks.viewer(grid, key=key, chosen=int(address) if address.isdecimal() and 1 <= int(address) <= 99 else REMOVED)
    if str(chosen) != address and (address or chosen != REMOVED):
        st.query_params["sal_removed"] = str(chosen)
    other = store().find(asked.control.fingerprint) if asked.sees_data else None
    control = chart.saliency(*scored(other.id)) if other and other.state == "finished" else None
    figure.foot(key=key, table=grid.table(), name=name, note=heading(grid, run.spec))
    return chart.describe(grid, chosen / 100, control)


def draw_scores(run: Run) -> None:
    history, _ = scored(run.id)
    grid = chart.saliency(*scored(run.id))
    st.subheader("How are the scores spread?", anchor=False)
    which = 0
    if len(grid.classes) > 1:
        which = st.selectbox(f"Scored on {grid.one}", range(len(grid.classes)), format_func=lambda k: grid.classes[k], key="sal_spread", width=160)
    numbers = scores.scores(history, which)
    figure.show(
        lambda theme: scores.draw(numbers, theme), key="sal-scores", label="Histogram of scores, a row a layer", sentence=numbers.sentence,
        table=numbers.table(), name="scores", note="Each row to its own tallest bin.", revision=f"{run.id}-{which}",
    )  # fmt: skip


def draw_batches(asked: Asked) -> None:
    st.subheader("How many images does it take?", anchor=False)
    run = answer(asked.many)
    text = "The same scoring on 1, 10, 100 and more images of all classes: how soon does the mask settle?"
    if pending(asked.many, run, key="sal-batches", height=160, words_=text, button="Score on more images"):
        return
    assert run is not None
    numbers = chart.batches(*scored(run.id))
    if not numbers.batches:
        figure.caption("This question is about input pixels; a convolution has none of its own.")
        return
    pictures = [
        masks.Picture(b.counts, f"Scored on {b.images:,} images: correlation {b.correlation:.2f} with the mean training image", f"{b.images:,} · r {b.correlation:.2f}")
        for b in numbers.batches
    ]  # fmt: skip
    labelled = ", labels shuffled" if getattr(run.spec.protocol_options, "labels", "true") == "shuffled" else ""
    masks.grid(pictures, key="sal-figure3", largest=numbers.largest, across=len(pictures))
    figure.beneath(
        key="sal-figure3", sentence=numbers.sentence, table=numbers.table(), name="scoring-batch",
        note=f"{words.share(numbers.sparsity)} removed, images of all classes{labelled}. Under each mask: images, correlation r with the mean training image.",
        scale=("0", words.rough(numbers.largest / numbers.of), f"of a pixel's {numbers.of:,} weights kept"),
    )  # fmt: skip


style.head("What does the criterion look at?", "Shown images of one class only and never trained: which input pixels keep their connections?")
if found := complaints(dict(st.query_params)):
    st.warning("  \n".join(map(plain, found)), icon=":material/info:")
try:
    with st.container(key="sal-view"):
        left, right = st.columns([3, 8], gap="medium")
        with left:
            asked = controls()
            beside = st.container(key="sal-caption")
        with right:
            run = answer(asked.spec)
            waiting = pending(
                asked.spec, run, key="sal-look", height=560, button="Look",
                words_=f"Nobody has looked at {asked.spec.criterion_options and asked.spec.dataset_entry.title} this way yet. It takes about a second.",
            )  # fmt: skip
            if not waiting and run:
                said = draw_grid(asked, run)
                with beside:
                    figure.caption(said)
    if not waiting and run:
        draw_scores(run)
        if asked.sees_data:
            draw_batches(asked)
except (SpecError, StoreError) as error:
    st.error(plain(str(error)))
