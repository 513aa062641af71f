"""The form of a run: seven choices, the rest under "More options", all drawn from the catalogue. An address can fill it."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import streamlit as st
from pydantic import BaseModel
from streamlit.delta_generator import DeltaGenerator

from prune_core import RunSpec, SpecError, catalogue
from prune_core.catalogue import DataSet, Entry, Model, Protocol
from prune_core.method_words import about_images
from prune_core.overrides import overrides, read_what_fits
from prune_core.settings import settings
from prune_core.spec import TABLES as ENTRIES
from prune_core.steps import percent
from prune_core.wording import Problem

from . import figure, options_form, repeat_form
from .options_form import Field
from .plain import plain
from .repeat_form import Repeat
from .stored import store

SPARSITIES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99, 0.995, 0.998, 0.999)
LARGEST_SEED = 2**53 - 1  # the largest whole number that a browser keeps
TRAINING = ("optimizer", "lr", "momentum", "weight_decay", "batch_size", "lr_milestones", "augment")
PRUNING = ("granularity", "allocation")
OTHERS = ("keep_weights", "device")
START = "Training goes on from the final weights of that run instead of weights that are drawn."
NAMED: Mapping[str, Mapping[str, Entry]] = {"allocation": catalogue.allocations}


class Filled(NamedTuple):
    """What the form says. `problems`: values that were refused, in the address or in the form; `ready`: whether it may be started."""

    spec: RunSpec
    repeat: Repeat
    problems: list[Problem]
    ready: bool


class Memory(BaseModel):
    """What a session's form remembers between its runs: where its widgets start, and which addresses it has dealt with."""

    start: RunSpec = RunSpec()
    repeat: Repeat = Repeat()
    problems: list[Problem] = []
    generation: int = 0
    seen: list[dict[str, str]] = []
    last: tuple[RunSpec, Repeat] = (RunSpec(), Repeat())


def spec_form() -> Filled:
    """Draw the form. What it says stands in the address too, so that a link or a reload brings it back."""
    memory: Memory = st.session_state.setdefault("prune-form", Memory())
    address = st.query_params.to_dict()
    entered = f"{memory.generation}-model" not in st.session_state
    if (address not in memory.seen and (address or entered)) or (entered and address):
        start(memory, *read(address))
    elif entered:
        start(memory, *memory.last, [])
    widgets = Widgets(memory.generation, memory.start)
    raw, place = widgets.ask()
    spec, refused = read_what_fits(raw, RunSpec.read)
    with place:
        repeat = repeat_form.ask(memory.repeat, spec, widgets.key)
    told = overrides(spec) | repeat.told
    memory.seen = [*memory.seen[-50:], address, told]
    if address != told:
        st.query_params.from_dict(told)
    if (spec, repeat) != (memory.start, memory.repeat):
        memory.problems = []
    memory.last = (spec, repeat)
    return Filled(spec, repeat, [*memory.problems, *refused], not refused)


def read(address: Mapping[str, str]) -> tuple[RunSpec, Repeat, list[Problem]]:
    """As much of an address as fits, with a problem for each value that does not."""
    repeat, wrong = repeat_form.read(address)
    spec, problems = read_what_fits({field: text for field, text in address.items() if field not in Repeat.model_fields})
    return spec, repeat, [*problems, *wrong]


def start(memory: Memory, spec: RunSpec, repeat: Repeat, problems: list[Problem]) -> None:
    """Fresh widgets that stand at the spec, as far as the form can show it."""
    memory.generation += 1
    if not asked_here(spec.protocol_entry):
        page = f"is asked on the page {spec.protocol_entry.page}"
        where = "starts from a finished run: the page of that run, or Scratch, asks for it" if spec.parent else page
        problems = [*problems, Problem("protocol", f"{spec.protocol} {where}.")]
        spec = spec.model_copy(update={"protocol": RunSpec().protocol, "protocol_options": RunSpec().protocol_options, "parent": None})
    if spec.seed > LARGEST_SEED:
        problems = [*problems, Problem("seed", f"the form takes at most {LARGEST_SEED:,}, got {spec.seed:,}.")]
        spec = spec.model_copy(update={"seed": 0})
    memory.start, memory.repeat, memory.problems = spec, repeat, problems


def asked_here(protocol: Protocol) -> bool:
    """Whether the form can ask for such a run: it trains, and starts from nothing."""
    return not protocol.page and "parent" not in protocol.uses


class Widgets(NamedTuple):
    """The widgets of one generation of the form, which stand at `start` when they first appear."""

    generation: int
    start: RunSpec

    def ask(self) -> tuple[dict[str, Any], DeltaGenerator]:
        """Draw all of them; returns field -> value, dotted for options, only what differs from the defaults where that can be told.

        And the place of what the run is repeated over, which depends on all of it.
        """
        places = {name: st.container() for name in ("dataset", "model", "criterion", "protocol", "sparsity")}
        raw: dict[str, Any] = {}
        with places["dataset"]:
            raw["dataset"] = self.choose("dataset", "Data", catalogue.datasets, lambda d: f"{d.title} · {whereabouts(d)}", without_network)
        fits = partial(misfit, raw)
        with places["model"]:
            classes = len(catalogue.datasets[raw["dataset"]].classes)
            raw["model"] = self.choose(
                "model", "Model", catalogue.models, lambda m: sized(m.built(m.options(), classes)), partial(fits, "model")
            )
        with places["protocol"]:
            raw["protocol"] = self.protocol()
        uses = catalogue.protocols[raw["protocol"]].uses
        if self.start.parent and "start" in uses:
            with places["model"]:
                raw |= self.starting(raw)
        with places["criterion"]:
            if "criterion" in uses:
                raw["criterion"] = self.choose("criterion", "Criterion", catalogue.criteria, lambda c: c.title, partial(fits, "criterion"))
            else:
                reason = "Nothing is pruned, so nothing needs a score."
                st.selectbox("Criterion", ["none needed"], disabled=True, help=reason, key=self.key("no-criterion"))
        with places["sparsity"]:
            if "sparsity" in uses:
                raw["sparsity"] = self.sparsity(raw)
        for place, field, largest in zip(st.columns(2), ("epochs", "seed"), (10_000, LARGEST_SEED), strict=True):
            with place:
                stands = getattr(self.start, field)
                raw[field] = st.number_input(field.capitalize(), 0, largest, stands, help=help_of(field), key=self.key(field))
        place = st.container()
        with st.expander("More options", icon=":material/tune:", key=self.key("more")):
            raw |= self.more(raw, uses)
        asked = read_what_fits(raw, RunSpec.read)[0]
        with places["dataset"]:
            st.html(f'<p class="espalier-note">{figure.text(about_images(asked.dataset_entry))}</p>')
        with places["model"]:
            if asked.model_options.size:
                st.html(f'<p class="espalier-note">{figure.text(sized(asked.model_entry))}</p>')
        return raw, place

    def starting(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """The run whose final weights are taken over, with the way to do without; nothing where the network is another."""
        assert self.start.parent is not None
        found = store().find(self.start.parent.fingerprint)
        if found is None or found.spec.model != raw["model"]:
            why = (
                "The run that it was to start from is not here any more" if found is None else "A network can start from its own like alone"
            )
            st.html(f'<p class="espalier-note">{figure.text(why)}: weights are drawn anew.</p>')
            return {}
        onto = "" if found.spec.dataset == raw["dataset"] else " The output layer is drawn anew, since the data are others."
        if not st.checkbox(f"Start from the weights of {plain(found.title)}", value=True, key=self.key("start"), help=f"{START}{onto}"):
            return {}
        options = {f"model_options.{name}": value for name, value in found.spec.model_options.model_dump().items()}
        return {"parent": self.start.parent.model_dump(), **options}

    def key(self, name: str) -> str:
        return f"{self.generation}-{name}"

    def choose(
        self, field: str, label: str, table: Mapping[str, Any], worded: Callable[[Any], str], misfit: Callable[[str], str | None]
    ) -> str:
        """One of the entries that fit what was chosen before; the help tells what each is and why others are missing."""
        reasons = {name: reason for name in table if (reason := misfit(name))}
        choices = [name for name in table if name not in reasons]
        key = self.key(field)
        if st.session_state.get(key) not in (None, *choices):
            del st.session_state[key]
        stands = getattr(self.start, field)
        about = [f"**{table[name].title}**: {table[name].summary}" for name in choices]
        missing = [f"**{table[name].title}** does not fit: {reason}" for name, reason in reasons.items()]
        chosen: str = st.selectbox(
            label,
            choices,
            index=choices.index(stands) if stands in choices else 0,
            format_func=lambda name: worded(table[name]),
            help="\n\n".join([*about, *missing]),
            key=key,
        )
        return chosen

    def protocol(self) -> str:
        shown = {p.name: p for p in catalogue.protocols.values() if asked_here(p)}
        chosen: str | None = st.segmented_control(
            "Prune",
            list(shown),
            default=self.start.protocol,
            required=True,
            format_func=lambda name: shown[name].short,
            key=self.key("protocol"),
            width="stretch",
            help="\n\n".join(f"**{p.short}**: {p.summary}" for p in shown.values()),
        )
        return chosen or self.start.protocol

    def sparsity(self, raw: Mapping[str, Any]) -> float:
        asked = {**raw, "granularity": st.session_state.get(self.key("-granularity"), self.start.granularity)}
        what = f"{read_what_fits(asked, RunSpec.read)[0].resolved_granularity.capitalize()}s removed"
        chosen: float = st.select_slider(
            what,
            sorted({*SPARSITIES, self.start.sparsity}),
            value=self.start.sparsity,
            format_func=percent,
            key=self.key("sparsity"),
            help=f"{help_of('sparsity')} What goes is set to zero, and zeros do not make dense kernels faster.",
        )
        return chosen

    def more(self, raw: Mapping[str, Any], uses: frozenset[str]) -> dict[str, Any]:
        """Recipe, then the options of everything chosen."""
        told: dict[str, Any] = {}
        chosen = {**raw, **self.standing(raw)} if "criterion" in uses else {**raw}
        resolved = read_what_fits(chosen, RunSpec.read)[0].resolved()
        groups: list[tuple[str, tuple[str, ...]]] = [
            ("Training", TRAINING if "training" in uses else ()), ("Pruning", PRUNING if "criterion" in uses else ()), ("Run", OTHERS)
        ]  # fmt: skip
        for heading, names in groups:
            told |= self.group(heading, [self.field(chosen, name, getattr(resolved, name)) for name in names], "")
        for field in ("allocation", "criterion", "protocol", "model", "dataset"):
            if chosen.get(field) is None:
                continue
            entry, prefix = ENTRIES[field][chosen[field]], f"{field}_options."
            stands = getattr(self.start, f"{field}_options") if getattr(self.start, field) == entry.name else entry.options()
            ranked = resolved.granularity if field in ("criterion", "protocol") else None
            options = [(n, info) for n, info in entry.options.model_fields.items() if entry.options.only.get(n, ranked) == ranked]
            unsaid = getattr(resolved, f"{field}_options")
            fields = [
                Field(name, info, getattr(stands, name), getattr(unsaid, name, None), allowed=fitting(chosen, prefix + name))
                for name, info in options
            ]
            told |= self.group(entry.title, fields, prefix, entry.name)
        return told

    def standing(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """What is removed and how it is shared out, as far as that goes together with the rest: which options fit depends on it."""
        asked = {**raw, **{name: st.session_state.get(self.key(f"-{name}"), getattr(self.start, name)) for name in PRUNING}}
        spec, _ = read_what_fits(asked, RunSpec.read)
        return {name: getattr(spec, name) for name in PRUNING}

    def field(self, chosen: Mapping[str, Any], name: str, default: Any) -> Field:
        """A field of the spec itself. `default`: what it resolves to."""
        entries = NAMED.get(name, {})
        if name == "granularity":
            chosen = {**chosen, "allocation": None}  # it is asked first, and the ways of sharing follow it
        titles = {entry.name: entry.title for entry in entries.values()}
        return Field(name, RunSpec.model_fields[name], getattr(self.start, name), default, tuple(entries), fitting(chosen, name), titles)

    def group(self, heading: str, fields: Iterable[Field], prefix: str, entry: str = "") -> dict[str, Any]:
        """Fields under a small heading, two in a row; field -> value of those that are not at their default."""
        fields = [field for field in fields if options_form.is_open(field)]
        if not fields:
            return {}
        st.markdown(f"**{heading}**")
        told = {}
        with st.grid(min(2, len(fields)), min_column_width=130, vertical_alignment="bottom"):
            for field in fields:
                value = options_form.ask(field, self.key(f"{entry}-{prefix}{field.name}"))
                if options_form.changed(value, field.info):
                    told[prefix + field.name] = value
        return told


def misfit(raw: Mapping[str, Any], field: str, value: Any) -> str | None:
    """Why a value of the field does not go together with these values; None where it does."""
    return why_not({**raw, field: value})


def without_network(dataset: str) -> str | None:
    """Why nothing could be done with a data set. All others are offered: what is chosen after it is chosen to fit."""
    shape = catalogue.datasets[dataset].shape
    return None if any(m.input_shape == shape for m in catalogue.models.values()) else f"no network here takes images of {shape}."


def sized(model: Model) -> str:
    return f"{model.title} · {model.parameters:,} parameters"


def why_not(raw: Mapping[str, Any]) -> str | None:
    """Why these values do not go together, in one line; None where they do."""
    try:
        RunSpec.read(dict(raw))
    except SpecError as error:
        return error.problems[0].message
    return None


def fitting(raw: Mapping[str, Any], field: str) -> Callable[[Any], bool]:
    """Whether a value of the field goes together with these values."""
    return lambda value: misfit(raw, field, value) is None


def help_of(field: str) -> str:
    return RunSpec.model_fields[field].description or ""


def whereabouts(entry: DataSet) -> str:
    """Whether a data set is on this machine, or how much will be downloaded for it."""
    if is_here(entry):
        return "here"
    return f"{entry.download_bytes / 1e6:.0f} MB to download" if entry.downloads else "not here"


def to_fetch(entry: DataSet) -> str:
    """What has to happen before a run can begin, where its images are not here yet; empty where they are."""
    if is_here(entry):
        return ""
    names = ", ".join(Path(file.path).name for file in entry.files)
    return f"{entry.download_bytes / 1e6:.0f} MB to download first" if entry.downloads else f"put {names} into the data folder first"


def is_here(entry: DataSet) -> bool:
    return not entry.missing(settings().data_folder)
