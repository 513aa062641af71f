"""Saliency: which input pixels keep their connections, class by class, with the control beside it (SNIP's figures 2 and 3)."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import streamlit as st

from pages.parts import between_criteria, figure, masks, scoring, style
from pages.parts.plain import plain
from prune_core import RunSpec, SpecError, catalogue
from prune_core.catalogue import Criterion, DataSet, Model
from prune_core.catalogue.networks.options import INITIALISATIONS
from prune_core.charts import saliency as chart
from prune_core.charts import scores, starts, words
from prune_core.store import StoreError

REMOVED = 95
LARGEST_SEED = 2**53 - 1
SIZES = (1, 10, 100, 1000, 10_000)
LABELS = {"True": "true", "Shuffled": "shuffled"}
OWN = "The model's own"
DATASETS = {entry.title: entry for entry in catalogue.datasets.values()}
CRITERIA = {entry.title: entry for entry in between_criteria.asked_here()}
MODELS = {entry.title: entry for entry in catalogue.models.values()}
STARTS = {OWN: None} | {title: name for name, title in INITIALISATIONS.items()}
KNOBS = {
    "sal_data": (tuple(DATASETS), "MNIST"),
    "sal_criterion": (tuple(CRITERIA), "SNIP"),
    "sal_labels": (tuple(LABELS), "True"),
    "sal_model": (tuple(MODELS), "LeNet-300-100"),
    "sal_start": (tuple(STARTS), OWN),
}
SIGHTLESS = words.listed([title for title, entry in CRITERIA.items() if "data" not in entry.needs])


class Asked(NamedTuple):
    """What the controls say. Its properties are the runs that answer it; None where a question makes no sense for the criterion."""

    data: DataSet
    model: Model
    criterion: Criterion
    labels: str
    start: str | None
    seed: int

    @property
    def unfit(self) -> str:
        """Why the criterion can't rank this network, in words; empty where it can."""
        return between_criteria.unfit(self.criterion, self.model)

    def run(self, **options: Any) -> RunSpec:
        first = {"initialisation": self.start} if self.start and "initialisations" not in options else {}
        return RunSpec(
            protocol="score", model=self.model.name, dataset=self.data.name, seed=self.seed, model_options=first,
            protocol_options={"criteria": (self.criterion.name,)} | ({"labels": self.labels} if self.sees else {}) | options,
        )  # fmt: skip

    @property
    def sees(self) -> bool:
        return "data" in self.criterion.needs

    @property
    def grid(self) -> RunSpec:
        return self.run()

    @property
    def control(self) -> RunSpec | None:
        """The grid with the other labels."""
        return self.run(labels="true" if self.labels == "shuffled" else "shuffled") if "labels" in self.criterion.needs else None

    @property
    def sizes(self) -> RunSpec | None:
        """Many batch sizes."""
        return self.run(classes="all", batch_sizes=tuple(n for n in SIZES if n <= self.data.train)) if self.sees else None

    @property
    def starts(self) -> RunSpec:
        """Every way to draw the first weights."""
        return self.run(classes="all", initialisations=tuple(INITIALISATIONS), sparsities=(chart.LOOKED_AT,))


def complaints(address: Mapping[str, str]) -> dict[str, str]:
    """What in the address is no choice of this page, by its name there; Streamlit drops such values without a word."""
    found = {
        key: f"there is no '{address[key][:40]}'. Choices: {', '.join(choices)}."
        for key, (choices, _) in KNOBS.items()
        if key in address and address[key] not in choices
    }
    for key, low, high in (("sal_removed", 1, 99), ("sal_seed", 0, LARGEST_SEED)):
        if key in address and whole(address[key], low, high) is None:
            found[key] = f"must be a whole number from {low} to {high:,}, got '{address[key][:40]}'."
    return found | between_criteria.complaints(address)


def whole(text: str, low: int, high: int) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 16 and low <= int(text) <= high else None


def knob(key: str, label: str, help: str | None = None, offered: Callable[[str], bool] = lambda choice: True) -> str:
    """`offered`: which of the choices go together with the others."""
    every, first = KNOBS[key]
    choices = tuple(filter(offered, every))
    if st.session_state.get(key) not in (None, *choices):
        del st.session_state[key]
    return st.selectbox(
        label,
        choices,
        choices.index(first) if first in choices else 0,
        key=key,
        bind="query-params",
        on_change=scoring.look,
        filter_mode=None,
        help=help,
    )


def controls() -> Asked:
    """The knobs, and the runs that answer them."""
    data = DATASETS[knob("sal_data", "Data")]
    criterion = CRITERIA[
        knob("sal_criterion", "Criterion", f"What decides which weights or channels stay. These look at no images: {SIGHTLESS}.")
    ]
    labels = st.segmented_control(
        "Labels", KNOBS["sal_labels"][0], default="True", key="sal_labels", bind="query-params", on_change=scoring.look, required=True,
        disabled="labels" not in criterion.needs, help="Shuffled is the control: the right images, with labels dealt out at random.",
    )  # fmt: skip
    with st.popover("More options", icon=":material/tune:", width="stretch"):
        about = "A dense first layer gives one mask a class, a convolution what is kept of its filters. Networks that take these images are offered."
        model = MODELS[knob("sal_model", "Model", about, lambda title: MODELS[title].input_shape == data.shape)]
        start = STARTS[knob("sal_start", "First weights", "How the weights are drawn before they are scored.")]
        first = st.session_state.setdefault("sal-seed-first", whole(st.query_params.get("sal_seed", ""), 0, LARGEST_SEED) or 0)
        seed = st.number_input(
            "Seed", 0, LARGEST_SEED, first, key="sal-seed", on_change=scoring.look, help="The same seed draws the same weights and images."
        )
    to_address("sal_seed", int(seed), 0)
    told = LABELS[labels or "True"] if "labels" in criterion.needs else "true"
    return Asked(data, model, criterion, told, start, int(seed))


def offer_another(asked: Asked) -> None:
    """Why nothing is shown of a network that the criterion can't rank, and the button that helps."""
    figure.caption(asked.unfit)
    able = (
        t for t, model in MODELS.items() if model.input_shape == asked.data.shape and not between_criteria.unfit(asked.criterion, model)
    )
    if title := next(able, None):
        st.button(f"Use {title}", type="primary", key="sal-another", on_click=use, args=(title,))


def use(model: str) -> None:
    st.session_state["sal_model"] = model
    scoring.look()


def conditions(grid: chart.Grid, spec: RunSpec) -> str:
    """What was scored, how it is drawn, and what a careful reader should know."""
    data, sizes = spec.dataset_entry, getattr(spec.protocol_options, "batch_sizes", (100,))
    images = "" if grid.means is None else f", {sizes[0]:,} images a {grid.one}"
    said = f"{spec.model_entry.title} before training, {data.title}{images}, seed {spec.seed}."
    if grid.layout == "filters":
        return f"{said} Each picture holds the first layer's filters side by side: bright weights are kept, dark ones removed."
    if grid.means is None:
        return f"{grid.criterion} sees no data, so there is one mask for all. {said} Each picture is drawn to its own brightest pixel."
    black = f"Pixels are standardised: black is \N{MINUS SIGN}{data.mean[0] / data.std[0]:.2f}, not 0, so the background counts too."
    return f"{said} Each row is drawn to its own brightest pixel; what that keeps of its {grid.of} weights stands at the right. {black}"


def to_address(name: str, value: int, usual: int) -> None:
    """Let the address follow a number that Streamlit doesn't bind; what is usual is not mentioned."""
    if st.query_params.get(name, str(usual)) != str(value):
        st.query_params[name] = str(value)


def draw_grid(found: scoring.Scored, asked: Asked) -> str:
    """The picture with its note and files; returns the sentence, which stands beside it."""
    grid = chart.saliency(found.history, found.files)
    key = f"sal-grid-{found.run.fingerprint[:12]}"
    name = f"saliency-{found.run.spec.dataset}-{grid.criterion.lower()}"
    chosen = REMOVED
    if not grid.classes:
        return f"{found.run.spec.method}: nothing of the first layer is ranked."
    if grid.means is None and grid.layout == "pixels":
        masks.grid([masks.Picture(*each) for each in grid.single()], key=key, largest=None, across=5)
        sentence = grid.sentence
    else:
        chosen = masks.viewer(grid, key=key, chosen=whole(st.query_params.get("sal_removed", ""), 1, 99) or REMOVED)
        to_address("sal_removed", chosen, REMOVED)
        control = scoring.finished(asked.control) if asked.control else None
        sentence = chart.describe(grid, chosen / 100, chart.saliency(control.history, control.files) if control else None)
    scale = None if grid.layout == "filters" else ("0", "row's most", f"of a pixel's {grid.of:,} weights")
    rows = tuple(sorted({*chart.TENTHS, chosen / 100}))
    figure.foot(key=key, table=grid.table(rows), name=name, note=conditions(grid, found.run.spec), scale=scale)
    return sentence


def draw_scores(found: scoring.Scored) -> None:
    st.subheader("How are the scores spread?", anchor=False)
    grid = chart.saliency(found.history, found.files)
    which = 0
    if len(grid.classes) > 1:
        places = range(len(grid.classes))
        which = st.selectbox(f"Scored on {grid.one}", places, format_func=grid.classes.__getitem__, key="sal-spread", width=160)
    numbers = scores.scores(found.history, which)
    figure.show(
        lambda theme: scores.draw(numbers, theme), key="sal-scores", label="Histogram of scores, a row a layer", sentence=numbers.sentence,
        table=numbers.table(), name="scores", note="Each row is drawn to its own tallest bin.", revision=f"{found.run.id}-{which}",
    )  # fmt: skip


def draw_sizes(found: scoring.Scored) -> None:
    numbers = chart.batches(found.history, found.files)
    pictures = [masks.Picture(*each) for each in numbers.pictures()]
    masks.grid(pictures, key="sal-sizes", largest=numbers.largest, across=len(pictures))
    labels = ", labels shuffled" if getattr(found.run.spec.protocol_options, "labels", "true") == "shuffled" else ""
    figure.beneath(
        key="sal-sizes", sentence=numbers.sentence, table=numbers.table(), name="scoring-images",
        note=f"{words.share(numbers.sparsity)} removed, images of all classes{labels}. r: correlation with the mean training image.",
        scale=("0", words.rough(numbers.largest / numbers.of), f"of a pixel's {numbers.of:,} weights kept"),
    )  # fmt: skip


def draw_starts(found: scoring.Scored) -> None:
    numbers = starts.starts(found.history, found.files)
    pictures = [masks.Picture(*each) for each in numbers.pictures()]
    kept = words.rough(numbers.largest / numbers.of)
    scale = ("removed", "kept", "") if numbers.of == 1 else ("0", kept, f"of a place's {numbers.of:,} weights kept")
    masks.grid(pictures, key="sal-starts", largest=numbers.largest, across=max(1, len(pictures)))
    labels = ", labels shuffled" if getattr(found.run.spec.protocol_options, "labels", "true") == "shuffled" else ""
    figure.beneath(
        key="sal-starts", sentence=numbers.sentence, table=numbers.table(), name="first-weights",
        note=f"{words.share(numbers.sparsity)} removed{labels}. The share of {numbers.layers[0]} that is kept stands under each picture. "
        "What the network learns from there takes training: first weights are an option of Prune.",
        scale=scale if pictures else None,
    )  # fmt: skip


style.head(
    "What does the criterion look at?",
    "Shown images of one class only, before any training: which connections of the first layer does it keep?",
)
if wrong := complaints(dict(st.query_params)):
    st.warning("  \n".join(plain(f"{key}: {why}") for key, why in wrong.items()), icon=":material/info:")
    for key in wrong:
        del st.query_params[key]
try:
    with st.container(key="sal-view"):
        left, right = st.columns([3, 8], gap="medium")
        with left:
            asked = controls()
            beside = st.container(key="sal-caption")
        with right:
            if asked.unfit:
                offer_another(asked)
                st.stop()
            invitation = f"Nobody has looked at {asked.data.title} this way yet. It takes about a second."
            found = scoring.ask(asked.grid, key="sal-look", invitation=invitation, button="Look", primary=True, height=560)
            sentence = draw_grid(found, asked) if found else ""
        if sentence:
            with beside:
                figure.caption(sentence)
    if found:
        draw_scores(found)
        if asked.sizes and chart.saliency(found.history, found.files).layout == "pixels":
            st.subheader("How many images does it take?", anchor=False)
            invitation = "The same scoring on 1, 10, 100 and more images of all classes: how soon does the mask settle?"
            sized = scoring.ask(asked.sizes, key="sal-sizes-look", invitation=invitation, button="Score on more images")
            if sized:
                draw_sizes(sized)
        st.subheader("How much do the first weights matter?", anchor=False)
        invitation = f"{asked.criterion.title} at {len(INITIALISATIONS)} ways to draw the first weights, on images of all classes."
        if started := scoring.ask(asked.starts, key="sal-starts-look", invitation=invitation, button="Draw them anew"):
            draw_starts(started)
        between_criteria.agreement(asked.run, asked.criterion, asked.model)
except (SpecError, StoreError) as error:
    st.error(plain(str(error)))
