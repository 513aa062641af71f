"""What must hold after every fault. Each function yields what it finds violated, in words."""

import itertools
import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import numpy as np
from sqlalchemy import select, text

from prune_core.events import ENDINGS, Numbered, Progress, Warned
from prune_core.store import AttemptOver, Run, StoreError
from prune_core.store.records import ENDED
from prune_core.store.tables import FILES, METADATA

from .ground import said, stored
from .scene import Scene, patience

NOTICED_SECONDS = 15.0
TIDY_SECONDS = 5.0
LATE = {"late": np.ones(1)}
AFTER = {
    "queued": {"running", "finished", "failed", "cancelled"},
    "running": {"queued", "finished", "failed", "cancelled"},
    "finished": set(), "failed": set(), "cancelled": set(),
}  # fmt: skip


def nothing_acknowledged_is_lost(scene: Scene) -> Iterator[str]:
    """1. What a reader saw is still there, once, in its place; and it is what an untouched run of the same spec says."""
    for run in whole(scene):
        events = scene.store.events(run.id)
        numbers = [number for number, _ in events]
        if numbers != list(range(len(numbers))):
            yield f"events are numbered {numbers}"
        now = {number: said(event) for number, event in events}
        for number, before in scene.seen.get(run.id, {}).items():
            if now.get(number) != before:
                yield f"event {number} was seen and is {'lost' if number not in now else 'another one'}"
        untouched = scene.ground.references.get(run.spec.fingerprint)
        steps = [said(event) for _, event in events if event.kind not in ENDINGS or event.kind == "finished"]
        if untouched and steps != list(untouched.events[: len(steps)]):
            at = next(i for i, (a, b) in enumerate(zip([*steps, ""], [*untouched.events, ""], strict=False)) if a != b)
            yield f"event {at} is not what an untouched run says: {[*steps, ''][at][:300]} | {[*untouched.events, ''][at][:300]}"


def every_run_is_in_one_true_state(scene: Scene) -> Iterator[str]:
    """2. One state, reached by the state machine, that its last event and its attempts agree with; shown in time."""
    for run in whole(scene):
        now, events, attempts = scene.store.run(run.id), scene.store.events(run.id), scene.store.attempts(run.id)
        if now.state not in scene.ends:
            yield f"it is {now.state} ({now.message}), which this fault does not make legitimate: {scene.store.log(run.id)[-1500:]}"
        if now.state == "failed" and scene.words not in (now.message or ""):
            yield f"it failed and says {now.message!r}"
        ending = events[-1].event.kind if events and events[-1].event.kind in ENDED else None
        if ending != (now.state if now.state in ENDED else None) or any(e.kind in ENDED for _, e in events[:-1]):
            yield f"it is {now.state} and its last event says {ending}"
        if [a.number for a in attempts] != list(range(1, len(attempts) + 1)) or now.attempt != len(attempts):
            yield f"its attempts are {[a.number for a in attempts]}, at number {now.attempt}"
        going = [a.number for a in attempts if a.ended is None]
        if going != ([now.attempt] if now.state == "running" else []):
            yield f"it is {now.state} and its attempts {going} are not over"
        if scene.attempts is not None and len(attempts) != scene.attempts:
            yield f"it took {len(attempts)} attempts ({[a.why for a in attempts]}), {scene.attempts} expected"
        states = scene.states.get(run.id, [])
        for before, after in itertools.pairwise(states):
            if after not in AFTER[before]:
                yield f"it went from {before} to {after}"
    if scene.noticed is not None and scene.noticed > patience(NOTICED_SECONDS):
        yield f"a lost worker was noticed after {scene.noticed:.1f} s"


def resumed_is_uninterrupted(scene: Scene) -> Iterator[str]:
    """3. The same final weights, bit for bit, and they can be read."""
    for run in whole(scene):
        finished = scene.store.history(run.id).finished
        untouched = scene.ground.references.get(run.spec.fingerprint)
        if finished is None or untouched is None:
            continue
        if finished.weights_sha256 != untouched.weights_sha256:
            yield "its final weights are not those of an untouched run"
        if finished.file is None or not scene.store.tensors(run.id, finished.file):
            yield "its final weights can't be read"


def nobody_writes_after_their_attempt(scene: Scene) -> Iterator[str]:
    """4. Every attempt at a run that is over is refused every kind of write, and changes nothing."""
    for run in whole(scene):
        now = scene.store.run(run.id)
        if now.state not in ENDED:
            continue
        before = stored(scene.store, run.id)
        for number in range(1, now.attempt + 2):
            late = scene.store.attempt(run.id, number)
            writes: dict[str, Callable[[], object]] = {
                "append": lambda late=late: late.append(Numbered(10_000, Warned(epoch=0.0, message="late"))),
                "fail": lambda late=late: late.fail("late"),
                "progress": lambda late=late: late.progress(Progress(0, 1, 0, 1, "late")),
                "beat": lambda late=late: late.beat(),
                "save": lambda late=late: late.files.save("masks-0000.safetensors", LATE, {}),
                "checkpoint": lambda late=late: late.files.save_checkpoint(0, LATE, {}),
            }
            for name, write in writes.items():
                with suppress(AttemptOver):
                    write()
                    yield f"attempt {number} could still {name}"
        if stored(scene.store, run.id) != before:
            yield "a late write changed it"


def damage_is_named_and_set_aside(scene: Scene) -> Iterator[str]:
    """5. Runs that the fault did not touch are what they were, and on the lists; a bundle can be made or says why not; nothing lies about."""
    for reference in scene.ground.references.values():
        if reference.run.id not in scene.damaged:
            try:
                if stored(scene.store, reference.run.id) != reference.stored:
                    yield f"another run, {reference.run.title}, was changed"
            except StoreError as error:
                yield f"another run, {reference.run.title}, can't be read: {error}"
    yield from unnamed_exports(scene)
    listed = {run.id for run in scene.store.runs(limit=None)}
    hidden = [r.run.title for r in scene.ground.references.values() if r.run.id not in listed | scene.damaged]
    if hidden:
        yield f"{', '.join(hidden)} can be read and is on no list"
    for run in whole(scene):
        yield from left_for_good(scene, run)
    if scene.store.database.sqlite:
        with scene.store.database.reading() as connection:
            said_of_it = connection.execute(text("PRAGMA integrity_check")).scalar()
        if said_of_it != "ok":
            yield f"the database is damaged: {said_of_it}"


def reading_gives_the_truth_and_changes_nothing(scene: Scene) -> Iterator[str]:
    """5 and 6. Whatever pages read gives the truth or an error of ours, and leaves every row as it was."""
    before = rows(scene)
    yield from unnamed(scene)
    if rows(scene) != before:
        yield "reading changed a row"


INVARIANTS = (
    nothing_acknowledged_is_lost,
    every_run_is_in_one_true_state,
    resumed_is_uninterrupted,
    nobody_writes_after_their_attempt,
    damage_is_named_and_set_aside,
    reading_gives_the_truth_and_changes_nothing,
)


def whole(scene: Scene) -> list[Run]:
    """The runs of which everything must hold: not those that the fault itself has damaged."""
    return [run for run in scene.runs if run.id not in scene.damaged]


def unnamed(scene: Scene, named: list[str] | None = None) -> Iterator[str]:
    """Read all that pages read; yields every error that is not one of ours. Ours are added to `named`."""
    store = scene.store
    known = [*(r.run.id for r in scene.ground.references.values()), *(run.id for run in scene.runs)]
    asks: list[tuple[str, Callable[[], object]]] = [
        ("runs", lambda: store.runs(limit=10_000)), ("speeds", store.speeds), ("queue_length", store.queue_length),
        ("search", lambda: store.runs(search="reference")),
    ]  # fmt: skip
    for run_id in known:
        for name in ("run", "events", "history", "files", "attempts", "log"):
            asks.append((name, lambda run_id=run_id, name=name: getattr(store, name)(run_id)))
        asks.append(("tensors", lambda run_id=run_id: [store.tensors(run_id, file.name) for file in store.files(run_id)]))
    asks += [("find", lambda f=fingerprint: store.find(f)) for fingerprint in scene.ground.references]
    yield from complaints(asks, named if named is not None else [])


def unnamed_exports(scene: Scene) -> Iterator[str]:
    """The same for bundles of the runs that the fault was about."""
    target = scene.home / "export.zip"
    yield from complaints([("export", lambda run=run: scene.store.export_runs([run.id], target)) for run in scene.runs[:2]], [])


def complaints(asks: list[tuple[str, Callable[[], object]]], named: list[str]) -> Iterator[str]:
    for name, ask in asks:
        try:
            ask()
        except StoreError as error:
            named.append(str(error))
            if "\n" in str(error) or not str(error):
                yield f"{name} gives an error that is not one line: {error}"
        except Exception as error:
            yield f"{name} gives {type(error).__name__}: {error}"


def left_for_good(scene: Scene, run: Run) -> list[str]:
    """What the supervisor doesn't clear away in its next rounds either."""
    end = time.monotonic() + patience(TIDY_SECONDS)
    while (found := list(strays(scene, run))) and time.monotonic() < end:
        time.sleep(0.1)
    return found


def strays(scene: Scene, run: Run) -> Iterator[str]:
    """Files of a run that is over and that nothing knows of."""
    with scene.store.database.reading() as connection:
        known = set(connection.scalars(select(FILES.c.stored).where(FILES.c.run == run.id)))
    folder = scene.store.folder(run.id)
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in known and path.name != "run.log" and path.suffix != ".damaged":
            yield f"{path.name} lies in its folder and nothing knows of it"


def rows(scene: Scene) -> str:
    """Every row of every table but the supervisor's lease."""
    with scene.store.database.reading() as connection:
        names = [table.name for table in METADATA.sorted_tables if table.name != "lease"]
        return json.dumps({name: [list(row) for row in connection.execute(text(f"SELECT * FROM {name}"))] for name in names}, default=str)
