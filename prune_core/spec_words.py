"""A spec as people read it: every setting with a title and a value in words, and what differs between several specs."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from . import catalogue
from .catalogue import Entry
from .catalogue.networks.options import part
from .spec import RunSpec
from .steps import percent

WORDS = {
    "lr": "learning rate", "bn": "batch norm", "n": "number of", "reinit": "re-initialise", "finetune": "fine-tuning", "min": "at least",
    "optimizer": "optimiser", "normalize": "normalise",
}  # fmt: skip
TITLES = {
    "model": "Network", "dataset": "Data", "criterion": "Criterion", "protocol": "Way of pruning", "sparsity": "Amount removed",
    "granularity": "What is removed", "keep_weights": "Weights kept on file", "parent": "Starts from",
}  # fmt: skip
ENTRIES: Mapping[str, Mapping[str, Entry]] = {
    "model": catalogue.models, "dataset": catalogue.datasets, "criterion": catalogue.criteria, "protocol": catalogue.protocols,
    "allocation": catalogue.allocations,
}  # fmt: skip
ORDER = ("model", "dataset", "criterion", "protocol", "sparsity", "granularity", "allocation", "epochs", "seed")
GROUPS = {"optimizer", "lr", "momentum", "weight_decay", "batch_size", "lr_milestones", "augment"}
IMPLIED = {"granularity", "allocation", *GROUPS}  # nothing to say where nothing is pruned or trained: another setting says that already
NAMES = {"sgd": "SGD", "adam": "Adam", "cpu": "CPU", "glorot": "Glorot", "he": "He", "lecun": "LeCun", "torch_default": "PyTorch's"}
ABSENT = "–"


class Setting(NamedTuple):
    """One setting of a run. `field` as the command line takes it, `group` the heading it stands under, `usual`: nobody chose otherwise."""

    field: str
    title: str
    value: str
    group: str
    usual: bool


class Differing(NamedTuple):
    """A setting that is not the same everywhere: its value in each of the specs, "–" where it does not exist."""

    field: str
    title: str
    values: tuple[str, ...]


def title_of(name: str, info: FieldInfo | None = None) -> str:
    """What a field is called: "lr_milestones" -> "Learning rate milestones"."""
    if info is not None and info.title:
        return info.title
    words = " ".join(WORDS.get(word, word) for word in name.split("_"))
    return words[:1].upper() + words[1:]


def settings_of(spec: RunSpec) -> list[Setting]:
    """Every setting of the resolved spec, nothing left open; what its protocol does not read is left out."""
    resolved = spec.resolved()
    rest = [name for name in RunSpec.model_fields if name not in ORDER and not name.endswith("_options")]
    found: list[Setting] = []
    for name in (*ORDER, *rest):
        value = getattr(resolved, name)
        if value is None or not read_by(resolved, name):
            continue
        default = RunSpec.model_fields[name].get_default(call_default_factory=True)
        group = "Training" if name in GROUPS else "Run"
        usual = getattr(spec, name) == default
        found.append(Setting(name, TITLES.get(name) or title_of(name, RunSpec.model_fields[name]), value_of(name, value), group, usual))
    for field in ("allocation", "criterion", "protocol", "model", "dataset"):
        entry = ENTRIES[field].get(getattr(resolved, field) or "")
        options = getattr(resolved, f"{field}_options")
        if entry is not None and type(options) is entry.options:
            unsaid = spec.model_copy(update={f"{field}_options": entry.options()}).resolved()
            found += of_options(options, getattr(unsaid, f"{field}_options"), f"{field}_options.", entry.title)
    return found


def of_options(options: BaseModel, unsaid: BaseModel, prefix: str, group: str) -> list[Setting]:
    """unsaid: the same options as they resolve where nobody says anything."""
    return [
        Setting(
            prefix + name, title_of(name, info), value_of(name, getattr(options, name)), group, getattr(options, name) == getattr(unsaid, name)
        )
        for name, info in type(options).model_fields.items()
    ]  # fmt: skip


def read_by(spec: RunSpec, name: str) -> bool:
    """Whether the protocol of a resolved spec heeds the field at all."""
    uses = spec.protocol_entry.uses
    if name in ("sparsity", "granularity", "allocation", "criterion"):
        return name in uses
    return name != "epochs" or "training" in uses


def differing(specs: Sequence[RunSpec]) -> list[Differing]:
    """The settings in which the specs differ, in the order of a form. Options that come and go with another setting count where they were chosen."""
    tables = [{s.field: s for s in settings_of(spec)} for spec in specs]
    titles = {s.field: s.title for table in tables for s in table.values()}
    found = []
    for field in sorted(titles, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER)):
        present = [table[field] for table in tables if field in table]
        several = len({s.value for s in present}) > 1
        partly = len(present) < len(tables) and field not in IMPLIED and (not field.partition(".")[2] or not all(s.usual for s in present))
        if several or partly:
            values = tuple(table[field].value if field in table else ABSENT for table in tables)
            found.append(Differing(field, titles[field], tuple(s.protocol_entry.short for s in specs) if field == "protocol" else values))
    return found


def value_of(name: str, value: Any) -> str:
    """A value in words: titles for entries, per cents for shares, "yes" and "no", lists with commas."""
    entry = ENTRIES.get(name, {}).get(value) if isinstance(value, str) else None
    if entry is not None:
        return entry.title
    if value is None:
        return ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name in ("sparsity", "lr_milestones", "sparsities", "fractions"):
        return listed([percent(v) for v in value]) if isinstance(value, tuple) else percent(value)
    if name == "granularity":
        return f"{value}s"
    if name == "width":
        return "all channels" if value == 1 else f"{part(value)} of all channels"
    if name == "parent":
        return f"run {value.fingerprint[:8]}, after event {value.event}"
    if name == "criteria":
        return listed([catalogue.criteria[c].title for c in value])
    if isinstance(value, tuple | list | frozenset):
        return listed([value_of("", v) for v in value])
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, int):
        return str(value) if name == "seed" else f"{value:,}"
    return NAMES.get(value) or value.replace("_", " ") if isinstance(value, str) else json.dumps(value, default=str)


def listed(values: Sequence[str]) -> str:
    """A list on one line; of a long one its ends."""
    if len(values) > 8:
        return f"{values[0]}, {values[1]} … {values[-1]} ({len(values)})"
    return ", ".join(values) if values else "not set"
