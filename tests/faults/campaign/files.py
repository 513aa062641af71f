"""Faults of files: checkpoints, masks, weights and scores that are cut, flipped, exchanged, half written or gone."""

import shutil
from pathlib import Path

from sqlalchemy import select, update

from prune_core.store import StoreError
from prune_core.store.records import Run
from prune_core.store.tables import FILES

from .scene import DEADLINE, Missed, Scene, until


def cut(scene: Scene, path: Path) -> None:
    path.write_bytes(path.read_bytes()[: scene.chance.randrange(path.stat().st_size)])


def flip(scene: Scene, path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[scene.chance.randrange(len(data))] ^= 1 << scene.chance.randrange(8)
    path.write_bytes(data)


def checkpoint_cut(scene: Scene) -> None:
    hurt_checkpoints(scene, cut)


def checkpoint_flipped(scene: Scene) -> None:
    hurt_checkpoints(scene, flip)


def hurt_checkpoints(scene: Scene, damage) -> None:  # type: ignore[no-untyped-def]
    """The newest one, or both, while the worker is killed."""
    run = scene.start()
    checkpoints = under_way(scene, run)
    for path in checkpoints[-scene.chance.choice((1, 1, 2)) :]:
        damage(scene, path)
    scene.kill(scene.worker(run) or 0)


def checkpoint_exchanged(scene: Scene) -> None:
    """Another run's checkpoint lies in its place; or the list itself names another run's."""
    other = scene.submit(scene.specs[0])
    run = scene.submit(scene.specs[1])
    scene.supervise()
    foreign = [path.read_bytes() for path in under_way(scene, other)]
    rows = listed(scene, other)
    scene.kill(scene.worker(other) or 0)
    paths = under_way(scene, run)
    for path, data in zip(paths, foreign, strict=False):
        path.write_bytes(data)
    if scene.chance.random() < 0.5 and len(rows) == len(paths):
        with scene.store.database.writing() as connection:
            for path, row, data in zip(paths, rows, foreign, strict=True):
                path.with_name(row.stored).write_bytes(data)
                same = (FILES.c.run == run.id) & (FILES.c.stored == path.name)
                connection.execute(update(FILES).where(same).values(stored=row.stored, bytes=row.bytes, sha256=row.sha256))
                path.unlink()
    scene.kill(scene.worker(run) or 0)


def checkpoint_half_written(scene: Scene) -> None:
    """Killed while a checkpoint is being written."""
    run = scene.start()
    pid = scene.at_random(run, 0.6)
    folder = scene.store.folder(run.id)
    while not any(folder.glob("*.part")):
        if scene.worker(run) != pid:
            raise Missed
    scene.kill(pid)


def result_damaged(scene: Scene) -> None:
    """Masks, scores or weights of a finished run, or of one that goes on."""
    run = scene.start()
    if scene.chance.random() < 0.5:
        scene.at_random(run)
        if not any(file.kind != "checkpoint" for file in scene.store.files(run.id)):
            raise Missed
    else:
        scene.settle()
    file = scene.chance.choice([file for file in scene.store.files(run.id) if file.kind != "checkpoint"])
    path = scene.store.path(run.id, file.name)
    scene.chance.choice((cut, flip, lambda _, path: path.unlink(), lambda _, path: path.write_bytes(b"")))(scene, path)
    scene.settle()
    is_named(scene, run, file.name)
    path.unlink(missing_ok=True)
    scene.damaged.add(run.id)
    scene.untouched(run)


def folder_missing(scene: Scene) -> None:
    """The folder of a run goes, or that of all runs, while one is carried out."""
    run = scene.start()
    scene.at_random(run)
    if scene.chance.random() < 0.5:
        shutil.rmtree(scene.store.folder(run.id), ignore_errors=True)
    else:
        victim = next(iter(scene.ground.references.values())).run
        shutil.rmtree(scene.store.folder(victim.id))
        scene.damaged.add(victim.id)
        for file in scene.store.files(victim.id):
            is_named(scene, victim, file.name)
    if scene.chance.random() < 0.7 and (pid := scene.worker(run)):
        scene.kill(pid)
    scene.settle()
    lost = {file.name for file in scene.store.files(run.id) if not (scene.store.folder(run.id) / listed_as(scene, run, file.name)).exists()}
    for name in lost:
        is_named(scene, run, name)
    if lost:
        scene.damaged.add(run.id)
        scene.untouched(run)


def is_named(scene: Scene, run: Run, name: str) -> None:
    """Reading the file is an error that names it, and nothing else of the run is in doubt."""
    for ask in (scene.store.path, scene.store.tensors):
        try:
            ask(run.id, name)
            scene.found.append(f"{name} is damaged and was handed out")
        except StoreError as error:
            if name.removesuffix(".safetensors") not in str(error):
                scene.found.append(f"{name} is damaged and the error is {error}")


def under_way(scene: Scene, run: Run) -> list[Path]:
    """The two checkpoints of a run, whose worker is stopped between two transactions at a random moment."""
    until(lambda: (len(listed(scene, run)) == 2 and scene.worker(run)) or scene.over(run), "two checkpoints", DEADLINE)
    scene.wait(*[scene.chance.uniform(0, 0.2)] * 2)
    pid = scene.worker(run)
    if pid is None:
        raise Missed
    scene.freeze(pid)
    paths = [scene.store.folder(run.id) / row.stored for row in listed(scene, run)]
    if not all(path.exists() for path in paths) or scene.worker(run) != pid:
        scene.kill(pid)
        raise Missed
    return paths


def listed(scene: Scene, run: Run):  # type: ignore[no-untyped-def]
    query = select(FILES).where(FILES.c.run == run.id, FILES.c.kind == "checkpoint").order_by(FILES.c.position)
    with scene.store.database.reading() as connection:
        return connection.execute(query).all()


def listed_as(scene: Scene, run: Run, name: str) -> str:
    with scene.store.database.reading() as connection:
        return str(connection.scalar(select(FILES.c.stored).where(FILES.c.run == run.id, FILES.c.name == name)))
