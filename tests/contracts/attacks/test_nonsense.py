"""Events that are well formed and make no sense: refused at the door, or shown without breaking any page."""

import hashlib
import json
import zipfile
from uuid import uuid4

import pytest

from prune_core.store import StoreError
from tests.page_table import page_table
from tests.visit import visit

HUGE = 10**30


def every(events, kind, change):
    for line in events:
        if line["event"]["kind"] == kind:
            change(line["event"])


NONSENSE = {
    "a first layer of 50,000 x 50,000": lambda e: every(e, "pruned", lambda p: p["first_layer"].update(shape=[50_000, 50_000])),
    "a first layer of less than nothing": lambda e: every(e, "pruned", lambda p: p["first_layer"].update(shape=[-28, -28])),
    "a first layer without counts": lambda e: every(e, "finished", lambda p: p["first_layer"].update(counts=[])),
    "a first layer of no units": lambda e: every(e, "finished", lambda p: p["first_layer"].update(of=0)),
    "counts beyond all numbers": lambda e: every(e, "finished", lambda p: p["first_layer"].update(counts=[HUGE] * 784)),
    "filters that are pixels": lambda e: every(e, "finished", lambda p: p["first_layer"].update(layout="filters")),
    "accuracy seven": lambda e: every(e, "evaluated", lambda p: p["quality"].update(accuracy=7.0)),
    "accuracy below nothing": lambda e: every(e, "finished", lambda p: p["test"].update(accuracy=-1.0)),
    "accuracy that is no number": lambda e: every(e, "evaluated", lambda p: p["quality"].update(accuracy="NaN")),
    "a loss without end": lambda e: every(e, "evaluated", lambda p: p["quality"].update(loss="Infinity")),
    "no images": lambda e: every(e, "finished", lambda p: p["test"].update(n=0)),
    "a million classes": lambda e: every(e, "evaluated", lambda p: p["quality"].update(per_class=[0.5] * 10_000)),
    "more kept than there is": lambda e: every(e, "finished", lambda p: p.update(weights_kept=HUGE)),
    "less kept than nothing": lambda e: every(e, "finished", lambda p: p.update(weights_kept=-5)),
    "no weights": lambda e: every(e, "finished", lambda p: p.update(weights=0, weights_kept=0)),
    "no layers": lambda e: every(e, "pruned", lambda p: p.update(layers=[])),
    "layers that never were": lambda e: every(e, "pruned", lambda p: p.update(layers=[{"name": "x", "units": 0, "kept": 0, "dead": 0}] * 500)),
    "layers with less than nothing": lambda e: every(e, "finished", lambda p: [each.update(units=-1, kept=-7) for each in p["layers"]]),
    "an epoch beyond all epochs": lambda e: every(e, "epoch", lambda p: p.update(epoch=1e308)),
    "prunings out of order": lambda e: every(e, "pruned", lambda p: p.update(epoch=1e6, round=-3)),
    "sparsity nine": lambda e: every(e, "pruned", lambda p: p.update(sparsity=9.0)),
    "a duration of ages": lambda e: every(e, "finished", lambda p: p.update(seconds=1e300)),
    "a plan of nothing": lambda e: every(e, "started", lambda p: p.update(plan=[], parameters=[], train=0, validation=0, test=0)),
    "less images than none": lambda e: every(e, "started", lambda p: p.update(train=-1, validation=-1, threads=-1)),
    "no start": lambda e: e.pop(0),
    "nothing but the end": lambda e: e.__delitem__(slice(0, -1)),
    "the start twice": lambda e: e.insert(1, json.loads(json.dumps(e[0]))),
    "a measurement of all sorts": lambda e: e.insert(
        -1, {"number": 0, "time": e[-1]["time"], "event": {"kind": "measured", "epoch": 1, "what": "latency", "values": {"x": [[{}]], "median": "soon"}}}
    ),
}  # fmt: skip


def bundle_of(front, change, target):
    """The hostile finished run once more, under another id and changed."""
    front.store.export_runs([front.finished], target)
    with zipfile.ZipFile(target) as archive:
        manifest = json.loads(archive.read("bundle.json"))
        lines = [json.loads(line) for line in archive.read(f"runs/{front.finished}/events.jsonl").splitlines()]
    change(lines)
    text = "".join(json.dumps({**line, "number": n}) + "\n" for n, line in enumerate(lines)).encode()
    run = manifest["runs"][0] | {"id": str(uuid4()), "files": [], "name": None, "notes": ""}
    run["events"] = {"count": len(lines), "bytes": len(text), "sha256": hashlib.sha256(text).hexdigest()}
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("bundle.json", json.dumps(manifest | {"runs": [run]}))
        archive.writestr(f"runs/{run['id']}/events.jsonl", text)
    return target


@pytest.fixture(scope="module")
def taken(front, tmp_path_factory):
    """What the store took of it: what makes no sense -> id of the run, or the words in which it was refused."""
    folder, found = tmp_path_factory.mktemp("nonsense"), {}
    for name, change in NONSENSE.items():
        try:
            (run,) = front.store.import_runs(bundle_of(front, change, folder / "x.zip"))
            found[name] = run.id
        except StoreError as error:
            found[name] = str(error)
    yield found
    for run in front.store.runs(limit=None):
        if run.id in found.values():
            front.store.delete(run.id)


@pytest.mark.parametrize("nonsense", NONSENSE)
def test_nonsense_is_refused_in_words_or_shown_as_it_is(front, taken, nonsense):
    said = taken[nonsense]
    if said.startswith("run "):
        assert len(said) < 400
        return
    assert visit(front.port, "run", {"run": said}).errors == []


@pytest.mark.parametrize("entry", page_table(), ids=lambda entry: entry.title)
def test_no_page_breaks_where_nonsense_is_in_the_store(front, taken, entry):
    ids = [said for said in taken.values() if not said.startswith("run ")]
    for told in ({"run": ids[0], "runs": ",".join(ids[:6])}, {"run": ids[-1], "runs": ",".join(ids[-12:])}):
        assert visit(front.port, entry.path, told).errors == []
