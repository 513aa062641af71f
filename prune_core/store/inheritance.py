"""What a run takes over from its parent, found in the store and checked."""

import json
from typing import TYPE_CHECKING

from ..events import Finished, Pruned
from ..history import History
from ..parents import Inherited, NoParent, mask_checksum
from ..spec import Parent
from .records import Run, StoreError

if TYPE_CHECKING:
    from .store import Store


def inherited(store: "Store", parent: Parent) -> Inherited:
    """Masks at the event that `parent` names, and final weights if that event is the last. Raises NoParent in words.

    The same run may be here several times, from different devices or versions: the one whose masks are meant is found among them.
    """
    refused: NoParent | None = None
    for run in store.finished(parent.fingerprint):
        try:
            return taken(store, run, parent)
        except NoParent as error:
            refused = refused or error
        except StoreError as error:
            refused = refused or NoParent(f"parent: '{run.title}' can't be read: {error}")
    raise refused or NoParent("parent: the run that this one starts from is not finished in this store. Run it first, or import it.")


def taken(store: "Store", run: Run, parent: Parent) -> Inherited:
    events = store.events(run.id)
    at = next((event for number, event in events if number == parent.event), None)
    prunings = History.of(event for number, event in events if number <= parent.event).prunings
    if not isinstance(at, Pruned | Finished):
        raise NoParent(f"parent: event {parent.event} of '{run.title}' is no pruning and not its end.")
    masks, shapes = {}, {}
    if prunings and prunings[-1].file:
        masks = store.tensors(run.id, prunings[-1].file)
        shapes = {name: tuple(shape) for name, shape in json.loads(store.metadata(run.id, prunings[-1].file)["shapes"]).items()}
    if mask_checksum(masks, shapes) != parent.mask_checksum:
        raise NoParent(f"parent: the masks of '{run.title}' are not those that this run was made for.")
    weights = {}
    if isinstance(at, Finished):
        if at.file not in {file.name for file in store.files(run.id)}:
            raise NoParent(f"parent: the final weights of '{run.title}' are not here. Run it again, then train it longer.")
        weights = store.tensors(run.id, at.file)
    return Inherited(run.spec, masks, shapes, weights)
