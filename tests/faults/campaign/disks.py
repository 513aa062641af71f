"""Faults of the disk: full, not writable, failing at some write, and runs that come in while it happens."""

import resource
from contextlib import suppress

from . import hands
from .ground import said
from .scene import DEADLINE, Missed, Scene


def full(scene: Scene) -> None:
    """A small file system fills up while a run goes on, and has room again later. Three attempts in a row may get no further meanwhile."""
    scene.ends, scene.words = {"finished", "failed"}, "Gave up after 3 attempts"
    scene.move_to_small_disk()
    run = scene.start()
    scene.at_random(run)
    filler = scene.home.parent / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            with suppress(OSError):
                while True:
                    file.write(b"\0" * size)
    scene.wait(long=5.0, short=0.7)
    filler.unlink()


def not_writable(scene: Scene) -> None:
    """The folder of files can only be read from now on, and can be written again later."""
    scene.ends, scene.words = {"finished", "failed"}, "Gave up after 3 attempts"
    run = scene.start()
    scene.at_random(run, 0.7)
    place = scene.chance.choice((scene.home / "runs", scene.store.folder(run.id), scene.home))
    scene.mount("--bind", str(place), at=place)
    scene.mount("-o", "remount,bind,ro", at=place)
    scene.wait(long=5.0, short=0.7)
    scene.cleanup.close()


def failing_write(scene: Scene) -> None:
    """From some size on no file of the worker can grow: the database, its log of writes, a checkpoint or the log of the run."""
    run = scene.start()
    pid = scene.at_random(run)
    limit = scene.chance.choice((0, scene.chance.randrange(1 << 21)))
    try:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        scene.wait(*[scene.chance.uniform(0.05, 0.5)] * 2)
        with suppress(OSError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except OSError:
        raise Missed from None


def import_interrupted(scene: Scene) -> None:
    """A bundle is read in and the process is killed; read in again it is there, whole."""
    victim = next(iter(scene.ground.references.values()))
    bundle = scene.home.parent / f"{scene.home.name}.zip"
    scene.store.export_runs([victim.run.id], bundle)
    scene.cleanup.callback(bundle.unlink)
    scene.store.delete(victim.run.id)
    process = hands.started(hands.import_bundle, scene.home, bundle)
    process.join(scene.chance.uniform(0, 0.15))
    process.kill()
    process.join(DEADLINE)
    scene.store.import_runs(bundle)
    said_now = [said(event) for _, event in scene.store.events(victim.run.id)]
    if said_now != list(victim.events):
        scene.found.append("a run that was imported again says something else")
    for file in scene.store.files(victim.run.id):
        scene.store.tensors(victim.run.id, file.name)
    scene.damaged.add(victim.run.id)
    scene.supervise()
    scene.submit()
