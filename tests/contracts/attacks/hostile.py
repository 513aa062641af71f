"""What hostile people write wherever text goes in, and whether a page kept it text."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from google.protobuf.message import Message

from prune_core import RunSpec, run
from prune_core.events import Event, Failed, Numbered, from_json, to_json
from prune_core.store import Store, queue
from prune_core.store.lease import Lease, take
from tests.visit import Answer

MARKUP = "=7<img src=x onerror=a7()>**b7**:red[r7]$x7$[l7](javascript:a7())`c7`"
NAMED = {"name", "what", "message", "device", "collapsed", "layers"}
ALIVE_IN_MARKDOWN = re.compile(r"<img|\*\*b7|:red\[r7|\$x7|\]\(javascript|`c7`|\[l7")
ALIVE_IN_PLOTLY = re.compile(r"<img|<a\b|javascript:a7\(\)\"", re.IGNORECASE)
# Where Streamlit shows text as it is; everything that is not here counts as Markdown.
PLAIN = {
    "Text.body", "Code.code_text", "TextInput.default", "TextInput.value", "TextInput.placeholder", "TextArea.default", "TextArea.value",
    "TextArea.placeholder", "Selectbox.options", "Selectbox.raw_value", "MultiSelect.options", "MultiSelect.raw_values", "PageConfig.title",
    "Dataframe.alt", "Dataframe.id", "PageLink.query_string", "Block.id",
}  # fmt: skip
SUPERVISOR = Lease("0" * 36, "here", 1, "then")


def hostile(value: Any, key: str = "") -> Any:
    """The JSON of an event with the markup behind every name in it."""
    if isinstance(value, dict):
        return {k: hostile(v, f"{key}.{k}" if key in ("spec", "versions") else k) for k, v in value.items() if k != "spec"} | {
            k: v for k, v in value.items() if k == "spec"
        }
    if isinstance(value, list):
        return [hostile(v, key) for v in value]
    return value + MARKUP if isinstance(value, str) and (key in NAMED or key.startswith("versions")) else value


def hostile_runs(store: Store) -> tuple[str, str]:
    """A finished and a failed run with markup in their name, notes, layers, versions, device, warnings and message; they come as a bundle."""
    spec = RunSpec(sparsity=0.98, epochs=2, protocol="iterative", protocol_options={"rounds": 2}, criterion="magnitude")
    events = [Numbered(n, as_hostile(event)) for n, event in run(spec)]
    with TemporaryDirectory() as folder:
        other = Store.open(Path(folder) / "home")
        assert take(other, SUPERVISOR, None)
        ids = []
        for ending in (None, Failed(message=f"Stopped: {MARKUP}")):
            ids.append(other.submit(spec.model_copy(update={"seed": len(ids)}), name=MARKUP, notes=MARKUP).id)
            claim = queue.claim(other, SUPERVISOR, 1)
            assert claim is not None
            attempt = other.attempt(ids[-1], claim.attempt)
            for numbered in [with_seed(numbered, len(ids) - 1) for numbered in (events if ending is None else events[:-3])]:
                attempt.append(numbered)
            if ending:
                attempt.append(Numbered(-1, ending))
        other.export_runs(ids, Path(folder) / "gift.zip")
        assert len(store.import_runs(Path(folder) / "gift.zip")) == 2
    return ids[0], ids[1]


def as_hostile(event: Event) -> Event:
    return from_json(json.dumps(hostile(json.loads(to_json(event)))))


def with_seed(numbered: Numbered, seed: int) -> Numbered:
    """The event as the run of that seed would have said it."""
    data = json.loads(to_json(numbered.event))
    if data["kind"] == "started":
        data["spec"]["seed"] = seed
    if "file" in data:
        data["file"] = None
    return Numbered(numbered.number, from_json(json.dumps(data)))


def strings(message: Message) -> Iterator[tuple[str, str]]:
    """Every text in a message, with the name of its type and field."""
    for field, value in message.ListFields():
        for each in value if field.is_repeated and not isinstance(value, dict) else [value]:
            if isinstance(each, Message):
                yield from strings(each)
            elif isinstance(each, str):
                yield f"{message.DESCRIPTOR.name}.{field.name}", each


class Tags(HTMLParser):
    """Elements and attributes that do something."""

    def __init__(self) -> None:
        super().__init__()
        self.alive: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        doing = [
            f"{name}={value}" for name, value in attrs if name.startswith("on") or (value or "").strip().lower().startswith("javascript:")
        ]
        if tag in ("script", "iframe", "object", "embed", "form") or (tag == "img" and dict(attrs).get("src") == "x"):
            doing.append(tag)
        self.alive += doing


def what_came_alive(answer: Answer) -> list[str]:
    """Places of the page where the markup is more than text."""
    found = []
    for message in answer.messages:
        for place, text in strings(message):
            if place.endswith("Html.body"):
                tags = Tags()
                tags.feed(text)
                found += [f"{place}: {each}" for each in tags.alive]
            elif place.startswith("BidiComponent."):
                found += [f"{place}: {text[:200]}"] if ALIVE_IN_PLOTLY.search(text) else []
            elif place not in PLAIN and ALIVE_IN_MARKDOWN.search(re.sub(r"\\.", "", text)):
                found.append(f"{place}: {text[:200]}")
    return found
